"""The statements: one database connection, whole batches, no threads, no Deferreds.

Rules of this file

- `apply` writes a batch in one transaction or not at all.
- Rows go to the database many at a time.  SQLite's driver gives up the interpreter
  lock at every step of a statement and may wait five milliseconds to get it back
  when the reactor is busy, so a statement for each row would be slow exactly under
  load.
- A row that cannot be read is copied to `quarantine` and leaves the other tables;
  it never stops the rest.
- An entry that cannot be removed, because its page or one beside it is damaged, is
  marked as ended.
- Errors of the driver pass through; `mcmtpush.spool.writer` knows what to make of
  them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO, TypeGuard

import orjson
from attrs import evolve

from mcmtpush.errors import SpoolCorruptError, SpoolError, SpoolFullError
from mcmtpush.spool import statement
from mcmtpush.spool.codec import (
    CONTENT_COLUMNS,
    MAIL,
    Bury,
    Delete,
    Insert,
    Operation,
    Row,
    Update,
    body_of,
    waiting_of,
)
from mcmtpush.spool.database import PAGE_SIZE
from mcmtpush.spool.fault import damage, is_damage, is_outside
from mcmtpush.values import Entry, Message, PushPart, QueueKey


REFUSALS = (
    *(sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError),
    SpoolError,
)
"""What is raised here when a value is not taken or a statement fails."""

Bodies = dict[int, tuple[Message, PushPart | None]]

_RESERVED_AT_ONCE = 100_000
_ROW_SIZE = 2048
"""A generous guess at a row without its mail."""
_GRANTED_BYTES = 1024 * 1024
_GRANTED_SHARE = 16
"""So much may be written before the disk is asked for its room again."""
_NO_CONTENT: Row = (None,) * (len(CONTENT_COLUMNS) - 1)
_UNSOUND = "a column has a value of the wrong type"


class Store:
    """A spool: what one connection knows how to do with it.

    `lock` is closed after the connection; `room` says how many bytes more may be used
    on the disk, without it there is no limit.  See `mcmtpush.spool.folder`.

    Attributes:
        first_row: the first number that this process may use; everything below
            was left by an earlier one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lock: TextIO | None = None,
        room: Callable[[], int] | None = None,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._room = room
        try:
            (reserved,) = connection.execute(statement.RESERVED).fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise SpoolError(f"cannot read the spool: {error}") from error
        self.first_row: int = reserved
        self._reserved: int = reserved
        self._granted = 0
        connection.executescript(statement.ACCEPTING)

    # -- writing --

    def apply(self, operations: Sequence[Operation]) -> None:
        """Write all of these in one transaction, or raise and write none.

        Raises SpoolFullError for inserts, and for letters to bury, when there is no
        room for them any more.
        An entry is never inserted and deleted, or deleted and updated, in one call.
        """
        if self._is_one_statement(operations):
            self._insert(operations)
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
                return [self._try_whole(operation) for operation in operations]
        except BaseException as error:
            self._reserved = reserved
            if not (isinstance(error, sqlite3.Error) and is_damage(error)):
                raise
        # Whoever meets a broken page spoils the whole transaction, savepoints or not.
        return [self._apply_apart(operation) for operation in operations]

    def _apply_apart(self, operation: Operation) -> Exception | None:
        """In transactions of its own, halved until those at fault are alone."""
        try:
            self.apply([operation])
        except REFUSALS as refusal:
            error = refusal
        else:
            return None
        if is_outside(error) or isinstance(operation, Insert):
            return error
        parts = _halves(operation)
        if parts:
            return _gravest([self._apply_apart(part) for part in parts])
        if not is_damage(error):
            return error
        (row,) = _rows(operation)
        if isinstance(operation, Update) or any(map(self._goes, _lesser(operation))):
            return SpoolCorruptError(row, damage(error))
        return error

    def _goes(self, operation: Operation) -> bool:
        try:
            self.apply([operation])
        except REFUSALS:
            return False
        return True

    def _try_whole(self, operation: Operation) -> Exception | None:
        error = self._try(operation)
        if error is None or isinstance(operation, Insert):
            return error
        return _gravest([self._try(single) for single in _singles(operation)])

    def _try(self, operation: Operation) -> Exception | None:
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
        connection = self._connection
        inserts = [one for one in operations if isinstance(one, Insert)]
        reserved = self._reserve(inserts)
        if inserts:
            self._insert(inserts)
        changes = {
            change[2]: change
            for operation in operations
            if isinstance(operation, Update)
            for change in operation.changes
        }
        statement.UPDATE_ENTRY.run(connection.execute, list(changes.values()))
        for operation in operations:
            if isinstance(operation, Bury):
                self._bury(operation)
        removals = [one for one in operations if isinstance(one, Delete | Bury)]
        rows = [row for removal in removals for row in removal.rows]
        if rows:
            self._delete(rows, whole=all(removal.whole for removal in removals))
        return reserved

    def _insert(self, inserts: Sequence[Insert]) -> None:
        self._require_room(inserts)
        accepted = [row for insert in inserts for row in _accepted(insert)]
        statement.INSERT.run(self._connection.execute, accepted)

    def _bury(self, burial: Bury) -> None:
        """Copy to `dead_letter`; a shared content is copied for each."""
        execute = self._connection.execute
        if self._room is not None:
            (size,) = execute(statement.SIZE_OF, (_json(burial.rows),)).fetchone()
            self._require(
                size + _ROW_SIZE * len(burial.letters), "no room to keep dead letters"
            )
        bulk = statement.BURY if burial.bodies else statement.BURY_ENTRY
        bulk.run(execute, burial.letters)

    def _require_room(self, inserts: Sequence[Insert]) -> None:
        """Stop in time: removals need room as well, in the log, to make room."""
        self._require(
            sum(
                len(insert.content[MAIL]) + _ROW_SIZE * (1 + len(insert.entries))
                for insert in inserts
            ),
            "no room for the spool",
        )

    def _require(self, needed: int, complaint: str) -> None:
        # Once in the log and once in the table, where free pages are used again.
        if self._room is None:
            return
        if 2 * needed <= self._granted:
            self._granted -= 2 * needed
            return
        left = self._room() + self._free_bytes() - 2 * needed
        if left < 0:
            raise SpoolFullError(
                f"{complaint}: what is left on the disk is kept for removals"
            )
        # Asking for every commit would cost as much as the commit.
        self._granted = min(left // _GRANTED_SHARE, _GRANTED_BYTES)

    def _free_bytes(self) -> int:
        (pages,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages) * PAGE_SIZE

    def _reserve(self, inserts: Sequence[Insert]) -> int:
        top = _top(inserts)
        if top < self._reserved:
            return self._reserved
        reserved: int = top + _RESERVED_AT_ONCE
        self._connection.execute(statement.RESERVE, (reserved,))
        return reserved

    def _delete(self, rows: Sequence[int], *, whole: bool = True) -> None:
        connection = self._connection
        these = (_json(rows),)
        if not whole:
            connection.execute(statement.END, these)
            return
        shared = [row for (row,) in connection.execute(statement.SHARED_OF, these)]
        connection.execute(statement.DELETE_ENTRY, these)
        connection.execute(statement.DELETE_OWN, these)
        if shared:
            connection.execute(statement.DELETE_SHARED, (_json(shared),))

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
        faults: list[SpoolCorruptError] = []
        entries: list[tuple[QueueKey, Entry]] = []
        while not entries and after_row < self.first_row - 1:
            rows, after_row = self._page(after_row, limit, faults)
            for sound, *row in rows:
                if sound:
                    entries.append(waiting_of(tuple(row)))
                else:
                    faults.append(self._set_aside(row[0], _UNSOUND))
        return entries, faults

    def _page(
        self, after_row: int, limit: int, faults: list[SpoolCorruptError]
    ) -> tuple[list[Row], int]:
        """Some rows, and the row after which to go on; fewer rows before damage."""
        while True:
            try:
                rows = self._waiting(after_row, limit)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                if limit == 1:
                    return [], self._skip(after_row, damage(error), faults)
                limit = max(1, limit // 8)
            else:
                return rows, rows[-1][1] if rows else self.first_row

    def _waiting(self, after_row: int, limit: int) -> list[Row]:
        return self._connection.execute(
            statement.WAITING, (after_row, self.first_row, limit)
        ).fetchall()

    def _skip(
        self, after_row: int, reason: str, faults: list[SpoolCorruptError]
    ) -> int:
        """Set aside what cannot be read right after a row; the last row of that."""
        last = self._end_of_damage(after_row)
        try:
            rows = self._connection.execute(
                statement.NUMBERS, (after_row, last)
            ).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            reason = f"{reason} (concerns every row up to {last})"
            faults.append(SpoolCorruptError(after_row + 1, reason))
        else:
            faults += [self._set_aside(row, reason) for (row,) in rows]
        return last

    def _end_of_damage(self, after_row: int) -> int:
        """The lowest row behind which reading succeeds again, by halving."""
        bad, step = after_row, 1
        while bad + step < self.first_row and not self._readable(bad + step):
            bad, step = bad + step, step * 2
        good = min(bad + step, self.first_row)
        while good - bad > 1:
            middle = (bad + good) // 2
            if self._readable(middle):
                good = middle
            else:
                bad = middle
        return good

    def _readable(self, after_row: int) -> bool:
        try:
            self._waiting(after_row, 1)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return False
        return True

    def load(self, rows: Sequence[int]) -> tuple[Bodies, list[SpoolCorruptError]]:
        """The messages of these rows; absent ones and unreadable ones are left out."""
        try:
            found = self._connection.execute(
                statement.BODIES_OF_THESE, (_json(rows),)
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
                self._delete([row])
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


def _checked_body(sound: int, row: Row) -> tuple[Message, PushPart | None]:
    if not sound:
        raise SpoolCorruptError(row[0], _UNSOUND)
    return body_of(row)


def _top(inserts: Sequence[Operation]) -> int:
    """The highest row number that these use."""
    return max(
        (
            max(one.content[0], one.entries[-1][0])
            for one in inserts
            if isinstance(one, Insert)
        ),
        default=0,
    )


def _accepted(insert: Insert) -> Iterator[Row]:
    """The rows of the view: the first entry brings the content."""
    first, *others = insert.entries
    yield first + insert.content[1:]
    for entry in others:
        yield entry + _NO_CONTENT


def _json(rows: Sequence[int]) -> str:
    return orjson.dumps(list(rows)).decode()


def _singles(
    operation: Update | Delete | Bury,
) -> list[Update | Delete | Bury]:
    return [_part(operation, at, at + 1) for at in range(len(_rows(operation)))]


def _halves(operation: Update | Delete | Bury) -> list[Update | Delete | Bury]:
    """Empty when there is nothing to halve."""
    length = len(_rows(operation))
    middle = length // 2
    return (
        [_part(operation, 0, middle), _part(operation, middle, length)]
        if middle
        else []
    )


def _part(
    operation: Update | Delete | Bury, start: int, stop: int
) -> Update | Delete | Bury:
    match operation:
        case Update(changes):
            return Update(changes[start:stop])
        case Bury(letters):
            return evolve(operation, letters=letters[start:stop])
        case _:
            return evolve(operation, rows=operation.rows[start:stop])


def _rows(operation: Update | Delete | Bury) -> tuple[int, ...]:
    if isinstance(operation, Update):
        return tuple(change[2] for change in operation.changes)
    return operation.rows


def _lesser(operation: Delete | Bury) -> list[Operation]:
    """What may still be done where damage is in the way, best first."""
    if isinstance(operation, Delete):
        return [evolve(operation, whole=False)]
    marked = evolve(operation, whole=False)
    return [marked, evolve(marked, bodies=False), Delete(operation.rows, whole=False)]


def _gravest(errors: Sequence[Exception | None]) -> Exception | None:
    """One to tell: rather something to act on than a row that is done with."""
    found = [error for error in errors if error is not None]
    found.sort(key=lambda error: isinstance(error, SpoolCorruptError))
    return found[0] if found else None
