"""The database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mcmtpush.errors import SpoolError
from mcmtpush.spool.database import open_database
from mcmtpush.spool.store import Store
from tests.support.case import TestCase


class OpenDatabaseTests(TestCase):
    """What may be opened, and how."""

    def setUp(self) -> None:
        self.path = self.mktemp()

    def pragma(self, name: str, *, force_fsync: bool = True) -> object:
        """A setting of a connection as the program opens it."""
        database = open_database(self.path, force_fsync=force_fsync)
        (value,) = database.execute(f"PRAGMA {name}").fetchone()
        database.close()
        return value

    def refused(self, reason: str) -> None:
        """Opening fails with a reason that names the file."""
        with self.assertRaisesRegex(SpoolError, reason) as caught:
            open_database(self.path, force_fsync=True)
        self.assertIn(self.path, str(caught.exception))

    def test_is_marked(self) -> None:
        """The file says what it is and which version."""
        self.assertEqual(self.pragma("application_id"), 0x4D434D54)
        self.assertEqual(self.pragma("user_version"), 1)

    def test_is_durable(self) -> None:
        """A commit is synchronised to the disk when that is asked for."""
        self.assertEqual(self.pragma("journal_mode"), "wal")
        self.assertEqual(self.pragma("synchronous"), 2)
        self.assertEqual(self.pragma("synchronous", force_fsync=False), 1)

    def test_log_is_bounded(self) -> None:
        """The write-ahead log is moved into the database again and again."""
        self.assertEqual(self.pragma("wal_autocheckpoint"), 4096)
        self.assertEqual(self.pragma("journal_size_limit"), 64 * 1024 * 1024)

    def test_refuses_a_newer_version(self) -> None:
        """A spool of a later program is left alone."""
        open_database(self.path, force_fsync=True).close()
        database = sqlite3.connect(self.path)
        database.execute("PRAGMA user_version = 2")
        database.close()
        self.refused("has version 2, this program knows version 1")

    def test_refuses_a_foreign_database(self) -> None:
        """A database of somebody else is left alone."""
        database = sqlite3.connect(self.path)
        database.execute("CREATE TABLE theirs (a)")
        database.close()
        self.refused("is not a spool of mcmtpush")

    def test_refuses_what_is_no_database(self) -> None:
        """So is any other file."""
        Path(self.path).write_bytes(b"From: somebody\r\n" * 100)
        self.refused("not a database")

    def test_refuses_a_missing_folder(self) -> None:
        """A path that cannot be is told."""
        self.path = f"{self.path}/no/such/folder"
        self.refused("cannot open the spool")

    def test_goes_on_after_a_start_cut_short(self) -> None:
        """A file that was created but never filled becomes a spool."""
        database = sqlite3.connect(self.path)
        database.execute("PRAGMA journal_mode = WAL")
        database.close()
        self.assertGreater(Path(self.path).stat().st_size, 0)
        self.assertEqual(self.pragma("user_version"), 1)

    def test_refuses_a_spool_without_its_tables(self) -> None:
        """A spool that lost a table is an error at the start, not later."""
        database = open_database(self.path, force_fsync=True)
        database.execute("DROP TABLE reservation")
        self.addCleanup(database.close)
        with self.assertRaisesRegex(SpoolError, "cannot read the spool"):
            Store(database)
