"""The file in which workers count together: made, removed, and found damaged.

What is done with it is `ledger`'s business.  A file is opened, made and removed under a
lock, so that nobody meets half of it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Final

from mcmtpush.errors import SpoolError
from mcmtpush.shared.lock import FileLock


PATIENCE_SECONDS: Final = 0.05
"""How long somebody who uses the file is waited for."""

SCHEMA: Final = """
CREATE TABLE ledger (edition TEXT NOT NULL, born_at REAL);
CREATE TABLE rate (
    id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE, used INTEGER NOT NULL,
    first REAL NOT NULL, last REAL NOT NULL, over_at REAL NOT NULL);
CREATE TABLE slot (
    rate INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (rate, first)) WITHOUT ROWID;
CREATE TABLE place (
    name TEXT NOT NULL, worker INTEGER NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (name, worker)) WITHOUT ROWID;
CREATE TABLE want (
    name TEXT NOT NULL, worker INTEGER NOT NULL, since REAL NOT NULL,
    until REAL NOT NULL, most INTEGER NOT NULL, asked_at REAL NOT NULL,
    PRIMARY KEY (name, worker)) WITHOUT ROWID;
"""
"""`rate`: one definition of a rate, what counts, its newest slot, and when nothing of
it counts any more.  `slot`: what was granted from `first` to `last`.  `place`: what a
worker has of a limit.  `want`: a worker waits for one of `most` places, to be believed
until then; somebody was asked to give one up.  `born_at` is NULL in a file that knows
everything.  Instants are seconds of the workers' clock."""

_DAMAGE: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
)


class UnfinishedError(sqlite3.DatabaseError):
    """The file has tables and says nothing of itself."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def prepare(path: str) -> None:
    """Make an empty file, whatever was there; before any worker uses it.

    Raises SpoolError with a reason to act on.
    """
    lock = lock_of(path)
    try:
        with lock:
            remove(path)
            connect(path, None).close()
    except (sqlite3.Error, OSError) as error:
        raise SpoolError(f"cannot make {path}: {error}") from error
    finally:
        lock.close()


def lock_of(path: str) -> FileLock:
    """To be held while the file is opened, made or removed."""
    return FileLock(f"{path}.lock", PATIENCE_SECONDS)


def inode_of(path: str) -> int:
    """Which file is at the path now; 0 if there is none."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - a path is text
    except FileNotFoundError:
        return 0


def connect(path: str, now: float | None) -> sqlite3.Connection:
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


def is_sound(path: str) -> bool:
    """Whether it can be used after all: another worker may have made it anew."""
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_SECONDS)
        try:
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
            known = db.execute("SELECT edition FROM ledger").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        return not is_damage(error)
    return answer == "ok" and known is not None


def is_damage(error: Exception) -> bool:
    """Whether the file itself is the reason."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def remove(path: str) -> None:
    """The file, and those that SQLite keeps beside it."""
    for end in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(path + end)  # noqa: PTH108 - a path is text
