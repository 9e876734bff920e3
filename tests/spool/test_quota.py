"""The last part of the disk is for removals."""

from __future__ import annotations

from mcmtpush.errors import SpoolFullError
from mcmtpush.spool.codec import (
    Delete,
    Update,
    insert_of,
)
from mcmtpush.spool.database import open_database
from mcmtpush.spool.store import Store
from tests.spool.test_codec import a_submission
from tests.spool.test_store import StoreCase, burial


class RoomTests(StoreCase):
    """The last part of the disk is for removals."""

    def setUp(self) -> None:
        super().setUp()
        self.store.close()
        self.bytes_left = 1_000_000
        database = open_database(str(self.place / "mcmtpush.db"), force_fsync=False)
        self.store = Store(database, room=lambda: self.bytes_left)
        self.addCleanup(self.store.close)

    def test_stops_in_time(self) -> None:
        """A message that might not fit twice, in log and table, is refused."""
        rows = self.insert(a_submission(mail=b"m" * 400_000))
        self.bytes_left = 500_000
        with self.assertRaises(SpoolFullError):
            self.insert(a_submission(mail=b"m" * 400_000))
        self.assertEqual(set(self.store.load([*rows, self.row - 1])[0]), set(rows))

    def test_removals_go_on(self) -> None:
        """Without any room left, entries are still changed and removed."""
        first, second = self.insert()[0], self.insert()[0]
        self.bytes_left = -1_000_000
        self.store.apply([Delete((first,)), Update(((1, 2.0, second),))])
        self.assertEqual(set(self.store.load([first, second])[0]), {second})

    def test_no_room_for_the_dead(self) -> None:
        """Letters are not kept with the room that removals need."""
        self.bytes_left = 50_000
        first, second = self.insert()[0], self.insert()[0]
        self.store.apply([burial(first)])
        self.bytes_left = 2000
        with self.assertRaisesRegex(SpoolFullError, "to keep dead letters"):
            self.store.apply([burial(second)])
        self.assertEqual((self.count("entry"), self.count("dead_letter")), (1, 1))

    def test_free_pages_are_room(self) -> None:
        """What was removed makes room inside the file for what comes."""
        (row,) = self.insert(a_submission(mail=b"m" * 400_000))
        self.bytes_left = 0
        with self.assertRaises(SpoolFullError):
            self.insert(a_submission(mail=b"m" * 100_000))
        self.store.apply([Delete((row,))])
        self.insert(a_submission(mail=b"m" * 100_000))

    def test_each_by_itself(self) -> None:
        """Where operations are tried one by one a small one may still fit."""
        (old,) = self.insert()
        self.bytes_left = 20_000
        outcomes = self.store.apply_each(
            [
                insert_of(a_submission(mail=b"m" * 50_000), self.row),
                insert_of(a_submission(), self.row + 1),
                Delete((old,)),
            ]
        )
        self.assertEqual(
            [type(outcome) for outcome in outcomes],
            [SpoolFullError, type(None), type(None)],
        )
