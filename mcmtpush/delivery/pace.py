"""How fast a new connection is filled after others met a refusal.

Whatever is written behind a refused notification was written in vain: it comes
back and is written again.  So a connection that follows one that was answered
begins with about what that one carried, and what it may carry doubles as long as
the gateway does not object.
"""

from __future__ import annotations

from math import inf
from typing import Final


STEP_SECONDS: Final = 0.1
"""An objection is usually here by then."""

SMALLEST_START: Final = 32

ENOUGH: Final = 50_000
"""More than this is no limit."""


def careful_start(previous: int, accepted: int) -> int:
    """What the next connection may carry at first; 0 means no limit.

    `previous` is what the one that was answered had begun with, `accepted` what
    it carried well.  One bad stroke of luck halves a start at most.
    """
    start = max(SMALLEST_START, accepted, previous // 2)
    return start if start <= ENOUGH else 0


class Pace:
    """What one connection may carry in all; `start` 0 means no limit.

    Attributes:
        grows_at: when it may carry more; infinite while it has not carried all
            it may.  Seconds of a clock that is good for differences.
    """

    def __init__(self, start: int = 0) -> None:
        self._allowed = start
        self.grows_at = inf

    def room(self, written: int) -> int:
        """How many more it may carry now."""
        return max(0, self._allowed - written) if self._allowed else ENOUGH

    def note(self, written: int, now: float) -> None:
        """So many were written in all, the last ones now."""
        if self._allowed and written >= self._allowed:
            self.grows_at = now + STEP_SECONDS

    def grow(self, now: float) -> bool:
        """Allow more if it is time; whether it was."""
        if now < self.grows_at:
            return False
        self.grows_at = inf
        doubled = 2 * self._allowed
        self._allowed = doubled if doubled <= ENOUGH else 0
        return True
