"""Devices that were sent too much lately, and for how long they are left alone.

Apple answers 429 for one device token while all others are fine; pushing on would
be held against the whole connection.  A device is known by its token as injected.
Times are seconds of one clock that is good for differences.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.ports import Clock


KNOWN_LIMIT: Final = 10_000
"""So many are remembered; beyond that the one that was added first is forgotten."""

GRAIN_SECONDS: Final = 0.001
"""Less than this is no rest: whoever waits looks at a clock that is less exact."""


class Devices:
    """Shared by the connections of one queue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, token: str, seconds: float) -> None:
        """Leave this device alone for so long."""
        self._until.pop(token, None)
        self._until[token] = self._clock.seconds() + seconds
        if len(self._until) > KNOWN_LIMIT:
            del self._until[next(iter(self._until))]

    def rest_seconds(self, token: str) -> float:
        """How much longer it is to be left alone; 0 when it need not be."""
        until = self._until.get(token) if self._until else None
        if until is None:
            return 0.0
        left = until - self._clock.seconds()
        if left >= GRAIN_SECONDS:
            return left
        del self._until[token]
        return 0.0
