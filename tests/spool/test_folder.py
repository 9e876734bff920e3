"""The folder, the modes and the files."""

from __future__ import annotations

import errno
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

from mcmtpush.errors import SpoolError, SpoolLostError
from mcmtpush.spool import folder, presence
from mcmtpush.spool.codec import insert_of
from mcmtpush.spool.folder import Room, open_spool, worker_folders
from mcmtpush.spool.store import Store
from tests.spool.test_codec import a_submission
from tests.support.case import TestCase


class Usage(NamedTuple):
    """What the system tells of a disk."""

    total: int
    free: int


def mode_of(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


class RoomTests(TestCase):
    """How much of a disk is for new messages."""

    def room(self, total: int, free: int) -> Room:
        """The room on a disk of this size."""
        self.patch(folder, "disk_usage", lambda _: Usage(total, free))
        return Room(Path())

    def test_large_disk(self) -> None:
        """64 MB stay for removals, and the log is emptied at 16."""
        room = self.room(1 << 40, 100 << 20)
        self.assertEqual(room(), 36 << 20)
        self.assertEqual(room.log_size, 16 << 20)

    def test_small_disk(self) -> None:
        """A quarter stays for removals, and the log is small accordingly."""
        room = self.room(32 << 20, 6 << 20)
        self.assertEqual(room(), -(2 << 20))
        self.assertEqual(room.log_size, 2 << 20)

    def test_disk_that_does_not_tell(self) -> None:
        """Where sizes are not known there is room until a write fails."""
        room = self.room(0, 0)
        self.assertGreater(room(), 1 << 50)
        self.assertEqual(room.log_size, 16 << 20)
        self.patch(folder, "disk_usage", self.unanswered)
        self.assertGreater(room(), 1 << 50)

    def unanswered(self, _: object) -> None:
        """The system has no answer."""
        raise OSError


class OpenSpoolTests(TestCase):
    """Opening a spool in a folder."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp()) / "deep" / "spool"

    def open(self, *, mode: int = 0o640) -> Store:
        """The spool, closed again after the test."""
        store = open_spool(str(self.place), mode=mode, force_fsync=False, pid=4711)
        self.addCleanup(store.close)
        return store

    def test_makes_what_is_missing(self) -> None:
        """Folder and files appear with their modes, the log included."""
        self.open(mode=0o600)
        self.assertEqual(mode_of(self.place) & 0o027, 0)
        names = {"mcmtpush.db", "mcmtpush.db-wal", "mcmtpush.db-shm"}
        self.assertLessEqual(names, {path.name for path in self.place.iterdir()})
        for name in names:
            self.assertEqual(mode_of(self.place / name), 0o600, name)

    def test_follows_a_changed_mode(self) -> None:
        """The mode of an existing database becomes what is configured now."""
        self.open(mode=0o600).close()
        self.open(mode=0o640)
        self.assertEqual(mode_of(self.place / "mcmtpush.db"), 0o640)

    def test_folders_of_workers(self) -> None:
        """Those that are spools, by number; nothing else."""
        self.assertEqual(worker_folders(str(self.place)), [])
        for name in ("worker-10", "worker-2", "worker-1", "orders", "worker-x"):
            self.place = self.place.with_name(name)
            self.open().close()
        (self.place.parent / "worker-3").mkdir()
        parent = self.place.parent
        self.assertEqual(
            worker_folders(str(parent)),
            [(2, str(parent / "worker-2")), (10, str(parent / "worker-10"))],
        )

    def test_failed_opening_gives_up_the_lock(self) -> None:
        """A spool that cannot be opened is not left locked."""
        self.place.mkdir(parents=True)
        database = self.place / "mcmtpush.db"
        database.write_bytes(b"not a database at all" * 100)
        for _ in range(2):
            with self.assertRaisesRegex(SpoolError, "not a database"):
                self.open()

    def test_files_removed_while_open(self) -> None:
        """Nothing is stored where the next start would not find it."""
        self.patch(presence, "INTERVAL_SECONDS", 0.0)
        for name in ("mcmtpush.db", "mcmtpush.db-wal", "mcmtpush.db-shm"):
            store = self.open()
            store.apply([insert_of(a_submission(), store.first_row)])
            (self.place / name).rename(self.place / "elsewhere")
            with self.assertRaisesRegex(SpoolLostError, f"{name} was removed"):
                store.apply([insert_of(a_submission(), store.first_row + 1)])
            (self.place / "elsewhere").rename(self.place / name)
            store.close()

    def test_unusable_folder(self) -> None:
        """A file where the folder should be is told with its path."""
        self.place.parent.mkdir(parents=True)
        self.place.write_bytes(b"")
        with self.assertRaisesRegex(SpoolError, f"spool folder {self.place}"):
            self.open()

    def test_read_only_disk(self) -> None:
        """A disk that cannot be written is told with the folder's name."""

        def touch(path: Path, _: int) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

        self.patch(Path, "touch", touch)
        with self.assertRaisesRegex(
            SpoolError, f"cannot use the spool folder {self.place}: .*Read-only"
        ):
            self.open()

    def test_readers_may_look(self) -> None:
        """Another connection can read while the spool is in use."""
        self.open()
        reader = sqlite3.connect(f"file:{self.place}/mcmtpush.db?mode=ro", uri=True)
        self.addCleanup(reader.close)
        count = reader.execute("SELECT count(*) FROM entry").fetchone()
        self.assertEqual(count, (0,))
