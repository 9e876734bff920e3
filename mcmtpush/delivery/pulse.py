"""Whether the peer of a connection is still there.

When nothing was heard for long it is asked, and given up when it does not answer;
so it is after a request that got no answer.  One that does not read may still write:
only what answers us shows that we are heard.  Times are seconds of one clock that is
good for differences.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field


PING_SECONDS: Final = 60.0
"""After so long without a byte the peer is asked whether it is there."""

PONG_SECONDS: Final = 10.0
"""How long it may take to say so."""


@define(eq=False)
class Pulse:
    """Of one connection; `heard_at` is when the last bytes came."""

    heard_at: float
    _asked_at: float | None = field(init=False, default=None)

    def hear(self, now: float, *, answers: bool = False) -> None:
        """Bytes came; `answers`: with an answer to the question, or to a request."""
        self.heard_at = now
        if answers:
            self._asked_at = None

    def ask(self, now: float) -> bool:
        """Whether to ask now: not while an answer is due."""
        if self._asked_at is not None:
            return False
        self._asked_at = now
        return True

    def is_silent(self, now: float) -> bool:
        """Whether it is time to ask."""
        return self._asked_at is None and now >= self.heard_at + PING_SECONDS

    def is_dead(self, now: float) -> bool:
        """Whether it was asked in vain."""
        return self._asked_at is not None and now >= self._asked_at + PONG_SECONDS
