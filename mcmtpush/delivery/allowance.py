"""What one lane may do: messages by rate, connections by number and by rate.

The same for every way out.  Whoever is refused is woken when it is worth asking
again.  Knows neither what a message is nor how a connection is made.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from mcmtpush.config.views import DeliverySettings, LimitSettings
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.permit import Permits
from mcmtpush.ports import Clock
from mcmtpush.throttle import Meters
from mcmtpush.values import QueueKey


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251


class Allowance:
    """The allowance of one lane; `limits` and `buckets` are shared by all lanes.

    Args:
        key: of its queue.
        wake: called when something may be allowed that was not.
        yield_one: called when another lane has no connection and waits for one of
            this lane's.
    """

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        key: QueueKey,
        limits: Limits,
        buckets: Meters,
        clock: Clock,
        wake: Callable[[], None],
        yield_one: Callable[[], None],
    ) -> None:
        self._rate = buckets.of(settings.message_throttle)
        self._permits = Permits(
            limits.share(
                (settings.binding_limit, settings.scope_limit),
                alone=_own_limit(settings, key),
                free=wake,
                yield_one=yield_one,
            ),
            buckets.of(settings.connection_throttle),
            clock,
        )
        self._clock = clock
        self._wake = wake
        self._later: IDelayedCall | None = None  # when a rate allows more
        self._stopped = False

    # -- messages -----------------------------------------------------------------

    @property
    def exhausted(self) -> bool:
        """Whether the rate allows no message now, over however many connections."""
        return self._rate is not None and self._rate.wait(self._clock.seconds()) > 0

    def grant(self, wanted: int) -> int:
        """How many messages may go now; `give_back` what is not used, at once."""
        rate = self._rate
        if rate is None:
            return wanted
        now = self._clock.seconds()
        granted = rate.take(wanted, now)
        if granted < wanted:
            self.wake_in(rate.wait(now))
        return granted

    def give_back(self, count: int) -> None:
        """So many of the last grant were not used."""
        if self._rate is not None:
            self._rate.give_back(count)

    # -- connections --------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether the number of connections is reached; rates do not count."""
        return self._permits.full

    @property
    def in_line(self) -> bool:
        """Whether the last refusal was for the number: a place may come free."""
        return self._permits.wait_seconds == inf

    def permit(self, holder: object) -> bool:
        """Permit one connection, or see that `wake` is called when one may be had."""
        if self._permits.grant(holder):
            return True
        self.wake_in(self._permits.wait_seconds)
        return False

    def gone(self, holder: object) -> None:
        """Its connection is gone, or never came about."""
        self._permits.gone(holder)

    def decline(self) -> None:
        """No more connections are wanted for now."""
        self._permits.decline()

    def stop(self) -> None:
        """Nothing more is wanted, ever; what is held is given back as it goes."""
        self._stopped = True
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None
        self._permits.decline()

    def wake_in(self, seconds: float) -> None:
        """Wake in so many seconds, or sooner."""
        if seconds == inf or self._stopped:
            return
        if self._later is not None and self._later.active():
            if self._later.getTime() <= self._clock.seconds() + seconds:
                return
            self._later.cancel()
        self._later = self._clock.callLater(seconds, self._wake)


def _own_limit(settings: DeliverySettings, key: QueueKey) -> LimitSettings | None:
    """What the lanes of one queue have together, in whatever process they are."""
    most = settings.max_outbound_connections
    return LimitSettings(most, ("queue", key)) if most >= 0 else None
