"""The calls of one mail queue: how many there are, when more begin and some end.

Knows what each call is doing, but neither messages nor how servers do.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.goal import connection_goal
from mcmtpush.delivery.mail.call import Call, Means, Phase, Watcher
from mcmtpush.delivery.mail.event import Terms
from mcmtpush.delivery.mail.exchange import Target


CONNECTING_LIMIT: Final = 4
"""Connections opened at the same time while all is well."""

_ESTABLISHED: Final = frozenset({Phase.READY, Phase.LOADING, Phase.SENDING})


class Fleet:
    """Of one queue; `watcher` is told what becomes of calls.

    Attributes:
        calls: those that are not over.
    """

    def __init__(
        self,
        watcher: Watcher,
        means: Means,
        *,
        settings: DeliverySettings,
        allowance: Allowance,
        counters: Counters,
    ) -> None:
        self._watcher = watcher
        self._means = means
        self._settings = settings
        self._allowance = allowance
        self._counters = counters
        self.calls: list[Call] = []

    @property
    def works(self) -> bool:
        """Whether any server is ready for us or at work."""
        return any(each.phase in _ESTABLISHED for each in self.calls)

    def missing(self, waiting: int, *, failing: bool) -> int:
        """How many more calls so many messages deserve, a few at a time.

        One after a failure; none while they would not make it faster.
        """
        if self.calls and self._allowance.exhausted:
            return 0
        wanted = connection_goal(
            backlog=waiting,
            limit=self._settings.max_outbound_connections,
            aggressiveness=self._settings.connection_aggressiveness,
        )
        connecting = sum(each.phase is Phase.CONNECTING for each in self.calls)
        allowed = 1 if failing else CONNECTING_LIMIT
        return min(wanted - len(self.calls), allowed - connecting)

    def call(self, target: Target, terms: Terms) -> bool:
        """Call this server if one more connection is permitted; whether it is."""
        call = Call(self._watcher, self._means, target, terms)
        if not self._allowance.permit(call):
            self._counters.add("delivery.limited")
            return False
        self.calls.append(call)
        call.open()
        return True

    def remove(self, call: Call) -> None:
        """It is over."""
        self.calls.remove(call)
        self._allowance.gone(call)

    def yield_one(self) -> None:
        """Lanes that have no connection wait for one of ours."""
        calls = [each for each in self.calls if not each.left]
        if calls:
            self._counters.add("delivery.yielded")
            min(calls, key=lambda each: each.burden).stop()

    def stop(self) -> None:
        """Stop all of them, which may finish what they are sending."""
        for call in list(self.calls):
            call.stop()

    def abort(self, reason: str) -> None:
        """Drop those that are left."""
        for call in list(self.calls):
            call.abort(reason)
