"""What was refused as a whole, piece by piece, until those at fault are alone.

Knows no database: whoever calls says how one operation is attempted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from mcmtpush.errors import SpoolCorruptError
from mcmtpush.spool.codec import Bury, Delete, Insert, Operation, Update
from mcmtpush.spool.fault import damage, is_damage, is_outside


Attempt = Callable[[Operation], Exception | None]
"""Writes all of an operation or nothing; why not, or None."""

Change = Update | Delete | Bury
"""What may be cut, for every row stands for itself."""


def write_singly(operation: Operation, attempt: Attempt) -> Exception | None:
    """As a whole if possible, else its rows one by one."""
    error = attempt(operation)
    if error is None or isinstance(operation, Insert):
        return error
    return _gravest([attempt(single) for single in _singles(operation)])


def write_halved(operation: Operation, attempt: Attempt) -> Exception | None:
    """As a whole if possible, else halved and halved again.

    SpoolCorruptError for a damaged row that cannot be changed; one to be removed is
    marked as ended first.
    """
    error = attempt(operation)
    if error is None or is_outside(error) or isinstance(operation, Insert):
        return error
    parts = _halves(operation)
    if parts:
        return _gravest([write_halved(part, attempt) for part in parts])
    if not is_damage(error):
        return error
    return _write_lesser(operation, attempt, error)


def _write_lesser(
    operation: Change, attempt: Attempt, error: Exception
) -> Exception | None:
    (row,) = _rows(operation)
    if isinstance(operation, Update) or any(
        attempt(lesser) is None for lesser in _lesser(operation)
    ):
        return SpoolCorruptError(row, damage(error))
    return error


def _lesser(operation: Delete | Bury) -> list[Operation]:
    """What may still be done where damage is in the way, best first."""
    if isinstance(operation, Delete):
        return [evolve(operation, whole=False)]
    marked = evolve(operation, whole=False)
    return [marked, evolve(marked, bodies=False), Delete(operation.rows, whole=False)]


def _singles(operation: Change) -> list[Change]:
    return [_part(operation, at, at + 1) for at in range(len(_rows(operation)))]


def _halves(operation: Change) -> list[Change]:
    """Empty when there is nothing to halve."""
    length = len(_rows(operation))
    middle = length // 2
    return (
        [_part(operation, 0, middle), _part(operation, middle, length)]
        if middle
        else []
    )


def _part(operation: Change, start: int, stop: int) -> Change:
    match operation:
        case Update(changes):
            return Update(changes[start:stop])
        case Bury(letters):
            return evolve(operation, letters=letters[start:stop])
        case _:
            return evolve(operation, rows=operation.rows[start:stop])


def _rows(operation: Change) -> tuple[int, ...]:
    if isinstance(operation, Update):
        return tuple(change[2] for change in operation.changes)
    return operation.rows


def _gravest(errors: Sequence[Exception | None]) -> Exception | None:
    """One to tell: rather something to act on than a row that is done with."""
    found = [error for error in errors if error is not None]
    found.sort(key=lambda error: isinstance(error, SpoolCorruptError))
    return found[0] if found else None
