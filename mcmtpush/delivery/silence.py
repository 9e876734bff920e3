"""What counts as silence of a gateway of the binary interface.

A transport that takes no bytes for a while is not silent but stalled: that time
counts for nobody.  Times are seconds of one clock that is good for differences.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from mcmtpush.apns.window import Window
from mcmtpush.values import Attempt


STALL_SECONDS: Final = 1.0
"""A transport that takes nothing for longer is stalled rather than slow."""

STALL_LIMIT_SECONDS: Final = 60.0
"""A peer that reads nothing for so long is given up."""

MAX_GRANULARITY_SECONDS: Final = 0.25


@define(eq=False)
class Silence:
    """Of one connection.

    Attributes:
        window: what is written and not settled; in it, stalls take no time.
        granularity: how far apart, in seconds, silence is looked for.
        stalled_seconds: the sum of the stalls that are over.
    """

    window: Window
    granularity: float
    stalled_seconds: float = field(init=False, default=0.0)
    _paused_at: float | None = field(init=False, default=None)

    def pause(self, now: float) -> None:
        """The transport takes no more."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """The transport takes more."""
        paused_seconds = self._paused_seconds(now)
        self._paused_at = None
        if paused_seconds > STALL_SECONDS:
            self.stalled_seconds += paused_seconds

    def endless(self, now: float) -> bool:
        """Whether it took nothing for so long that it is given up."""
        return self._paused_seconds(now) > STALL_LIMIT_SECONDS

    def due_at(self, now: float) -> float | None:
        """When it is time to look for silence; None while nothing waits for it."""
        silent_at = self.window.silent_at
        if silent_at is None:
            return None
        return max(silent_at + self.stalled_seconds, now + self.granularity)

    def settle(self, now: float) -> list[Attempt]:
        """Those that met silence for long enough; none while the transport stalls."""
        if self._paused_seconds(now) > STALL_SECONDS:
            return []
        return self.window.silence(now - self.stalled_seconds)

    def _paused_seconds(self, now: float) -> float:
        return 0.0 if self._paused_at is None else now - self._paused_at


def granularity_of(timeout_seconds: float) -> float:
    """How far apart silence is looked for where it takes so long to count."""
    return min(MAX_GRANULARITY_SECONDS, timeout_seconds / 20)
