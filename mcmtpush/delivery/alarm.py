"""One call of a clock, at the earliest of the times that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from attrs import define, field

from mcmtpush.ports import Clock


if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251 - types only


@define(eq=False)
class Alarm:
    """Goes off once; whoever wants more sets it again."""

    clock: Clock
    _call: IDelayedCall | None = field(init=False, default=None)

    def set(self, at: float, now: float, ring: Callable[[], None]) -> None:
        """See that `ring` is called then, or sooner; never at infinity."""
        if at == inf:
            return
        if self._call is not None:
            if self._call.getTime() <= at:
                return
            # Moving it would have the reactor look for it among all there are.
            self._call.cancel()
        self.start(max(0.0, at - now), ring)

    def start(self, seconds: float, ring: Callable[[], None]) -> None:
        """Call `ring` in so many seconds; only while it is not set."""
        self._call = self.clock.callLater(seconds, self._go_off, ring)

    def stop(self) -> None:
        """Nothing is waited for any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _go_off(self, ring: Callable[[], None]) -> None:
        self._call = None
        ring()
