"""A batch of operations as statements, for a transaction that the caller began.

Rows go to the database many at a time.  SQLite's driver gives up the interpreter
lock at every step of a statement and may wait five milliseconds to get it back when
the reactor is busy, so a statement for each row would be slow exactly under load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

from mcmtpush.spool import statement
from mcmtpush.spool.codec import (
    CONTENT_COLUMNS,
    Bury,
    Delete,
    Insert,
    Operation,
    Row,
    Update,
)
from mcmtpush.spool.quota import Quota


Execute = Callable[[str, Sequence[Any]], Any]
"""Of a connection: runs one statement, and gives its cursor."""

_NO_CONTENT: Row = (None,) * (len(CONTENT_COLUMNS) - 1)


def write_batch(
    execute: Execute, operations: Sequence[Operation], quota: Quota
) -> None:
    """All of these: what is new, what changes, what is buried, what goes."""
    inserts = [one for one in operations if isinstance(one, Insert)]
    if inserts:
        write_inserts(execute, inserts, quota)
    changes = {
        change[2]: change
        for operation in operations
        if isinstance(operation, Update)
        for change in operation.changes
    }
    statement.UPDATE_ENTRY.run(execute, list(changes.values()))
    for operation in operations:
        if isinstance(operation, Bury):
            _bury(execute, operation, quota)
    removals = [one for one in operations if isinstance(one, Delete | Bury)]
    rows = [row for removal in removals for row in removal.rows]
    if rows:
        delete_rows(execute, rows, whole=all(removal.whole for removal in removals))


def write_inserts(execute: Execute, inserts: Sequence[Insert], quota: Quota) -> None:
    """Transactions that were accepted; raises SpoolFullError."""
    quota.require_inserts(inserts)
    accepted = [row for insert in inserts for row in _accepted(insert)]
    statement.INSERT.run(execute, accepted)


def _accepted(insert: Insert) -> Iterator[Row]:
    """The rows of the view: the first entry brings the content."""
    first, *others = insert.entries
    yield first + insert.content[1:]
    for entry in others:
        yield entry + _NO_CONTENT


def _bury(execute: Execute, burial: Bury, quota: Quota) -> None:
    """Copy to `dead_letter`; a shared content is copied for each."""
    (size,) = execute(statement.SIZE_OF, (json_of(burial.rows),)).fetchone()
    quota.require_letters(size, len(burial.letters))
    bulk = statement.BURY if burial.bodies else statement.BURY_ENTRY
    bulk.run(execute, burial.letters)


def delete_rows(execute: Execute, rows: Sequence[int], *, whole: bool = True) -> None:
    """Entries and what only they need; not `whole` marks them as ended instead."""
    these = (json_of(rows),)
    if not whole:
        execute(statement.END, these)
        return
    shared = [row for (row,) in execute(statement.SHARED_OF, these)]
    execute(statement.DELETE_ENTRY, these)
    execute(statement.DELETE_OWN, these)
    if shared:
        execute(statement.DELETE_SHARED, (json_of(shared),))


def top_row(operations: Iterable[Operation]) -> int:
    """The highest row number that inserts among these use, 0 without any."""
    return max(
        (
            max(one.content[0], one.entries[-1][0])
            for one in operations
            if isinstance(one, Insert)
        ),
        default=0,
    )


def json_of(rows: Sequence[int]) -> str:
    """Row numbers as `json_each` takes them."""
    return orjson.dumps(list(rows)).decode()
