"""One timer for all queues.

It rings when the first delayed entry of any queue has its time, and at least every
scan interval: the wall clock may jump, and then what was booked means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from mcmtpush.ports import Clock, Now
from mcmtpush.queues.outlet import Outlet


if TYPE_CHECKING:
    # A type only; a pure file knows no reactor.
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251


SHORTEST_SCAN_SECONDS = 1.0
"""A scan looks at every queue: more often than that would be all there is time for."""

SLACK_SECONDS = 0.001
"""Early by so much is in time: the two clocks do not round alike."""


class Alarm:
    """Rings `due(outlet)` and `scan()`."""

    def __init__(
        self,
        *,
        clock: Clock,
        now: Now,
        scan_interval_seconds: float,
        due: Callable[[Outlet, float], None],
        scan: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._now = now
        self._interval = max(scan_interval_seconds, SHORTEST_SCAN_SECONDS)
        self._due = due
        self._scan = scan
        self._booked: list[tuple[float, int, Outlet]] = []
        self._numbers = count()
        self._next_scan: float | None = None
        self._timer: IDelayedCall | None = None
        self._rings_at = 0.0

    def start(self) -> None:
        """Begin to ring."""
        self._next_scan = self._clock.seconds() + self._interval
        self._wind()

    def stop(self) -> None:
        """Never ring again."""
        self._next_scan = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def book(self, outlet: Outlet) -> None:
        """See to the first delayed entry of this queue in time."""
        due = outlet.queue.next_due()
        if due is None or (outlet.booked_at is not None and outlet.booked_at <= due):
            return
        outlet.booked_at = due
        heappush(self._booked, (due, next(self._numbers), outlet))
        self._wind()

    def forget(self) -> None:
        """Drop all that is booked: the wall clock was set back."""
        for _, _, outlet in self._booked:
            outlet.booked_at = None
        self._booked.clear()

    def _ring(self) -> None:
        self._timer = None
        now = self._now() + SLACK_SECONDS
        for outlet in self._pop_due(now):
            self._due(outlet, now)
            self.book(outlet)
        self._scan_in_time()
        self._wind()

    def _scan_in_time(self) -> None:
        seconds = self._clock.seconds()
        if self._next_scan is not None and seconds >= self._next_scan - SLACK_SECONDS:
            self._next_scan = seconds + self._interval
            self._scan()

    def _pop_due(self, now: float) -> list[Outlet]:
        outlets = []
        while self._booked and self._booked[0][0] <= now:
            due, _, outlet = heappop(self._booked)
            # Otherwise it was booked again for an earlier time, and that is over.
            if outlet.booked_at == due:
                outlet.booked_at = None
                outlets.append(outlet)
        return outlets

    def _wind(self) -> None:
        if self._next_scan is None:
            return
        seconds = self._clock.seconds()
        delay = self._next_scan - seconds
        if self._booked:
            delay = min(delay, self._booked[0][0] - self._now())
        delay = max(delay, 0.0)
        if self._timer is not None:
            if self._rings_at <= seconds + delay:
                return
            self._timer.cancel()
        self._rings_at = seconds + delay
        self._timer = self._clock.callLater(delay, self._ring)
