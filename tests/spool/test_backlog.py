"""What an earlier process left is read back."""

from __future__ import annotations

from mcmtpush.spool.codec import (
    Delete,
    Update,
    insert_of,
)
from mcmtpush.values import HELD, QueueKey
from tests.spool.test_codec import KEY, a_message, a_submission
from tests.spool.test_store import StoreCase, recover_all


class RecoverTests(StoreCase):
    """What a start reads."""

    def test_held_stays_held(self) -> None:
        """The time that never comes survives a restart, and is of the right type."""
        (row,) = self.insert()
        self.store.apply([Update(((2, HELD, row),))])
        page, faults = self.reopen().recover(0, 10)
        self.assertEqual(faults, [])
        ((_, entry),) = page
        self.assertEqual((entry.next_attempt_at, entry.attempts), (HELD, 2))
        self.store.apply([Update(((2, 0.0, row),))])
        ((_, entry),) = self.reopen().recover(0, 10)[0]
        self.assertEqual(entry.next_attempt_at, 0.0)

    def test_pages_in_order(self) -> None:
        """Everything of an earlier process, oldest first, in pages, with its queue."""
        other = QueueKey("g", "b", "other.example")
        rows = [
            self.insert(a_submission(a_message(key=other if number % 2 else KEY)))[0]
            for number in range(7)
        ]
        store = self.reopen()
        page, faults = store.recover(0, 3)
        self.assertEqual([entry.row for _, entry in page], rows[:3])
        self.assertEqual(faults, [])
        found = recover_all(store)
        self.assertEqual([entry.row for _, entry in found], rows)
        self.assertEqual([key for key, _ in found], [KEY, other] * 3 + [KEY])

    def test_own_rows_are_not_recovered(self) -> None:
        """What this process stored is in its queues already."""
        old = self.insert()
        self.reopen()
        self.row = self.store.first_row
        self.insert()
        self.assertEqual([entry.row for _, entry in recover_all(self.store)], old)

    def test_numbers_are_never_used_again(self) -> None:
        """A later process starts above every number that was ever given out."""
        highest = 0
        for _ in range(3):
            rows = [self.insert()[0] for _ in range(3)]
            self.assertGreater(min(rows), highest)
            highest = max(rows)
            self.store.apply([Delete(tuple(rows))])
            del self.row
            self.reopen()

    def test_reservation_follows(self) -> None:
        """Numbers stay reserved ahead of use however many one process stores."""
        far = self.store.first_row + 250_000
        self.store.apply([insert_of(a_submission(), far)])
        self.store.apply([Delete((far,))])
        self.assertGreater(self.reopen().first_row, far)
