"""The database file of a spool: created, recognised, set up to be durable.

What it holds is said in `schema.sql`, what is done with it in `store`.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import Any

from mcmtpush.errors import SpoolError


VERSION = 1
APPLICATION = 0x4D434D54
"""`PRAGMA application_id` of a spool: "MCMT"."""

PAGE_SIZE = 4096
LOG_SIZE = 16 * 1024 * 1024
"""At so many bytes the write-ahead log is moved into the tables and used again."""


def open_database(
    path: str, *, force_fsync: bool, log_size: int = LOG_SIZE
) -> sqlite3.Connection:
    """A connection to the spool at `path`, created if it is not there.

    At `log_size` bytes the write-ahead log is moved into the tables and used again.
    Used from one thread at a time.  Raises SpoolError with a reason to act on.
    """
    try:
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            _prepare(connection, path, force_fsync=force_fsync)
            connection.execute(f"PRAGMA wal_autocheckpoint = {log_size // PAGE_SIZE}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise SpoolError(f"cannot open the spool {path}: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, path: str, *, force_fsync: bool) -> None:
    def pragma(text: str) -> Any:
        return connection.execute(f"PRAGMA {text}").fetchone()

    application, version = pragma("application_id")[0], pragma("user_version")[0]
    # A start that was cut short may have left a file without tables.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION:
        raise SpoolError(f"{path} is not a spool of mcmtpush; move it away")
    if tables and version != VERSION:
        raise SpoolError(
            f"the spool {path} has version {version}, this program knows version "
            f"{VERSION}: start the program that made it, or use another spoolbase"
        )
    if pragma("journal_mode = WAL")[0] not in {"wal", "memory"}:
        raise SpoolError(
            f"the file system of {path} cannot hold a write-ahead log; put the spool "
            "on a local file system"
        )
    pragma(f"synchronous = {'FULL' if force_fsync else 'NORMAL'}")
    pragma(f"journal_size_limit = {4 * LOG_SIZE}")
    pragma("cache_size = -16384")
    pragma("secure_delete = FAST")
    pragma("busy_timeout = 2000")
    pragma("temp_store = MEMORY")
    if not tables:
        schema = files("mcmtpush.spool").joinpath("schema.sql").read_text("utf-8")
        connection.executescript(schema)
