"""The database file of a spool: created, recognised, brought up to date, durable.

What it holds is said in `schema.sql`, what is done with it in `store`.  Versions
before this one are brought up to date by the `upgrade-N.sql` between them and now,
each of them one transaction.
"""

from __future__ import annotations

import sqlite3
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcmtpush.errors import SpoolError


VERSION = 3
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


def open_reader(path: str) -> sqlite3.Connection:
    """A connection that reads an existing spool and changes nothing.

    Its owner may be at work meanwhile.  Texts that are not UTF-8 come as far as they
    can be read.  Raises SpoolError with a reason to act on.
    """
    require_spool(path)
    try:
        connection = _connect_reader(Path(path))
    except sqlite3.Error as error:
        raise SpoolError(f"cannot read the spool {path}: {error}") from error
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    return connection


def require_spool(path: str) -> None:
    """Raise SpoolError with a reason to act on unless there is a file to look into."""
    place = Path(path)
    try:
        there = stat.S_ISREG(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        there = False
    except PermissionError as error:
        raise SpoolError(
            f"only {_owner(place.parent)} and its group may look into the folder of "
            f"the spool {path}: run this as the gateway's user"
        ) from error
    except OSError as error:
        raise SpoolError(f"cannot read the spool {path}: {error}") from error
    if not there:
        raise SpoolError(f"there is no spool {path}")


def _owner(folder: Path) -> str:
    """Its name; a number where that has none."""
    try:
        return folder.owner()
    except KeyError:
        return f"user {folder.stat().st_uid}"
    except OSError:
        return "its owner"


def _connect_reader(place: Path) -> sqlite3.Connection:
    uri = place.absolute().as_uri()
    try:
        return _recognised(f"{uri}?mode=ro", place)
    except sqlite3.OperationalError:
        # Whoever may not write into the folder cannot make an index of the log; but
        # without a log there is nothing that could change.
        log = place.with_name(f"{place.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _recognised(f"{uri}?mode=ro&immutable=1", place)


def _recognised(uri: str, place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        _require_known(connection, place)
        connection.execute("PRAGMA busy_timeout = 2000")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_known(connection: sqlite3.Connection, place: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise SpoolError(f"{place} is not a spool of mcmtpush")
    version = version_of(connection)
    if not 1 <= version <= VERSION:
        raise SpoolError(
            f"the spool {place} has version {version}, this program knows versions "
            f"up to {VERSION}"
        )


def version_of(connection: sqlite3.Connection) -> int:
    """Which version of the tables a spool has."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def open_marker(path: str) -> sqlite3.Connection:
    """A connection for small changes beside the owner's; waits for it 2 seconds.

    Raises SpoolError when the spool cannot be changed.
    """
    try:
        connection = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=2.0,
        )
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise SpoolError(f"cannot change the spool {path}: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, path: str, *, force_fsync: bool) -> None:
    def pragma(text: str) -> Any:
        return connection.execute(f"PRAGMA {text}").fetchone()

    application, version = pragma("application_id")[0], pragma("user_version")[0]
    # A start that was cut short may have left a file without tables.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION:
        raise SpoolError(f"{path} is not a spool of mcmtpush; move it away")
    if tables and not 1 <= version <= VERSION:
        raise SpoolError(
            f"the spool {path} has version {version}, this program knows versions up "
            f"to {VERSION}: start the program that made it, or use another spoolbase"
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
        _run(connection, "schema.sql")
    for step in range(version + 1 if tables else VERSION + 1, VERSION + 1):
        _run(connection, f"upgrade-{step}.sql")


def _run(connection: sqlite3.Connection, name: str) -> None:
    """A script that is one transaction: all of it, or nothing."""
    try:
        connection.executescript(
            files("mcmtpush.spool").joinpath(name).read_text("utf-8")
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
