"""The database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mcmtpush.errors import SpoolError
from mcmtpush.spool import database as module
from mcmtpush.spool.database import open_database, open_marker, open_reader
from mcmtpush.spool.store import Store
from mcmtpush.values import HELD
from tests.support.case import TestCase


VERSION_1 = Path(__file__).with_name("version-1.sql")
"""A spool of version 1 with three messages, of which two share their content."""


def make_version_1(path: str) -> None:
    """A spool as the first version of this program left it."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(VERSION_1.read_text(encoding="utf-8"))
    database.close()


def tables_of(path: str) -> dict[str, str]:
    """Every table and index with its text."""
    database = sqlite3.connect(path)
    found = database.execute("SELECT name, sql FROM sqlite_master").fetchall()
    database.close()
    return dict(found)


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
        self.assertEqual(self.pragma("user_version"), 3)

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
        database.execute("PRAGMA user_version = 4")
        database.close()
        self.refused("has version 4, this program knows versions up to 3")

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
        self.assertEqual(self.pragma("user_version"), 3)

    def test_refuses_a_spool_without_its_tables(self) -> None:
        """A spool that lost a table is an error at the start, not later."""
        database = open_database(self.path, force_fsync=True)
        database.execute("DROP TABLE reservation")
        self.addCleanup(database.close)
        with self.assertRaisesRegex(SpoolError, "cannot read the spool"):
            Store(database)


class UpgradeTests(TestCase):
    """Spools of earlier versions."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        make_version_1(self.path)

    def version(self) -> int:
        """Which version the file has."""
        database = sqlite3.connect(self.path)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.close()
        return int(version)

    def test_brought_up_to_date(self) -> None:
        """It has all that a new one has, and everything that was in it."""
        store = Store(open_database(self.path, force_fsync=False))
        self.addCleanup(store.close)
        entries = store.recover(0, 100)[0]
        self.assertEqual([entry.row for _, entry in entries], [1, 2, 4])
        self.assertEqual(set(store.load([1, 2, 4])[0]), {1, 2, 4})
        self.assertEqual(store.first_row, 100001)
        self.assertEqual(self.version(), 3)
        new = self.mktemp()
        open_database(new, force_fsync=False).close()
        self.assertEqual(tables_of(self.path), tables_of(new))

    def test_once(self) -> None:
        """A second start finds nothing to do."""
        open_database(self.path, force_fsync=False).close()
        tables = tables_of(self.path)
        open_database(self.path, force_fsync=False).close()
        self.assertEqual(tables_of(self.path), tables)

    def test_all_or_nothing(self) -> None:
        """An upgrade that fails at its end leaves the version that was there."""
        tables = tables_of(self.path)
        database = sqlite3.connect(self.path)
        database.execute("CREATE TABLE theirs (died_at)")
        database.execute("CREATE INDEX dead_letter_keep_until ON theirs (died_at)")
        database.close()
        with self.assertRaisesRegex(SpoolError, "cannot open the spool .*already"):
            open_database(self.path, force_fsync=False)
        self.assertEqual(self.version(), 1)
        self.assertNotIn("dead_letter", tables_of(self.path))
        database = sqlite3.connect(self.path)
        database.execute("DROP TABLE theirs")
        database.close()
        self.assertEqual(tables_of(self.path), tables)
        open_database(self.path, force_fsync=False).close()
        self.assertEqual(self.version(), 3)


class ReadOnlyDiskTests(TestCase):
    """A disk that cannot be written when the program starts."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        connect = sqlite3.connect

        def connect_read_only(path: str, **_: object) -> sqlite3.Connection:
            return connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)

        make_version_1(self.path)
        self.patch(module.sqlite3, "connect", connect_read_only)

    def test_needed_upgrade_is_refused(self) -> None:
        """The reason names the file and says that it cannot be written."""
        with self.assertRaisesRegex(SpoolError, "readonly") as caught:
            open_database(self.path, force_fsync=True)
        self.assertIn(self.path, str(caught.exception))


class ReaderTests(TestCase):
    """Connections beside the owner's."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.owner = open_database(self.path, force_fsync=False)
        self.addCleanup(self.owner.close)

    def test_reads_beside_its_owner(self) -> None:
        """It sees every commit at once, and can change nothing."""
        reader = open_reader(self.path)
        self.addCleanup(reader.close)
        self.owner.execute("UPDATE reservation SET next_row = 55")
        found = reader.execute("SELECT next_row FROM reservation").fetchall()
        self.assertEqual(found, [(55,)])
        with self.assertRaises(sqlite3.OperationalError):
            reader.execute("UPDATE reservation SET next_row = 66")

    def test_marker(self) -> None:
        """A marker can change things, unless the owner is in the middle of that."""
        marker = open_marker(self.path)
        self.addCleanup(marker.close)
        marker.execute("UPDATE reservation SET next_row = 77")
        found = self.owner.execute("SELECT next_row FROM reservation").fetchall()
        self.assertEqual(found, [(77,)])

    def test_refused(self) -> None:
        """What is not there, not a spool, or of a later program is told."""
        foreign, garbage = self.mktemp(), self.mktemp()
        sqlite3.connect(foreign).execute("CREATE TABLE theirs (a)").close()
        Path(garbage).write_bytes(b"From: somebody\r\n" * 100)
        for path, reason in (
            (self.mktemp(), "there is no spool"),
            (foreign, "is not a spool of mcmtpush"),
            (garbage, "not a database"),
        ):
            with self.assertRaisesRegex(SpoolError, reason):
                open_reader(path)
        self.owner.execute("PRAGMA user_version = 4")
        with self.assertRaisesRegex(SpoolError, "has version 4"):
            open_reader(self.path)
        with self.assertRaisesRegex(SpoolError, "cannot change the spool"):
            open_marker(self.mktemp())

    def test_infinity(self) -> None:
        """The time of a held message is one that the database knows."""
        (found,) = self.owner.execute(
            "SELECT typeof(?) || (? >= 9e999)", (HELD, HELD)
        ).fetchone()
        self.assertEqual(found, "real1")
