"""The lock that keeps a spool ours, until the process ends, however it ends.

It is on the folder itself, which cannot be removed without the spool: a lock file can,
and whoever comes next would lock another one.  Workers inherit it from their parent
and keep it should that be killed.

The file `mcmtpush.lock` says who holds it.  It is locked as well, since earlier
versions know no other lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import TextIO

from mcmtpush.errors import SpoolError


LOCK = "mcmtpush.lock"
FOLDER_MODE = 0o750
PATIENCE_SECONDS = 30.0
"""How long workers that lost their parent are waited for."""

POLL_SECONDS = 0.05

_UNLOCKABLE = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What file systems say that cannot lock a folder."""


class SpoolLock:
    """A lock that is held, by this descriptor of the folder and by its copies.

    `file` is the locked one that names the holder; copies have none.
    """

    def __init__(self, folder: int, file: TextIO | None = None) -> None:
        self._folder = folder
        self._file = file

    def fileno(self) -> int:
        """The descriptor that holds it; for heirs."""
        return self._folder

    def copy(self) -> SpoolLock:
        """A descriptor of its own: the lock is given up when all are closed."""
        return SpoolLock(os.dup(self._folder))

    def is_of(self, place: Path) -> bool:
        """Whether that is still the folder that is locked.  Raises OSError."""
        return os.path.samestat(os.fstat(self._folder), place.stat())

    def note(self, pid: int) -> None:
        """Tell whoever finds it taken that this process has it."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate(0)
            self._file.write(f"{pid}\n")
            self._file.flush()

    def close(self) -> None:
        """Give it up, unless there are copies.  May be called again."""
        if self._file is not None:
            self._file.close()
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = -1


def lock_spool(folder: str, *, mode: int, pid: int) -> SpoolLock:
    """The lock of the spool in `folder`, made if need be; closing gives it up.

    `mode` is that of the file; `pid` is told to whoever finds the lock taken.  Call
    after the process has forked.  What a parent that was killed left behind is waited
    for, since it is about to end.  Raises SpoolError with a reason to act on.
    """
    place = Path(folder)
    try:
        place.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        return _lock(place, mode, pid)
    except BlockingIOError as error:
        raise SpoolError(
            f"the spool {place} is in use by process {_holder(place) or 'unknown'}: "
            "stop it, or give this one a spoolbase of its own"
        ) from error
    except OSError as error:
        raise SpoolError(f"cannot use the spool folder {folder}: {error}") from error


def _lock(place: Path, mode: int, pid: int) -> SpoolLock:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        lock = _lock_what_is_there(place, mode, end)
        try:
            # While it was waited for, another folder may have come there.
            if lock.is_of(place):
                lock.note(pid)
                return lock
        except BaseException:
            lock.close()
            raise
        lock.close()


def _lock_what_is_there(place: Path, mode: int, end: float) -> SpoolLock:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _acquire(descriptor, place, end)
        return SpoolLock(descriptor, _lock_file(place, mode, end))
    except BaseException:
        os.close(descriptor)
        raise


def _lock_file(place: Path, mode: int, end: float) -> TextIO:
    path = place / LOCK
    path.touch(mode)
    file = path.open("r+", encoding="ascii", errors="replace")
    try:
        _acquire(file.fileno(), place, end)
        if os.fstat(file.fileno()).st_nlink:
            return file
    except BaseException:
        file.close()
        raise
    file.close()  # it was removed meanwhile
    return _lock_file(place, mode, end)


def _acquire(descriptor: int, place: Path, end: float) -> None:
    """Raises BlockingIOError when its holder lives, or its heirs do for too long."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _lives(_holder(place)) or time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)
        except OSError as error:
            if error.errno not in _UNLOCKABLE:
                raise
            raise SpoolError(
                f"the spool {place} cannot be locked ({error.strerror}): "
                "give spoolbase a folder on a local disk"
            ) from error
        else:
            return


def _holder(place: Path) -> str:
    """Who noted itself there last; empty if that is not known."""
    try:
        with (place / LOCK).open(encoding="ascii", errors="replace") as file:
            return file.read(20).strip()
    except OSError:
        return ""


def _lives(holder: str) -> bool:
    """Whether there is such a process; one that cannot be told does."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
