"""How much a spool may still write: the last part of the disk is for removals.

Removals need room as well, in the log, to make room.  Knows no disk and no
database: whoever makes it says what is left there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from mcmtpush.errors import SpoolFullError
from mcmtpush.spool.codec import MAIL, Insert


_ROW_SIZE = 2048
"""A generous guess at a row without its mail."""

_GRANTED_BYTES = 1024 * 1024
_GRANTED_SHARE = 16
"""So much may be written before the disk is asked for its room again."""


@define(eq=False)
class Quota:
    """Of one spool.

    Attributes:
        left: bytes that may still be used, on the disk and inside the database; None
            for no limit.
    """

    left: Callable[[], int | None]
    _granted: int = field(default=0, init=False)

    def require_inserts(self, inserts: Sequence[Insert]) -> None:
        """Raise SpoolFullError unless all of these fit."""
        self._require(
            sum(
                len(insert.content[MAIL]) + _ROW_SIZE * (1 + len(insert.entries))
                for insert in inserts
            ),
            "no room for the spool",
        )

    def require_letters(self, size: int, count: int) -> None:
        """Raise SpoolFullError unless so many, with so many bytes of mail, fit."""
        self._require(size + _ROW_SIZE * count, "no room to keep dead letters")

    def _require(self, needed: int, complaint: str) -> None:
        # Once in the log and once in the table, where free pages are used again.
        if 2 * needed <= self._granted:
            self._granted -= 2 * needed
            return
        room = self.left()
        if room is None:
            return
        left = room - 2 * needed
        if left < 0:
            raise SpoolFullError(
                f"{complaint}: what is left on the disk is kept for removals"
            )
        # Asking for every commit would cost as much as the commit.
        self._granted = min(left // _GRANTED_SHARE, _GRANTED_BYTES)
