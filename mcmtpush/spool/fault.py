"""What an error of SQLite means for the spool.

The numbers are SQLite's primary result codes, https://www.sqlite.org/rescode.html;
they do not change.  Errors are recognised by their `sqlite_errorcode` alone, so this
file needs no driver.
"""

from __future__ import annotations

from mcmtpush.errors import SpoolError, SpoolFullError, SpoolLostError


_PERM, _BUSY, _LOCKED, _READONLY, _IOERR = 3, 5, 6, 8, 10
_CORRUPT, _FULL, _CANTOPEN, _PROTOCOL = 11, 13, 14, 15
_OUTSIDE = frozenset(
    {_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _FULL, _CANTOPEN, _PROTOCOL}
)

UNSOUND = "a column has a value of the wrong type"
"""What is said of a row whose bytes can be read and make no entry."""


def _code(error: Exception) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_outside(error: Exception) -> bool:
    """Whether the world is at fault (disk, memory, locks), not the rows at hand."""
    return _code(error) in _OUTSIDE or isinstance(
        error, MemoryError | SpoolFullError | SpoolLostError
    )


def is_full(error: Exception) -> bool:
    """Whether there is no room on the disk."""
    return _code(error) == _FULL or isinstance(error, SpoolFullError)


def remedy(error: Exception) -> str:
    """What an operator can do about an error of the world."""
    if isinstance(error, SpoolLostError):
        return (
            "put it back, or let the queues run empty and restart, since what they "
            "hold is nowhere else"
        )
    return "make room or mend the disk"


def is_damage(error: Exception) -> bool:
    """Whether the stored bytes are at fault."""
    return _code(error) == _CORRUPT or _is_undecodable(error)


def damage(error: Exception) -> str:
    """What is wrong with the stored bytes, without quoting them."""
    return "a text is not UTF-8" if _is_undecodable(error) else str(error)


def _is_undecodable(error: Exception) -> bool:
    # The driver's own error: no code, and the text itself in the message.
    return _code(error) is None and str(error).startswith("Could not decode")


def spool_error(error: Exception) -> SpoolError:
    """The same for callers: a SpoolError, a SpoolFullError when that is the case."""
    if isinstance(error, SpoolError):
        return error
    if is_full(error):
        return SpoolFullError(f"no room for the spool: {error}")
    if is_damage(error):
        return SpoolError(
            f"the spool is damaged: {damage(error)}; run mcmtpush spool check"
        )
    return SpoolError(f"the spool failed: {error}")
