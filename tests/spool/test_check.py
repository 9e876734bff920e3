"""Is a spool sound?"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from mcmtpush.errors import SpoolError
from mcmtpush.spool.check import Inspection, SetAside, add_up, inspect_spool
from mcmtpush.spool.codec import Update
from mcmtpush.values import HELD
from tests.spool.test_codec import a_message, a_submission
from tests.spool.test_database import make_version_1
from tests.spool.test_store import StoreCase, burial
from tests.support.case import TestCase


NOW = 1700001000.0


class CheckCase(StoreCase):
    """A store with its inspector."""

    def inspect(self, *, quick: bool = False) -> Inspection:
        """What is found."""
        return inspect_spool(str(self.place / "mcmtpush.db"), now=NOW, quick=quick)

    def faults(self) -> tuple[str, ...]:
        """What is damaged."""
        return self.inspect().faults

    def break_page(self, table: str) -> None:
        """Overwrite a leaf page of a table."""
        self.store.close()
        path = self.place / "mcmtpush.db"
        database = sqlite3.connect(path)
        pages = database.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' "
            "ORDER BY path",
            [table],
        ).fetchall()
        database.close()
        with path.open("r+b") as file:
            file.seek((pages[len(pages) // 2][0] - 1) * 4096)
            file.write(b"\xa5" * 4096)


class CountTests(CheckCase):
    """A sound one."""

    def test_empty(self) -> None:
        """A new spool is sound."""
        found = self.inspect()
        self.assertTrue(found.sound)
        self.assertEqual((found.version, found.entries, found.dead), (3, 0, 0))

    def test_counts(self) -> None:
        """Delayed and held ones are among the entries; due ones are not delayed."""
        rows = [self.insert()[0] for _ in range(6)]
        shared = self.insert(a_submission(a_message(), a_message()))
        self.store.apply([burial(rows[0], shared[0])])
        self.store.apply(
            [
                Update(
                    (
                        (1, HELD, rows[1]),
                        (1, NOW + 1, rows[2]),
                        (1, NOW + 99, rows[3]),
                        (1, NOW - 1, rows[4]),
                    )
                )
            ]
        )
        for quick in (False, True):
            found = self.inspect(quick=quick)
            self.assertTrue(found.sound, found.faults)
            self.assertEqual(
                (found.entries, found.delayed, found.held, found.dead), (6, 2, 1, 2)
            )

    def test_version_1(self) -> None:
        """A spool of an earlier version can be checked as well."""
        path = self.mktemp()
        make_version_1(path)
        found = inspect_spool(path, now=NOW)
        self.assertTrue(found.sound, found.faults)
        self.assertEqual((found.version, found.entries, found.dead), (1, 3, 0))

    def test_changes_nothing(self) -> None:
        """The owner goes on as if nobody had looked."""
        self.insert()
        before = (self.place / "mcmtpush.db").read_bytes()
        self.inspect()
        self.assertEqual((self.place / "mcmtpush.db").read_bytes(), before)
        self.insert()


class DamageTests(CheckCase):
    """What is wrong with others."""

    def test_rows(self) -> None:
        """Rows that the gateway would set aside are named with the reason."""
        rows = [self.insert()[0] for _ in range(5)]
        for change, row in (
            ("UPDATE entry SET size = 'x' WHERE row = ?", rows[0]),
            ("UPDATE entry SET message_context = '{' WHERE row = ?", rows[1]),
            ("DELETE FROM content WHERE row = ?", rows[2]),
            ("DELETE FROM entry WHERE row = ?", rows[3]),
        ):
            self.damage(change, [row])
        self.assertEqual(
            self.faults(),
            (
                f"row {rows[0]}: a column has a value of the wrong type",
                f"row {rows[1]}: a context is not JSON",
                f"row {rows[2]}: its content is missing",
                "1 contents belong to no message",
            ),
        )

    def test_quarantine(self) -> None:
        """Rows that were set aside are listed, and make the spool unsound."""
        (row,) = self.insert()
        self.damage("UPDATE entry SET size = 'x'")
        self.store.load([row])
        found = self.inspect()
        self.assertFalse(found.sound)
        self.assertEqual((found.entries, found.quarantined, found.faults), (0, 1, ()))
        reason = "a column has a value of the wrong type"
        message = a_message()
        self.assertEqual(
            found.quarantine,
            (SetAside(1, row, message.id, message.recipient, reason),),
        )

    def test_broken_pages(self) -> None:
        """What cannot be read is said, and the rest is counted all the same."""
        for _ in range(60):
            self.insert(a_submission(mail=b"m" * 900))
        self.break_page("entry")
        found = self.inspect()
        self.assertFalse(found.sound)
        self.assertEqual(found.dead, 0)
        self.assertTrue(any("cannot be read" in fault for fault in found.faults))
        self.assertGreater(len(found.faults), 1)

    def test_ended(self) -> None:
        """Messages that could not be removed are counted."""
        self.insert()
        self.damage("INSERT INTO ended VALUES (1)")
        self.assertEqual(self.faults(), ("1 messages ended and could not be removed",))

    def test_unusable(self) -> None:
        """No file and no database are errors, not findings."""
        garbage = Path(self.mktemp())
        garbage.write_bytes(b"garbage" * 1000)
        for path in (str(garbage), self.mktemp()):
            with self.assertRaises(SpoolError):
                inspect_spool(path, now=NOW)


class SumTests(TestCase):
    """Several spools."""

    def inspection(self, path: str, **changes: Any) -> Inspection:
        """A sound one."""
        counts = dict.fromkeys(("entries", "delayed", "held", "dead"), 2)
        sound: dict[str, Any] = {
            "path": path,
            "version": 3,
            "quarantined": 0,
            "quarantine": (),
            "faults": (),
            **counts,
        }
        return Inspection(**{**sound, **changes})

    def test_one(self) -> None:
        """Is what it is."""
        one = self.inspection("a")
        self.assertIs(add_up([one]), one)

    def test_sums(self) -> None:
        """Of all that is known; damage anywhere is damage, with its place."""
        row = SetAside(1, 7, "id", "to", "odd")
        found = add_up(
            [
                self.inspection("a"),
                self.inspection("b", held=None, faults=("broken",), version=2),
                self.inspection("c", quarantined=1, quarantine=(row,)),
            ]
        )
        self.assertEqual((found.path, found.version), ("a", 2))
        self.assertEqual((found.entries, found.held, found.quarantined), (6, None, 1))
        self.assertEqual(found.faults, ("b: broken",))
        self.assertEqual(found.quarantine, (row,))
        self.assertFalse(found.sound)
        self.assertTrue(add_up([self.inspection("a"), self.inspection("b")]).sound)
