"""One process at a time has a spool."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from mcmtpush.errors import SpoolError
from mcmtpush.spool import lock
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.lock import SpoolLock, lock_spool
from mcmtpush.spool.store import Store
from tests.support.case import TestCase


class LockTests(TestCase):
    """Who may open a spool, and when."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp()) / "deep" / "spool"

    def open(self, *, mode: int = 0o640) -> Store:
        """The spool, closed again after the test."""
        store = open_spool(str(self.place), mode=mode, force_fsync=False, pid=4711)
        self.addCleanup(store.close)
        return store

    def test_second_owner_is_refused_by_name(self) -> None:
        """A spool in use cannot be opened again, and the holder's pid is told."""
        self.patch(lock, "_lives", lambda holder: holder == "4711")
        self.open()
        with self.assertRaisesRegex(SpoolError, r"in use by process 4711: stop it"):
            self.open()

    def heirs(self, sleep: Callable[[float], object]) -> SpoolLock:
        """The lock, once its heirs have it no more; it was 4711's, which is gone."""
        self.patch(lock, "_lives", lambda holder: holder != "4711")
        self.patch(lock.time, "sleep", sleep)
        return lock_spool(str(self.place), mode=0o640, pid=4712)

    def test_heirs_are_waited_for(self) -> None:
        """Workers that lost their parent have its lock until they end."""
        store = self.open()
        held = self.heirs(lambda _: store.close())
        self.addCleanup(held.close)
        self.assertEqual((self.place / "mcmtpush.lock").read_text(), "4712\n")

    def test_heirs_that_do_not_end(self) -> None:
        """They are waited for only so long."""
        self.open()
        self.patch(lock, "PATIENCE_SECONDS", -1)
        with self.assertRaisesRegex(SpoolError, "in use by process 4711"):
            self.heirs(self.fail)

    def test_who_lives(self) -> None:
        """A process that is there, and one that nobody can tell."""
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertFalse(lock._lives(str(gone.pid)))
        for holder in (str(os.getpid()), "", "unknown", "9" * 30):
            self.assertTrue(lock._lives(holder), holder)

    def test_inherited_lock(self) -> None:
        """Whoever has it opens the spool; it is free when all copies are closed."""
        held = lock_spool(str(self.place), mode=0o640, pid=4711)
        for _ in range(2):
            open_spool(
                str(self.place), mode=0o640, force_fsync=False, pid=1, lock=held.copy()
            ).close()
            with self.assertRaisesRegex(SpoolError, "in use by process 4711"):
                self.patch(lock, "PATIENCE_SECONDS", -1)
                self.open()
        held.close()
        self.open()

    def test_lock_ends_with_the_owner(self) -> None:
        """After close, and only then, the next one may have it."""
        self.open().close()
        self.assertIsInstance(self.open(), Store)

    def test_removed_file(self) -> None:
        """Whoever removes the file that names the holder does not free the spool."""
        self.open()
        (self.place / "mcmtpush.lock").unlink()
        for holder in ("unknown", "4711"):
            with self.assertRaisesRegex(SpoolError, f"in use by process {holder}"):
                self.open()
            (self.place / "mcmtpush.lock").write_text("4711\n")
            self.patch(lock, "_lives", lambda holder: holder == "4711")

    def test_removed_file_and_heirs(self) -> None:
        """The same when the parent was killed, and only workers hold it."""
        held = lock_spool(str(self.place), mode=0o640, pid=4711)
        heir = held.copy()
        held.close()
        (self.place / "mcmtpush.lock").unlink()
        with self.assertRaisesRegex(SpoolError, "in use by process unknown"):
            self.open()
        heir.close()
        self.open()

    def test_earlier_versions(self) -> None:
        """One that knows the lock of the file only is not overlooked."""
        self.open().close()
        path = self.place / "mcmtpush.lock"
        with path.open("r+") as file:
            lock.fcntl.flock(file, lock.fcntl.LOCK_EX)
            self.patch(lock, "_lives", lambda holder: holder == "4711")
            with self.assertRaisesRegex(SpoolError, "in use by process 4711"):
                self.open()
        self.open()

    def test_file_removed_while_it_is_opened(self) -> None:
        """The file that is locked is the one that others find."""
        acquire = lock._acquire
        removed: list[Path] = []

        def remove_once(descriptor: int, place: Path, end: float) -> None:
            path = place / "mcmtpush.lock"
            if path.exists() and not removed:
                removed.append(path)
                path.unlink()
            acquire(descriptor, place, end)

        self.patch(lock, "_acquire", remove_once)
        self.open()
        self.assertEqual(len(removed), 1)
        self.assertEqual((self.place / "mcmtpush.lock").read_text(), "4711\n")

    def swap(self, name: str) -> None:
        """Another folder is where the spool was."""
        self.place.rename(self.place.with_name(name))
        self.place.mkdir()

    def test_folder_replaced_while_it_is_waited_for(self) -> None:
        """The folder that is locked is the one that others find, whoever inherits."""
        store = self.open()

        def swap_once(_: float) -> None:
            self.swap("elsewhere")
            store.close()

        held = self.heirs(swap_once)
        heir = held.copy()
        self.addCleanup(heir.close)
        held.close()
        (self.place / "mcmtpush.lock").unlink()
        with self.assertRaisesRegex(SpoolError, "in use by process unknown"):
            self.open()

    def test_folder_replaced_under_an_heir(self) -> None:
        """A lock that is inherited opens no folder but its own."""
        held = lock_spool(str(self.place), mode=0o640, pid=4711)
        self.addCleanup(held.close)
        self.swap("elsewhere")
        with self.assertRaisesRegex(SpoolError, f"{self.place} was .*replaced"):
            open_spool(
                str(self.place), mode=0o640, force_fsync=False, pid=1, lock=held.copy()
            )
        self.assertEqual(list(self.place.iterdir()), [])

    def test_file_system_without_locks(self) -> None:
        """The refusal says what to do, not what the system calls it."""
        for code in (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):

            def refuse(_: int, __: int, code: int = code) -> None:
                raise OSError(code, os.strerror(code))

            self.patch(lock.fcntl, "flock", refuse)
            with self.assertRaisesRegex(
                SpoolError, f"{self.place} cannot be locked .*: .*local disk"
            ):
                self.open()

    def test_closed_twice(self) -> None:
        """Which closes nobody else's descriptor."""
        held = lock_spool(str(self.place), mode=0o640, pid=4711)
        held.close()
        with Path(os.devnull).open() as other:
            held.close()
            os.fstat(other.fileno())
