"""The delivery side of one queue: how many connections, and who carries what.

Takes entries in order, shares them out over the connections that have room,
and hands what became of them to disposition.  Knows no bytes, no back-off and
no policy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.logger import Logger

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.goal import connection_goal
from mcmtpush.delivery.routes import Routes
from mcmtpush.delivery.slot import Means, Phase, Slot
from mcmtpush.ports import Clock, Dice, Disposition, Now, Queue
from mcmtpush.values import Attempt


BATCH_LIMIT: Final = 500
"""What one connection is given in one turn."""

TURN_LIMIT: Final = 1000
"""What one turn hands out, so that it stays short."""

SMALLEST_SHARE: Final = 32
"""Less than this is not split between connections: a write has its price too."""

CONNECTING_LIMIT: Final = 4
"""Connections opened at the same time while all is well."""

_LIVE: Final = frozenset({Phase.CONNECTING, Phase.READY, Phase.DRAINING})

_log = Logger()


class Pool:
    """Implements `ports.Lane` over slots.

    Nothing is done inside `work`: it arranges one call in the next turn of the
    clock, however often it is called.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        settings: DeliverySettings,
        connect: Callable[[Route], IStreamClientEndpoint],
        disposition: Disposition,
        clock: Clock,
        now: Now,
        dice: Dice,
        counters: Counters,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._disposition = disposition
        self._clock = clock
        self._routes = Routes(settings.routes)
        self._means = Means(settings, connect, clock, now, dice, counters)
        self._slots: list[Slot] = []
        self._first = 0  # of the slots, for the next turn's sharing
        self._turn: IDelayedCall | None = None
        self._dry = False  # a connection had room and nothing was to be taken
        self._in_trouble = False
        self._drained: list[Deferred[None]] | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return sum(slot.phase in _LIVE for slot in self._slots)

    # -- ports.Lane ---------------------------------------------------------------

    def work(self) -> None:
        """There may be something to take.  Cheap to call, never re-enters."""
        self._dry = False
        self._wake()

    def drain(self) -> Deferred[None]:
        """Take no more; fires when every connection is closed.

        Each waits for its window, no longer than the response timeout and a
        second, and then a little for its peer.
        """
        if self._drained is None:
            self._drained = []
        done: Deferred[None] = Deferred()
        self._drained.append(done)
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        for slot in list(self._slots):
            slot.stop()
        self._finish()
        return done

    # -- what slots tell ----------------------------------------------------------

    def settle(self, attempts: list[Attempt]) -> None:
        """See `Watcher`."""
        self._disposition.settle(self._queue.key, attempts)
        self._wake()

    def changed(self, slot: Slot) -> None:
        """See `Watcher`."""
        if slot.phase is Phase.STOPPED and slot in self._slots:
            self._slots.remove(slot)
        self._wake()
        self._finish()

    def choose_route(self) -> Route | None:
        """See `Watcher`."""
        return self._routes.next(self._clock.seconds())

    def failed(self, route: Route | None, reason: str) -> None:
        """See `Watcher`.  Operators hear of changes, not of every attempt."""
        now = self._clock.seconds()
        first = route is not None and self._routes.fail(route, now)
        told = {
            "domain": self._queue.key.domain,
            "route": _name(route),
            "reason": reason,
        }
        if not self._in_trouble and self._routes.all_rest(now):
            self._in_trouble = True
            _log.warn(
                "{domain}: no gateway takes messages, at last {route}: {reason}; "
                "they stay queued and it is tried again",
                **told,
            )
        elif first:
            _log.warn("{domain}: {route} rests: {reason}", **told)

    def worked(self, route: Route) -> None:
        """See `Watcher`."""
        self._routes.clear(route)
        if self._in_trouble:
            self._in_trouble = False
            _log.info(
                "{domain}: {route} takes messages again",
                domain=self._queue.key.domain,
                route=_name(route),
            )

    # -- inside -------------------------------------------------------------------

    def _wake(self) -> None:
        if self._turn is None and self._drained is None:
            self._turn = self._clock.callLater(0, self._work)

    def _work(self) -> None:
        self._turn = None
        backlog = self._queue.backlog
        if backlog:
            self._share(backlog)
            if not self._dry:
                self._open(backlog)

    def _share(self, backlog: int) -> None:
        """Hand out what is there over the connections that have room."""
        slots = self._slots
        self._first = self._first % len(slots) + 1 if slots else 0
        turns = slots[self._first :] + slots[: self._first]
        ready = [slot for slot in turns if slot.room]
        left = min(backlog, TURN_LIMIT)
        for index, slot in enumerate(ready):
            if left <= 0:
                break
            share = max(SMALLEST_SHARE, -(-left // (len(ready) - index)))
            wanted = min(share, slot.room, BATCH_LIMIT)
            entries = self._queue.take(wanted)
            if entries:
                slot.attempt(entries)
                left -= len(entries)
            if len(entries) < wanted:
                self._dry = not entries
                return
        if ready:
            self._wake()

    def _open(self, backlog: int) -> None:
        """Open what the backlog deserves, a few at a time, one after a failure."""
        slots = self._slots
        if any(slot.phase is Phase.WAITING for slot in slots):
            return
        wanted = connection_goal(
            backlog=backlog,
            limit=self._settings.max_outbound_connections,
            aggressiveness=self._settings.connection_aggressiveness,
        )
        connecting = sum(slot.phase is Phase.CONNECTING for slot in slots)
        allowed = 1 if any(slot.failures for slot in slots) else CONNECTING_LIMIT
        for _ in range(min(wanted - self.connections, allowed - connecting)):
            slot = self._spare()
            slot.open()
            if slot.phase is Phase.WAITING:
                return

    def _spare(self) -> Slot:
        """The idle slot with most to answer for, or a new one."""
        idle = [slot for slot in self._slots if slot.phase is Phase.IDLE]
        if idle:
            return max(idle, key=lambda slot: slot.failures)
        slot = Slot(self, self._means)
        self._slots.append(slot)
        return slot

    def _finish(self) -> None:
        if self._drained is not None and not self._slots:
            drained, self._drained = self._drained, []
            for done in drained:
                done.callback(None)


def _name(route: Route | None) -> str:
    return "no route" if route is None else f"{route.host}:{route.port or 2195}"
