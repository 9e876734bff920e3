"""What waits on one connection: for a time, or for so many requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcmtpush.ports import Clock


class _Hold:
    __slots__ = ("left", "then", "timer")

    def __init__(self, left: int, then: Callable[[], None]) -> None:
        self.left = left
        self.then = then
        self.timer: Any = None


class Holds:
    """Calls that are to come; none comes after `stop`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holds: set[_Hold] = set()
        self._counting: list[_Hold] = []

    def add(self, seconds: float, requests: int, then: Callable[[], None]) -> None:
        """Call after so many seconds, or when so many requests came if not 0."""
        hold = _Hold(requests, then)
        hold.timer = self._clock.callLater(seconds, self._release, hold)
        self._holds.add(hold)
        if requests:
            self._counting.append(hold)

    def count(self) -> None:
        """One more request came."""
        for hold in list(self._counting):
            hold.left -= 1
            if not hold.left:
                hold.timer.cancel()
                self._release(hold)

    def stop(self) -> None:
        """Nothing is waited for any more."""
        holds, self._holds = self._holds, set()
        self._counting.clear()
        for hold in holds:
            hold.timer.cancel()

    def _release(self, hold: _Hold) -> None:
        self._holds.discard(hold)
        if hold in self._counting:
            self._counting.remove(hold)
        hold.then()
