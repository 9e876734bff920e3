"""The folder, the modes and the lock."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

from mcmtpush.errors import SpoolError
from mcmtpush.spool import folder
from mcmtpush.spool.folder import Room, lock_spool, open_spool, worker_folders
from mcmtpush.spool.store import Store
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

    def test_second_owner_is_refused_by_name(self) -> None:
        """A spool in use cannot be opened again, and the holder's pid is told."""
        self.patch(folder, "_lives", lambda holder: holder == "4711")
        self.open()
        with self.assertRaisesRegex(SpoolError, r"in use by process 4711: stop it"):
            self.open()

    def heirs(self, sleep: Callable[[float], object]) -> TextIO:
        """The lock, once its heirs have it no more; it was 4711's, which is gone."""
        self.patch(folder, "_lives", lambda holder: holder != "4711")
        self.patch(folder.time, "sleep", sleep)
        return lock_spool(str(self.place), mode=0o640, pid=4712)

    def test_heirs_are_waited_for(self) -> None:
        """Workers that lost their parent have its lock until they end."""
        store = self.open()
        lock = self.heirs(lambda _: store.close())
        self.addCleanup(lock.close)
        self.assertEqual((self.place / "mcmtpush.lock").read_text(), "4712\n")

    def test_heirs_that_do_not_end(self) -> None:
        """They are waited for only so long."""
        self.open()
        self.patch(folder, "PATIENCE_SECONDS", -1)
        with self.assertRaisesRegex(SpoolError, "in use by process 4711"):
            self.heirs(self.fail)

    def test_who_lives(self) -> None:
        """A process that is there, and one that nobody can tell."""
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertFalse(folder._lives(str(gone.pid)))
        for holder in (str(os.getpid()), "", "unknown", "9" * 30):
            self.assertTrue(folder._lives(holder), holder)

    def test_inherited_lock(self) -> None:
        """Whoever has it opens the spool; it is free when all copies are closed."""
        lock = lock_spool(str(self.place), mode=0o640, pid=4711)
        for _ in range(2):
            own = os.fdopen(os.dup(lock.fileno()))
            open_spool(
                str(self.place), mode=0o640, force_fsync=False, pid=1, lock=own
            ).close()
            with self.assertRaisesRegex(SpoolError, "in use by process 4711"):
                self.patch(folder, "PATIENCE_SECONDS", -1)
                self.open()
        lock.close()
        self.open()

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

    def test_lock_ends_with_the_owner(self) -> None:
        """After close, and only then, the next one may have it."""
        self.open().close()
        self.assertIsInstance(self.open(), Store)

    def test_failed_opening_gives_up_the_lock(self) -> None:
        """A spool that cannot be opened is not left locked."""
        self.place.mkdir(parents=True)
        database = self.place / "mcmtpush.db"
        database.write_bytes(b"not a database at all" * 100)
        for _ in range(2):
            with self.assertRaisesRegex(SpoolError, "not a database"):
                self.open()

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
