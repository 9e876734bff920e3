"""Which of a queue's routes the next connection takes.

A route that is preferred is used alone while it can be; equally preferred ones
take turns; one that failed rests, so that the others are tried first.  When
every route rests the one that failed longest ago is tried: how often, is the
business of whoever connects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define

from mcmtpush.config.views import Route


HTTP2: Final = "apn2"
"""The scheme of routes to the HTTP/2 interface."""

_BINARY_PORT: Final = 2195
HTTPS_PORT: Final = 443

REST_SECONDS: Final = 120.0
"""How long a route that failed is avoided (`host_failure_retry`)."""


def port_of(route: Route) -> int:
    """The port of a route, which is Apple's where none is given."""
    return route.port or (HTTPS_PORT if route.scheme == HTTP2 else _BINARY_PORT)


@define(eq=False)
class _Standing:
    """What is known of one route.

    `turn` is when it was last chosen, `failures` how many came in a row.
    """

    route: Route
    turn: int = 0
    failed_at: float | None = None
    failures: int = 0


class Routes:
    """The routes of one queue and how they did.

    Times are seconds of one clock that is good for differences.
    """

    def __init__(
        self, routes: Iterable[Route], *, rest_seconds: float = REST_SECONDS
    ) -> None:
        self._standings = {route: _Standing(route) for route in routes}
        self._rest = rest_seconds
        self._turn = 0

    def next(self, now: float) -> Route | None:
        """The route for one more connection; None when there is no route at all."""
        standings = self._standings.values()
        awake = [each for each in standings if not self._rests(each, now)]
        if awake:
            chosen = min(awake, key=lambda each: (each.route.preference, each.turn))
        elif standings:
            chosen = min(standings, key=lambda each: each.failed_at or 0.0)
        else:
            return None
        self._turn += 1
        chosen.turn = self._turn
        return chosen.route

    def fail(self, route: Route, now: float) -> bool:
        """A connection could not be made, or ended before it took anything.

        Returns whether this is the first failure since it last worked.
        """
        standing = self._standings[route]
        first = standing.failed_at is None
        standing.failed_at = now
        standing.failures += 1
        return first

    def clear(self, route: Route) -> None:
        """It took something: nothing is held against it."""
        standing = self._standings[route]
        standing.failed_at = None
        standing.failures = 0

    def give_up(self, failures: int) -> bool:
        """Whether each one failed so often in a row; if so, counting starts anew.

        Never without routes, nor with 0 `failures`.
        """
        standings = self._standings.values()
        if failures <= 0 or not standings:
            return False
        if any(each.failures < failures for each in standings):
            return False
        for each in standings:
            each.failures = 0
        return True

    def all_rest(self, now: float) -> bool:
        """Whether every route failed lately (so it is when there is none)."""
        return all(self._rests(each, now) for each in self._standings.values())

    def _rests(self, standing: _Standing, now: float) -> bool:
        failed_at = standing.failed_at
        return failed_at is not None and now - failed_at < self._rest
