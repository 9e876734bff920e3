"""Whether a lane may open one more connection: by number, and by rate.

Remembers who has a permit, so that each is given back once.  Knows neither what
a connection is nor who waits.
"""

from __future__ import annotations

from math import inf

from mcmtpush.delivery.limit import Share
from mcmtpush.ports import Clock
from mcmtpush.throttle import Meter


class Permits:
    """The permits of one lane; a holder is anything that stands for a connection.

    Attributes:
        wait_seconds: after a refusal, when it is worth asking again; infinite when
            the share says so instead.
    """

    def __init__(self, share: Share, bucket: Meter | None, clock: Clock) -> None:
        self._share = share
        self._bucket = bucket
        self._clock = clock
        self._holders: set[object] = set()
        self.wait_seconds = inf

    @property
    def full(self) -> bool:
        """Whether a limit is reached; rates do not count."""
        return self._share.full

    def grant(self, holder: object) -> bool:
        """Permit one connection, if number and rate allow it."""
        now = self._clock.seconds()
        bucket = self._bucket
        self.wait_seconds = inf if bucket is None else bucket.wait(now) or inf
        if self.wait_seconds < inf or not self._share.take():
            return False
        if bucket is not None and not bucket.take(1, now):
            # Another worker was faster.
            self._share.give_back()
            self.wait_seconds = bucket.wait(now)
            return False
        self._holders.add(holder)
        return True

    def gone(self, holder: object) -> None:
        """Its connection is gone, or never came about."""
        if holder in self._holders:
            self._holders.discard(holder)
            self._share.give_back()

    def decline(self) -> None:
        """No more connections are wanted for now."""
        self._share.decline()
