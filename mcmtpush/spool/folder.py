"""Where a spool lives: its folder, the file modes, and what room there is.

The lock that keeps it ours is in `lock`.  The database itself stays open to readers,
so that operators can look into it with `sqlite3` at any time.

Removing a message needs room too, in the write-ahead log.  So the last part of the
disk is not for new messages: otherwise a spool that filled its disk would never empty
itself again.
"""

from __future__ import annotations

import os
from pathlib import Path
from shutil import disk_usage

from mcmtpush.config.part import number_of
from mcmtpush.errors import SpoolError
from mcmtpush.spool.database import LOG_SIZE, open_database
from mcmtpush.spool.lock import SpoolLock, lock_spool
from mcmtpush.spool.presence import Presence
from mcmtpush.spool.store import Store


DATABASE = "mcmtpush.db"
SMALLEST_LOG = 128 * 1024
UNKNOWN = 1 << 60


def open_spool(
    folder: str,
    *,
    mode: int,
    force_fsync: bool,
    pid: int,
    lock: SpoolLock | None = None,
) -> Store:
    """The spool in `folder`, made if need be, and locked unless `lock` is its lock.

    The lock is given up with the store, or when there is none.  `mode` is that of the
    database and of the files beside it; see also `lock_spool`, and call as that.
    """
    lock = lock or lock_spool(folder, mode=mode, pid=pid)
    place = Path(folder)
    try:
        _require_locked(place, lock)
        _touch(place / DATABASE, mode)
        room = Room(place)
        database = open_database(
            str(place / DATABASE), force_fsync=force_fsync, log_size=room.log_size
        )
        presence = Presence(place / DATABASE)
        return Store(database, lock=lock, room=room, require_files=presence.require)
    except BaseException:
        lock.close()
        raise


class Room:
    """How much of the disk new messages may use.

    Called, it gives bytes; a disk that does not tell has room until SQLite finds none.

    Attributes:
        log_size: at how many bytes the log is emptied; less on a small disk.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        total, _ = self._ask()
        self._reserve = min(4 * LOG_SIZE, total // 4)
        self.log_size = min(LOG_SIZE, max(self._reserve // 4, SMALLEST_LOG))

    def __call__(self) -> int:
        """Bytes for new messages; negative when removals have begun to use theirs."""
        return self._ask()[1] - self._reserve

    def _ask(self) -> tuple[int, int]:
        try:
            usage = disk_usage(self._place)
        except OSError:
            return UNKNOWN, UNKNOWN
        return (usage.total, usage.free) if usage.total else (UNKNOWN, UNKNOWN)


def worker_folders(folder: str) -> list[tuple[int, str]]:
    """The spools of further workers below a spool folder: number and path, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names only
    except OSError:
        return []
    numbers = sorted((number, name) for name in names if (number := number_of(name)))
    paths = ((number, Path(folder) / name) for number, name in numbers)
    return [(number, str(path)) for number, path in paths if _may_hold(path)]


def _may_hold(folder: Path) -> bool:
    """Whether there is a database, or may be: whoever opens it says why it cannot."""
    try:
        (folder / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _require_locked(place: Path, lock: SpoolLock) -> None:
    """Whoever inherited the lock may find another folder there than its parent did."""
    try:
        if lock.is_of(place):
            return
    except OSError as error:
        raise SpoolError(f"cannot use the spool folder {place}: {error}") from error
    raise SpoolError(
        f"the spool folder {place} was replaced while this program had it locked: "
        "put the very folder back, or stop the program and start it again"
    )


def _touch(path: Path, mode: int) -> None:
    try:
        path.touch(mode)
        # The log and its index get the mode of the database from SQLite.
        if path.stat().st_mode & 0o7777 != mode:
            path.chmod(mode)
    except OSError as error:
        raise SpoolError(f"cannot use the spool {path}: {error}") from error
