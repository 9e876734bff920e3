"""The ledger: changes whole or not at all, and troubles that end by themselves."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from math import inf
from pathlib import Path

from mcmtpush.errors import SpoolError
from mcmtpush.shared import ledger as module
from mcmtpush.shared.database import lock_of, prepare
from mcmtpush.shared.ledger import REST_SECONDS, SILENCE_SECONDS, Ledger, Rows
from tests.shared.hands import Hands, room
from tests.support.case import TestCase


def add(rows: Rows) -> int:
    """One more row; how many there are."""
    rows.execute("INSERT INTO slot SELECT 1, count(*), 0, 0 FROM slot")
    return count(rows)


def count(rows: Rows) -> int:
    (found,) = rows.execute("SELECT count(*) FROM slot").fetchone()
    return int(found)


class LedgerTests(TestCase):
    def setUp(self) -> None:
        self.hands = Hands()
        self.hands.listen(self)
        self.addCleanup(self.hands.close)
        self.path, self.clock = self.hands.path, self.hands.clock
        self.one, self.two = self.hands.ledger(1), self.hands.ledger(2)

    def rest(self) -> None:
        self.clock.advance(REST_SECONDS)

    def damage(self) -> None:
        """As a disk does that loses its mind."""
        for path in self.path.parent.glob("workers.db*"):
            if path.suffix != ".lock":
                with path.open("r+b") as file:
                    file.write(b"nonsense" * (path.stat().st_size // 8))

    def test_changes_of_all(self) -> None:
        """What one changes another sees."""
        self.assertEqual(self.one.change(add, 0), 1)
        self.assertEqual(self.two.change(add, 0), 2)
        self.assertEqual(self.one.look(count, 0), 2)
        self.assertEqual((self.one.born_at, self.one.editions), (-inf, 1))

    def test_nobody_else_reads_it(self) -> None:
        """Nor the files beside it."""
        self.one.change(add, 0)
        for path in self.path.parent.glob("*"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    def test_an_error_undoes_all(self) -> None:
        """A change that fails half way has not happened; a bug is not hidden."""

        def stumble(rows: Rows) -> int:
            add(rows)
            return 1 // 0

        self.assertRaises(ZeroDivisionError, self.one.change, stumble, 0)
        self.assertEqual(self.two.change(add, 0), 1)

    def test_held_for_too_long(self) -> None:
        """The answer is no, said once, nothing is tried meanwhile; then all is well."""
        self.one.change(add, 0)
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(self.one.change(add, -1), -1)
            self.assertEqual(self.one.look(count, -1), -1)
            self.rest()
            self.assertEqual(self.one.change(add, -1), -1)
            self.rest()
            # Who only reads is not held up.
            self.assertEqual(self.one.look(count, -1), 1)
            self.assertEqual(self.one.change(add, -1), -1)
            other.execute("ROLLBACK")
            self.rest()
            self.assertEqual(self.one.change(add, -1), 2)
        lines = self.hands.lines
        self.assertEqual(len(lines), 2)
        self.assertIn("database is locked. What is limited waits", lines[0])
        self.assertIn("counted again", lines[1])
        self.assertEqual(self.one.editions, 1)

    def test_said_once_a_minute(self) -> None:
        """A trouble that lasts is not said with every try."""
        self.path.unlink()
        self.path.mkdir()
        for _ in range(int(SILENCE_SECONDS * 2 / REST_SECONDS)):
            self.assertEqual(self.one.change(add, -1), -1)
            self.rest()
        self.assertEqual(len(self.hands.lines), 2)

    def test_a_short_wait(self) -> None:
        """A change waits for one that is under way."""
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        pauses: list[float] = []

        class Time:
            monotonic = staticmethod(module.time.monotonic)

            @staticmethod
            def sleep(seconds: float) -> None:
                pauses.append(seconds)
                if len(pauses) == 3:
                    other.execute("COMMIT")

        self.patch(module, "time", Time)
        self.assertEqual(self.one.change(add, -1), 1)
        self.assertEqual(len(pauses), 3)

    def test_damaged(self) -> None:
        """It is made anew, with the instant since when it knows everything."""
        self.one.change(add, 0)
        self.two.change(add, 0)
        self.damage()
        self.clock.advance(5)
        self.assertEqual(self.one.change(add, -1), -1)
        self.rest()
        self.assertEqual(self.one.change(add, -1), 1)
        self.assertEqual((self.one.born_at, self.one.editions), (5 + REST_SECONDS, 2))
        self.clock.advance(1)
        self.assertEqual(self.two.change(add, -1), 2)
        self.assertEqual((self.two.born_at, self.two.editions), (5 + REST_SECONDS, 2))

    def test_damaged_for_all(self) -> None:
        """Whoever comes second leaves what the first made."""
        self.one.change(add, 0)
        self.two.change(add, 0)
        self.damage()
        for each in (self.one, self.two):
            self.assertEqual(each.change(add, -1), -1)
        self.rest()
        self.assertEqual(
            [each.change(add, -1) for each in (self.one, self.two)], [1, 2]
        )

    def test_another_database(self) -> None:
        """A file that is none of ours is replaced as well."""
        self.path.unlink()
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("CREATE TABLE strange (a)")
        self.assertEqual(self.one.change(add, -1), -1)
        self.rest()
        self.assertEqual(self.one.change(add, -1), 1)

    def test_an_empty_database(self) -> None:
        """So is one whose making was cut short, or that somebody emptied."""
        with closing(sqlite3.connect(self.path)) as other, other:
            other.execute("DELETE FROM ledger")
        self.assertEqual(self.one.change(add, -1), -1)
        self.rest()
        self.assertEqual(self.one.change(add, -1), 1)
        self.one.close()
        self.path.write_bytes(b"")
        self.assertEqual(self.one.change(add, -1), 1)

    def test_removed(self) -> None:
        """All meet again in a new file."""
        self.one.change(add, 0)
        self.two.change(add, 0)
        self.path.unlink()
        self.clock.advance(7)
        self.assertEqual(self.one.change(add, -1), 1)
        self.assertEqual(self.two.change(add, -1), 2)
        self.assertEqual((self.one.born_at, self.two.born_at), (7, 7))
        self.assertEqual((self.one.editions, self.two.editions), (2, 2))

    def test_reopened(self) -> None:
        """The same file is no new edition."""
        self.one.change(add, 0)
        self.one.close()
        self.assertEqual(self.one.change(add, 0), 2)
        self.assertEqual(self.one.editions, 1)

    def test_a_full_disk(self) -> None:
        """Nothing is granted, and what was granted before is still there."""
        self.assertEqual(self.one.change(add, -1), 1)
        with room(self.path.with_name("workers.db-wal").stat().st_size + 100):
            self.assertEqual(self.one.change(add, -1), -1)
            self.rest()
            self.assertEqual(self.one.change(add, -1), -1)
        self.rest()
        self.assertEqual(self.one.change(add, -1), 2)
        self.assertEqual((self.one.born_at, self.one.editions), (-inf, 1))

    def test_no_room_for_a_new_one(self) -> None:
        """It is made once there is room."""
        self.path.unlink()
        with room(100):
            self.assertEqual(self.one.change(add, -1), -1)
        self.rest()
        self.assertEqual(self.one.change(add, -1), 1)

    def test_prepare(self) -> None:
        """The parent begins with an empty file, whatever was left."""
        self.one.change(add, 0)
        prepare(str(self.path))
        self.assertEqual(self.two.change(add, 0), 1)
        self.assertEqual(self.two.born_at, -inf)
        self.damage()
        prepare(str(self.path))
        self.assertEqual(self.two.change(add, 0), 1)

    def test_prepare_where_it_cannot_be(self) -> None:
        """One line says why."""
        path = Path(self.mktemp()).resolve() / "absent" / "workers.db"
        error = self.assertRaises(SpoolError, prepare, str(path))
        self.assertIn("No such file", str(error))
        self.assertIn(str(path), str(error))

    def test_the_lock_is_held(self) -> None:
        """Nothing is opened, made or removed meanwhile."""
        other = Ledger(str(self.path), worker=3, seconds=self.clock.seconds)
        self.addCleanup(other.close)
        with lock_of(str(self.path)):
            self.assertEqual(other.change(add, -1), -1)
        self.rest()
        self.assertEqual(other.change(add, -1), 1)
