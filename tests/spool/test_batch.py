"""Batches that bury: what failed is kept apart from what waits."""

from __future__ import annotations

import sqlite3

from mcmtpush.spool.codec import (
    Delete,
    Update,
    bury_of,
    insert_of,
)
from tests.spool.test_codec import KEY, PUSH, a_message, a_submission
from tests.spool.test_store import StoreCase, a_letter, burial


class BuryTests(StoreCase):
    """Failed messages that are kept."""

    def letters(self, columns: str) -> list[tuple[object, ...]]:
        """The dead letters, as an operator sees them."""
        other = sqlite3.connect(self.place / "mcmtpush.db")
        found = other.execute(f"SELECT {columns} FROM dead_letter ORDER BY row")
        letters = found.fetchall()
        other.close()
        return letters

    def test_moves_everything(self) -> None:
        """Entry and content leave their tables and stand among the dead letters."""
        message = a_message(message_context={"a": "b"}, priority=1)
        (row,) = self.insert(a_submission(message, mail=b"the mail"))
        self.store.apply([burial(row)])
        self.assertEqual((self.count("entry"), self.count("content")), (0, 0))
        self.assertEqual(
            self.letters(
                "row, id, batch_id, connection_id, received_at, died_at, keep_until, "
                "sender, recipient, binding_group, binding, domain, attempts, size, "
                "connection_context, message_context, status, reason, token, payload, "
                "return_path, mail, replayed_as"
            ),
            [
                (
                    *(row, message.id, message.batch_id, message.connection_id),
                    *(message.received_at, 1700000900.5, 1700009000.0),
                    *(message.sender, message.recipient, *KEY, 1, message.size),
                    *(None, '{"a":"b"}', 8, "Invalid token"),
                    *(PUSH.token, PUSH.payload, PUSH.return_path, b"the mail", None),
                )
            ],
        )

    def test_shared_content_is_copied(self) -> None:
        """Every recipient has the bodies of its own, and the living keep theirs."""
        first, second, third = self.insert(
            a_submission(a_message(), a_message(), a_message(), mail=b"shared")
        )
        self.store.apply([burial(first, third)])
        self.assertEqual(
            self.letters("row, mail"), [(first, b"shared"), (third, b"shared")]
        )
        self.assertEqual(self.store.load_mail(second), b"shared")
        self.store.apply([burial(second)])
        self.assertEqual((self.count("content"), self.count("dead_letter")), (0, 3))

    def test_no_push_part_and_no_answer(self) -> None:
        """What was not there is NULL."""
        (row,) = self.insert(a_submission(push=None))
        self.store.apply([bury_of([a_letter(row, status=None)])])
        self.assertEqual(
            self.letters("status, token, payload, return_path"), [(None,) * 4]
        )

    def test_attempts(self) -> None:
        """The higher count holds: the last attempt may not have been stored."""
        (row,) = self.insert()
        (other,) = self.insert()
        self.store.apply([Update(((5, 0.0, row), (5, 0.0, other)))])
        self.store.apply([bury_of([a_letter(row), a_letter(other, attempts=6)])])
        self.assertEqual(self.letters("attempts"), [(5,), (6,)])

    def test_twice(self) -> None:
        """Burying what is gone does nothing."""
        (row,) = self.insert()
        for _ in range(2):
            self.store.apply([burial(row, row + 50)])
        self.assertEqual(self.count("dead_letter"), 1)

    def test_reasons_that_are_no_text(self) -> None:
        """A reason is kept as far as it is text, and not without end."""
        (row,) = self.insert()
        self.store.apply([bury_of([a_letter(row, reason="\ud800" + "x" * 5000)])])
        ((reason,),) = self.letters("reason")
        self.assertEqual(reason, "?" + "x" * 999)

    def test_is_part_of_its_batch(self) -> None:
        """When the batch fails the message is where it was."""
        (row,) = self.insert()
        twice = insert_of(a_submission(), row)
        with self.assertRaises(sqlite3.IntegrityError):
            self.store.apply([burial(row), twice])
        self.assertEqual((self.count("entry"), self.count("dead_letter")), (1, 0))

    def test_many(self) -> None:
        """Any number at once."""
        rows = [self.insert()[0] for _ in range(170)]
        self.store.apply([burial(*rows[:165]), Delete(tuple(rows[165:]))])
        self.assertEqual(self.letters("row"), [(row,) for row in rows[:165]])
        self.assertEqual((self.count("entry"), self.count("content")), (0, 0))

    def test_purge(self) -> None:
        """Those whose time is over go, the oldest first, so many at once."""
        rows = [self.insert()[0] for _ in range(5)]
        letters = [a_letter(row, keep_until=100.0 - row) for row in rows]
        self.store.apply([bury_of(letters)])
        before = 100.0 - rows[1]
        self.assertEqual(self.store.purge_dead(before, 2), 2)
        self.assertEqual(self.letters("row"), [(row,) for row in rows[:3]])
        self.assertEqual(self.store.purge_dead(before, 2), 1)
        self.assertEqual(self.store.purge_dead(before, 2), 0)
        self.assertEqual(self.letters("row"), [(row,) for row in rows[:2]])

    def test_numbers_are_never_used_again(self) -> None:
        """A dead letter's number is not given to a new message by a later process."""
        (row,) = self.insert()
        self.store.apply([burial(row)])
        self.assertGreater(self.reopen().first_row, row)
