"""What worker processes count together: a small database that they all change.

Nothing in it has to survive the machine, or the program.  Calls wait for nobody: what
cannot be done now is answered "no" and asked again soon.  What is counted, and how, is
`window`'s business.

How it is plugged in: the parent calls `prepare` before the first worker begins.  Each
worker makes one `Ledger` and passes it to what counts, `SharedBuckets`.

Rules of this file:

- A change is one transaction.  After any error it has not happened, as far as is known.
- While the file cannot be used nothing is granted; it is tried again a few times a
  second, and said once a minute.
- A damaged or removed file is made anew.  What was granted before is not known then:
  `born_at` says since when the file knows everything, and those who count grant
  nothing until older grants do not matter.
- A file is opened, made and removed under a lock, so that nobody meets half of it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, Final, Protocol, TypeVar

from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.shared.lock import FileLock


PATIENCE_SECONDS: Final = 0.05
"""How long a change waits for those of others."""

PAUSE_SECONDS: Final = 0.0001
"""Between two tries: about what a change takes."""

REST_SECONDS: Final = 0.25
"""After a failure it is not tried again for so long."""

SILENCE_SECONDS: Final = 60.0
"""Between two lines about failures."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ledger (edition TEXT NOT NULL, born_at REAL);
CREATE TABLE IF NOT EXISTS rate (
    id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE, used INTEGER NOT NULL,
    first REAL NOT NULL, last REAL NOT NULL, over_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS slot (
    rate INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (rate, first)) WITHOUT ROWID;
"""
"""`rate`: one definition of a rate, what counts, its newest slot, and when nothing of
it counts any more.  `slot`: what was granted from `first` to `last`.  `born_at` is NULL
in a file that knows everything.  Instants are seconds of the workers' clock."""

_DAMAGE: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
)

T = TypeVar("T")

log = Logger()


class UnfinishedError(sqlite3.DatabaseError):
    """The file has tables and says nothing of itself."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class Rows(Protocol):
    """A database within a transaction; `sqlite3.Connection` is one."""

    def execute(self, sql: str, parameters: tuple[Any, ...] = ..., /) -> Any:
        """One statement; gives a cursor."""


class Ledger:
    """One worker's hand on the file.

    Args:
        path: of the file, in a folder that outsiders cannot write to.
        worker: the number of this worker; of two with one number, one is dead.
        seconds: a clock that is the same in all workers and only good for
            differences, as `time.monotonic` is.

    Attributes:
        born_at: since when the file knows everything; -inf: for as long as it matters.
        editions: how many files were met; each lacks what was counted in the last one.
    """

    def __init__(self, path: str, *, worker: int, seconds: Callable[[], float]) -> None:
        self.path = path
        self.worker = worker
        self.seconds = seconds
        self.born_at = inf
        self.editions = 0
        self._lock = _lock(path)
        self._edition = ""
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._damaged = False
        self._rests_until = self._silent_until = -inf
        self._said = False

    def change(self, job: Callable[[Rows], T], otherwise: T) -> T:
        """What `job` gives, once its changes are in the file; `otherwise` if not."""
        return self._run(job, otherwise, _begin)

    def look(self, job: Callable[[Rows], T], otherwise: T) -> T:
        """What `job` gives, which only reads; `otherwise` if it cannot."""
        return self._run(job, otherwise, _begin_to_read)

    def close(self) -> None:
        """Close all files; they are opened again when next used."""
        self._lock.close()
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    # -- inside -------------------------------------------------------------------

    def _run(
        self,
        job: Callable[[Rows], T],
        otherwise: T,
        begin: Callable[[sqlite3.Connection], None],
    ) -> T:
        if self.seconds() < self._rests_until:
            return otherwise
        try:
            db = self._opened()
            begin(db)
            try:
                result = job(db)
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return otherwise
        if self._said:
            self._said = False
            log.info("{path}: limits are counted again", path=self.path)
        return result

    def _opened(self) -> sqlite3.Connection:
        """The file that is at the path now."""
        if self._db is None or _inode(self.path) != self._inode:
            self.close()
            with self._lock:
                if self._damaged and not _is_sound(self.path):
                    _remove(self.path)
                self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = _connect(self.path, self.seconds())
        known = db.execute("SELECT edition, born_at FROM ledger").fetchone()
        if known is None:
            db.close()
            raise UnfinishedError
        edition, born_at = known
        self._inode, self._damaged = _inode(self.path), False
        self.born_at = -inf if born_at is None else born_at
        if edition != self._edition:
            self._edition = edition
            self.editions += 1
        return db

    def _fail(self, error: Exception) -> None:
        now = self.seconds()
        self._rests_until = now + REST_SECONDS
        self._damaged = _is_damage(error)
        self.close()
        if now >= self._silent_until:
            self._said = True
            self._silent_until = now + SILENCE_SECONDS
            log.error(
                "{path}: {error}. What is limited waits until it can be counted; "
                "it is tried again",
                path=self.path,
                error=str(error),
            )


def prepare(path: str) -> None:
    """Make an empty file, whatever was there; before any worker uses it.

    Raises SpoolError with a reason to act on.
    """
    lock = _lock(path)
    try:
        with lock:
            _remove(path)
            _connect(path, None).close()
    except (sqlite3.Error, OSError) as error:
        raise SpoolError(f"cannot make {path}: {error}") from error
    finally:
        lock.close()


def _lock(path: str) -> FileLock:
    return FileLock(f"{path}.lock", PATIENCE_SECONDS)


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - a path is text
    except FileNotFoundError:
        return 0


def _connect(path: str, now: float | None) -> sqlite3.Connection:
    """The file, made if need be: born `now`, None if nothing was ever granted."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_SECONDS)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _fill(db, now)
        db.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        db.close()
        raise
    return db


def _fill(db: sqlite3.Connection, now: float | None) -> None:
    db.execute("BEGIN IMMEDIATE")
    for statement in filter(str.strip, SCHEMA.split(";")):
        db.execute(statement)
    db.execute("INSERT INTO ledger VALUES (?, ?)", (os.urandom(8).hex(), now))
    db.execute("COMMIT")


def _is_sound(path: str) -> bool:
    """Whether it can be used after all: another worker may have made it anew."""
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_SECONDS)
        try:
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
            known = db.execute("SELECT edition FROM ledger").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        return not _is_damage(error)
    return answer == "ok" and known is not None


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _remove(path: str) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(path + end)  # noqa: PTH108 - a path is text


def _begin(db: sqlite3.Connection) -> None:
    """Begin a change; waits a little for those of others."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= end:
                raise
        else:
            return
        time.sleep(PAUSE_SECONDS)


def _begin_to_read(db: sqlite3.Connection) -> None:
    db.execute("BEGIN")
