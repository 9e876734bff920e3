"""A spool: one database connection, whole batches, no threads, no Deferreds.

Rules of this file

- `apply` writes a batch in one transaction or not at all.
- A row that cannot be read is copied to `quarantine` and leaves the other tables;
  it never stops the rest.
- An entry that cannot be removed, because its page or one beside it is damaged, is
  marked as ended.
- Errors of the driver pass through; `mcmtpush.spool.turn` knows what to make of
  them.

The statements of a batch are in `batch`, a batch in pieces in `piece`, what an earlier
process left in `backlog`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeGuard

from mcmtpush.errors import SpoolCorruptError, SpoolError
from mcmtpush.spool import statement
from mcmtpush.spool.backlog import Backlog
from mcmtpush.spool.batch import (
    delete_rows,
    json_of,
    top_row,
    write_batch,
    write_inserts,
)
from mcmtpush.spool.codec import (
    Insert,
    Operation,
    Row,
    body_of,
)
from mcmtpush.spool.database import PAGE_SIZE
from mcmtpush.spool.fault import UNSOUND, damage, is_damage
from mcmtpush.spool.lock import SpoolLock
from mcmtpush.spool.piece import write_halved, write_singly
from mcmtpush.spool.quota import Quota
from mcmtpush.values import Entry, Message, PushPart, QueueKey


REFUSALS = (
    *(sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError),
    SpoolError,
)
"""What is raised here when a value is not taken or a statement fails."""

Bodies = dict[int, tuple[Message, PushPart | None]]

_RESERVED_AT_ONCE = 100_000


class Store:
    """A spool: what one connection knows how to do with it.

    `lock` is closed after the connection; `room` says how many bytes more may be used
    on the disk, without it there is no limit; `require_files` raises SpoolLostError
    when the database is no longer where it was opened.  See `mcmtpush.spool.folder`.

    Attributes:
        first_row: the first number that this process may use; everything below
            was left by an earlier one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lock: SpoolLock | None = None,
        room: Callable[[], int] | None = None,
        require_files: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._room = room
        self._require_files = require_files
        try:
            (reserved,) = connection.execute(statement.RESERVED).fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise SpoolError(f"cannot read the spool: {error}") from error
        self.first_row: int = reserved
        self._reserved: int = reserved
        self._quota = Quota(self._left)
        self._backlog = Backlog(connection, self.first_row, self._set_aside)
        connection.executescript(statement.ACCEPTING)

    # -- writing --

    def apply(self, operations: Sequence[Operation]) -> None:
        """Write all of these in one transaction, or raise and write none.

        Raises SpoolFullError for inserts, and for letters to bury, when there is no
        room for them any more; SpoolLostError for inserts when the files are gone.
        An entry is never inserted and deleted, or deleted and updated, in one call.
        """
        if self._require_files is not None and _has_insert(operations):
            self._require_files()
        if self._is_one_statement(operations):
            write_inserts(self._connection.execute, operations, self._quota)
            return
        with self._transaction():
            reserved = self._apply(operations)
        self._reserved = reserved

    def _is_one_statement(
        self, operations: Sequence[Operation]
    ) -> TypeGuard[Sequence[Insert]]:
        """Whether these are inserts that need no transaction around them."""
        rows = 0
        for operation in operations:
            if type(operation) is not Insert:
                return False
            rows += len(operation.entries)
            if operation.content[0] >= self._reserved:
                return False
        return rows <= statement.AT_ONCE

    def apply_each(self, operations: Sequence[Operation]) -> list[Exception | None]:
        """Write those that can be written, in one transaction; why not, of the others.

        For a batch that `apply` refused because of something in it.  Rows to delete,
        to bury and to update are tried one by one.  SpoolCorruptError stands for those
        that are damaged and cannot be changed; no start delivers those again that
        were to be removed.  Raises when nothing could be written.
        """
        reserved = self._reserved
        try:
            with self._transaction():
                return [write_singly(one, self._try) for one in operations]
        except BaseException as error:
            self._reserved = reserved
            if not (isinstance(error, sqlite3.Error) and is_damage(error)):
                raise
        # Whoever meets a broken page spoils the whole transaction, savepoints or not.
        return [write_halved(one, self._attempt) for one in operations]

    def _attempt(self, operation: Operation) -> Exception | None:
        """In a transaction of its own."""
        try:
            self.apply([operation])
        except REFUSALS as refusal:
            return refusal
        return None

    def _try(self, operation: Operation) -> Exception | None:
        """In the transaction that there is."""
        self._connection.execute("SAVEPOINT single")
        try:
            reserved = self._apply([operation])
        except REFUSALS as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO single")
            self._connection.execute("RELEASE single")
            return error
        self._connection.execute("RELEASE single")
        self._reserved = reserved
        return None

    def _apply(self, operations: Sequence[Operation]) -> int:
        """Write these; the number up to which rows are then reserved."""
        reserved = self._reserve(top_row(operations))
        write_batch(self._connection.execute, operations, self._quota)
        return reserved

    def _reserve(self, top: int) -> int:
        if top < self._reserved:
            return self._reserved
        reserved: int = top + _RESERVED_AT_ONCE
        self._connection.execute(statement.RESERVE, (reserved,))
        return reserved

    def _left(self) -> int | None:
        """Bytes that may be used: on the disk, and of free pages; None for any."""
        if self._room is None:
            return None
        (pages,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return self._room() + int(pages) * PAGE_SIZE

    def purge_dead(self, before: float, limit: int) -> int:
        """Remove up to `limit` dead letters kept until then; how many there were."""
        with self._transaction():
            return self._connection.execute(statement.PURGE, (before, limit)).rowcount

    # -- reading --

    def recover(
        self, after_row: int, limit: int
    ) -> tuple[list[tuple[QueueKey, Entry]], list[SpoolCorruptError]]:
        """Up to `limit` entries of an earlier process above `after_row`, oldest first.

        None only when there are no more.  With them, what was set aside on the way.
        """
        return self._backlog.read(after_row, limit)

    def load(self, rows: Sequence[int]) -> tuple[Bodies, list[SpoolCorruptError]]:
        """The messages of these rows; absent ones and unreadable ones are left out."""
        try:
            found = self._connection.execute(
                statement.BODIES_OF_THESE, (json_of(rows),)
            ).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return self._load_singly(rows)
        bodies: Bodies = {}
        faults = []
        for sound, *row in found:
            try:
                bodies[row[0]] = _checked_body(sound, tuple(row))
            except SpoolCorruptError as error:
                faults.append(self._set_aside(error.row, error.reason))
        return bodies, faults

    def _load_singly(
        self, rows: Sequence[int]
    ) -> tuple[Bodies, list[SpoolCorruptError]]:
        bodies: Bodies = {}
        faults = []
        for row in rows:
            try:
                for sound, *values in self._connection.execute(
                    statement.BODIES_OF_ONE, (row,)
                ):
                    bodies[row] = _checked_body(sound, tuple(values))
            except SpoolCorruptError as error:
                faults.append(self._set_aside(row, error.reason))
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                faults.append(self._set_aside(row, damage(error)))
        return bodies, faults

    def load_mail(self, row: int) -> bytes | None:
        """The mail content of one entry, None if there is no such row."""
        found = self._connection.execute(statement.MAIL, (row,)).fetchone()
        return None if found is None else found[0]

    def _set_aside(self, row: int, reason: str) -> SpoolCorruptError:
        """Move what can be read of a row to `quarantine`.

        A row on a page that cannot even be written stays where it is: it is out of
        the queues until the next start, and that start says so again.
        """
        for copy in (statement.SET_ASIDE, statement.SET_ENTRY_ASIDE):
            with suppress(*REFUSALS), self._transaction():
                self._connection.execute(copy, (reason, row))
                delete_rows(self._connection.execute, [row])
                break
        return SpoolCorruptError(row, reason)

    # -- the connection --

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Move the log into the database, close it and give up the lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()


def _has_insert(operations: Sequence[Operation]) -> bool:
    return any(type(operation) is Insert for operation in operations)


def _checked_body(sound: int, row: Row) -> tuple[Message, PushPart | None]:
    if not sound:
        raise SpoolCorruptError(row[0], UNSOUND)
    return body_of(row)
