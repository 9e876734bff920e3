"""Contact of one queue with its gateways: who is next, who rests, who is given up.

Operators hear of changes, not of every attempt.
"""

from __future__ import annotations

from twisted.logger import Logger

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.delivery.patience import Patience
from mcmtpush.delivery.routes import Routes, port_of
from mcmtpush.ports import Clock


_log = Logger()


class Contact:
    """How the routes of `domain` do."""

    def __init__(self, domain: str, settings: DeliverySettings, clock: Clock) -> None:
        self._domain = domain
        self._clock = clock
        self._routes = Routes(
            settings.routes, rest_seconds=settings.host_failure_retry_seconds
        )
        self._patience = Patience(settings.connect_timeout_to_delay_seconds)
        self._limit = settings.mx_failures_to_delay
        self._in_trouble = False

    def choose_route(self) -> Route | None:
        """For one more connection; None when there is no route at all."""
        return self._routes.next(self._clock.seconds())

    def fail(self, route: Route | None, reason: str) -> str:
        """No connection was had by this route, or none worth the name.

        Returns why those who wait are to be put off, empty if they are not yet.
        """
        now = self._clock.seconds()
        first = route is not None and self._routes.fail(route, now)
        told = {"domain": self._domain, "route": name_of(route), "reason": reason}
        if not self._in_trouble and self._routes.all_rest(now):
            self._in_trouble = True
            _log.warn(
                "{domain}: no gateway takes messages, at last {route}: {reason}; "
                "they stay queued and it is tried again",
                **told,
            )
        elif first:
            _log.warn("{domain}: {route} rests: {reason}", **told)
        why = self._give_up(now)
        return f"{why}, at last {told['route']}: {reason}" if why else ""

    def worked(self, route: Route) -> None:
        """The gateway took something, or objected to something."""
        self._routes.clear(route)
        self._patience.clear()
        if self._in_trouble:
            self._in_trouble = False
            _log.info(
                "{domain}: {route} takes messages again",
                domain=self._domain,
                route=name_of(route),
            )

    def _give_up(self, now: float) -> str:
        weary = self._patience.fail(now)
        if self._routes.give_up(self._limit):
            self._patience.clear()
            return f"each route failed {self._limit} times in a row"
        if weary:
            return f"there was no contact for {self._patience.seconds} s"
        return ""


def name_of(route: Route | None) -> str:
    """Host and port, for operators."""
    return "no route" if route is None else f"{route.host}:{port_of(route)}"
