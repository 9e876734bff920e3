"""What worker processes count together: a small database that they all change.

Nothing in it has to survive the machine, or the program.  Calls wait for nobody: what
cannot be done now is answered "no" and asked again soon.  What is counted, and how, is
the business of `window` and `places`.

How it is plugged in: the parent calls `database.prepare` before the first worker
begins, and `roster.forget` whenever one has died.  Each worker makes one `Ledger`, with
that one `SharedBuckets` and one `SharedPlaces`, and passes these on where a process
without workers has `throttle.Buckets` and `places.OwnPlaces`.

Rules of this file:

- A change is one transaction.  After any error it has not happened, as far as is known.
- While the file cannot be used nothing is granted; it is tried again a few times a
  second, and said once a minute.
- A damaged or removed file is made anew.  What was granted before is not known then:
  `born_at` says since when the file knows everything, and those who count grant
  nothing until older grants do not matter.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, Final, Protocol, TypeVar

from twisted.logger import Logger

from mcmtpush.shared.database import (
    PATIENCE_SECONDS,
    UnfinishedError,
    connect,
    inode_of,
    is_damage,
    is_sound,
    lock_of,
    remove,
)


PAUSE_SECONDS: Final = 0.0001
"""Between two tries: about what a change takes."""

REST_SECONDS: Final = 0.25
"""After a failure it is not tried again for so long."""

SILENCE_SECONDS: Final = 60.0
"""Between two lines about failures."""

T = TypeVar("T")

log = Logger()


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
        self._lock = lock_of(path)
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
        if self._db is None or inode_of(self.path) != self._inode:
            self.close()
            with self._lock:
                if self._damaged and not is_sound(self.path):
                    remove(self.path)
                self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = connect(self.path, self.seconds())
        known = db.execute("SELECT edition, born_at FROM ledger").fetchone()
        if known is None:
            db.close()
            raise UnfinishedError
        edition, born_at = known
        self._inode, self._damaged = inode_of(self.path), False
        self.born_at = -inf if born_at is None else born_at
        if edition != self._edition:
            self._edition = edition
            self.editions += 1
        return db

    def _fail(self, error: Exception) -> None:
        now = self.seconds()
        self._rests_until = now + REST_SECONDS
        self._damaged = is_damage(error)
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
