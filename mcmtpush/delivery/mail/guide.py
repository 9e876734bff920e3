"""Where one queue's mail goes: looked up anew every minute, remembered in between.

Knows which server is next, which ones rest and which are called in clear; neither
calls anybody nor waits for better times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import evolve

from mcmtpush.delivery.mail.event import Terms
from mcmtpush.delivery.mail.exchange import Hosts, Survey, Target, Unavailable
from mcmtpush.ports import Clock
from mcmtpush.values import Answered


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251

FRESH_SECONDS: Final = 60.0
"""For so long what was looked up is used again."""

CLEAR_SECONDS: Final = 600.0
"""For so long a server whose TLS failed is called in clear at once."""


class Guide:
    """The way of one queue.

    Args:
        look: looks up where the mail goes now.
        rest_seconds: how long a server that failed is avoided.
        terms: how servers are talked to.

    Attributes:
        hosts: the servers and how they did.
    """

    def __init__(
        self,
        look: Callable[[], Deferred[Survey]],
        *,
        clock: Clock,
        rest_seconds: float,
        terms: Terms,
    ) -> None:
        self._look = look
        self._clock = clock
        self._terms = terms
        self._in_clear: dict[Target, float] = {}
        self._surveying: Deferred[Survey] | None = None
        self._surveyed_at: float | None = None
        self._verdict: Answered | None = None
        self.hosts = Hosts(rest_seconds=rest_seconds)

    # -- what is known ------------------------------------------------------------

    @property
    def is_fresh(self) -> bool:
        """Whether what is known need not be looked up again yet."""
        surveyed_at = self._surveyed_at
        if surveyed_at is None:
            return False
        return self._clock.seconds() - surveyed_at < FRESH_SECONDS

    @property
    def verdict(self) -> Answered | None:
        """What all mail is answered since it goes nowhere; None while it may."""
        return self._verdict if self.is_fresh else None

    def next(self) -> Target | None:
        """The server for one more connection."""
        return self.hosts.next(self._clock.seconds())

    # -- looking up ---------------------------------------------------------------

    def look_up(self, tell: Callable[[Survey], None]) -> None:
        """Ask, and tell what was found, once; nothing if it is asked already."""
        if self._surveying is not None:
            return
        self._surveying = self._look()
        self._surveying.addErrback(_unknown)
        self._surveying.addCallback(self._looked_up, tell)

    def stop(self) -> None:
        """Give up a lookup that is under way."""
        if self._surveying is not None:
            self._surveying.cancel()

    def forget(self) -> None:
        """Look it up again before anybody is called."""
        self._surveyed_at = None

    def _looked_up(self, found: Survey, tell: Callable[[Survey], None]) -> None:
        self._surveying = None
        if not isinstance(found, Unavailable):
            self._surveyed_at = self._clock.seconds()
            self._verdict = found if isinstance(found, Answered) else None
            self.hosts.update(found if isinstance(found, tuple) else ())
        elif len(self.hosts):
            # The old answer is better than none.
            self._surveyed_at = self._clock.seconds()
        tell(found)

    # -- in clear -----------------------------------------------------------------

    def terms_for(self, target: Target) -> Terms:
        """How this server is talked to now."""
        clear_at = self._in_clear.get(target)
        if clear_at is None or self._clock.seconds() >= clear_at + CLEAR_SECONDS:
            return self._terms
        return evolve(self._terms, tls="no")

    def go_in_clear(self, target: Target) -> None:
        """Its TLS failed: for some time it is not asked for."""
        self._in_clear[target] = self._clock.seconds()


def _unknown(failure: object) -> Survey:
    """Whatever befell the lookup, it says nothing about the domain."""
    return Unavailable(getattr(failure, "getErrorMessage", lambda: str(failure))())
