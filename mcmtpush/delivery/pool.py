"""The delivery side of one queue: how many connections, and who carries what.

Takes entries in order, shares them out over the connections that have room,
and hands what became of them to disposition.  Knows no bytes, no back-off and
no policy.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.contact import Contact, name_of
from mcmtpush.delivery.desk import Credential
from mcmtpush.delivery.fleet import Fleet
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.means import Connect, Means
from mcmtpush.delivery.quarantine import Quarantine
from mcmtpush.delivery.sieve import Sieve
from mcmtpush.delivery.slot import Slot
from mcmtpush.places import Places
from mcmtpush.ports import Clock, Dice, Disposition, Hooks, Now, Queue
from mcmtpush.throttle import Meters
from mcmtpush.values import Attempt


BATCH_LIMIT: Final = 500
"""What one connection is given in one turn."""

TURN_LIMIT: Final = 1000
"""What one turn hands out, so that it stays short."""

SMALLEST_SHARE: Final = 32
"""Less than this is not split between connections: a write has its price too."""

_log = Logger()


class Pool:
    """Implements `ports.Lane` over slots.

    Nothing is done inside `work`: it arranges one call in the next turn of the
    clock, however often it is called.  `limits` and `buckets` are shared by all
    lanes, `openings` by those with the same routes.
    """

    def __init__(  # noqa: PLR0913 - every arrow that ends here
        self,
        queue: Queue,
        *,
        settings: DeliverySettings,
        connect: Connect,
        disposition: Disposition,
        clock: Clock,
        now: Now,
        dice: Dice,
        counters: Counters,
        limits: Limits,
        buckets: Meters,
        openings: Places[Pool],
        credential: Credential | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._disposition = disposition
        self._clock = clock
        self._counters = counters
        self._connect = connect
        self._contact = Contact(queue.key.domain, settings, clock)
        means = Means(
            settings,
            connect,
            clock,
            now,
            dice,
            counters,
            queue.key.domain,
            credential,
            hooks,
        )
        self._allowance = Allowance(
            settings,
            key=queue.key,
            limits=limits,
            buckets=buckets,
            clock=clock,
            wake=self._wake,
            yield_one=self._yield_one,
        )
        self._sieve = Sieve(settings.guard)
        self._quarantine = Quarantine(self._sieve, clock, self._pass_on, self._is_busy)
        self._openings = openings
        self._fleet = Fleet(
            self,
            queue,
            settings=settings,
            make=partial(Slot, self, means),
            allowance=self._allowance,
            openings=openings,
            clock=clock,
            counters=counters,
        )
        self._turn: IDelayedCall | None = None
        self._dry = False  # a connection had room and nothing was to be taken
        self._drained: list[Deferred[None]] | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return self._fleet.connections

    @property
    def suspended(self) -> str:
        """Why the guard suspended this lane; empty while it did not."""
        return self._sieve.reason

    @property
    def kept(self) -> int:
        """How many answers are kept back until the guard is sure."""
        return len(self._sieve.kept)

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
        self._allowance.stop()
        self._openings.leave(self)
        self._fleet.stop()
        self._finish()
        return done

    # -- from the operator --------------------------------------------------------

    def resume(self) -> bool:
        """Trust the gateway again after the guard suspended; whether it had.

        So it is when the guard was that of an earlier lane of this queue.
        """
        if not (self._sieve.tripped or self._queue.suspended):
            return False
        self._sieve.reset()
        self._counters.add("delivery.guard_resumed")
        _log.info("{domain}: delivery goes on", domain=self._queue.key.domain)
        self._queue.resume()
        self.work()
        return True

    # -- what slots tell ----------------------------------------------------------

    def settle(self, attempts: list[Attempt]) -> None:
        """See `Watcher`."""
        tripped = self._quarantine.pass_through(attempts)
        if tripped and self._drained is None:
            self._suspend()
        self._wake()

    def changed(self, slot: Slot) -> None:
        """See `Watcher`."""
        self._fleet.note(slot)
        self._wake()
        self._finish()

    def choose_route(self) -> Route | None:
        """See `Watcher`."""
        return self._contact.choose_route()

    def failed(self, route: Route | None, reason: str, address: str) -> None:
        """See `Watcher`."""
        why = self._contact.fail(route, reason)
        if address:
            self._connect.fail(address)
        if why:
            self._counters.add("delivery.delays")
            self._queue.delay(why)

    def relieve(self, slot: Slot) -> None:
        """See `Watcher`."""
        self._fleet.relieve(slot)

    def worked(self, route: Route) -> None:
        """See `Watcher`."""
        self._contact.worked(route)

    # -- inside -------------------------------------------------------------------

    def _wake(self) -> None:
        if self._turn is None and self._drained is None:
            self._turn = self._clock.callLater(0, self._work)

    def _work(self) -> None:
        self._turn = None
        backlog = 0 if self._sieve.tripped else self._queue.backlog
        if backlog:
            self._share(backlog)
        if not backlog or self._dry or not self._fleet.open(backlog):
            self._allowance.decline()
        self._openings.waive(self)

    def _share(self, backlog: int) -> None:
        """Hand out what is there over the connections that have room."""
        ready = self._fleet.ready()
        left = min(backlog, TURN_LIMIT)
        for index, slot in enumerate(ready):
            if left <= 0:
                break
            share = max(SMALLEST_SHARE, -(-left // (len(ready) - index)))
            wanted = min(share, slot.room, BATCH_LIMIT)
            granted = self._allowance.grant(wanted)
            entries = self._queue.take(granted) if granted else []
            self._allowance.give_back(granted - len(entries))
            if entries:
                slot.attempt(entries)
                left -= len(entries)
            if len(entries) < granted:
                self._dry = not entries
                return
            if granted < wanted:
                return
        if ready:
            self._wake()

    def _yield_one(self) -> None:
        """Lanes that have no connection wait for one of ours."""
        self._fleet.yield_one()

    # -- the guard ----------------------------------------------------------------

    def _pass_on(self, attempts: list[Attempt]) -> None:
        self._disposition.settle(self._queue.key, attempts)

    def _is_busy(self) -> bool:
        """Whether answers are to come."""
        return bool(self._queue.backlog) or self._fleet.has_unsettled

    def _suspend(self) -> None:
        """Nearly every token is called invalid: stand still until resumed."""
        key, tls = self._queue.key, self._settings.tls
        self._counters.add("delivery.guard_trips")
        _log.critical(
            "{domain} (binding {binding}): DELIVERY IS SUSPENDED: {reason}. Messages "
            "stay queued; these answers failed none and condemned no token. Check "
            "that routes ({routes}), tls_certificate ({certificate}) and the app of "
            "the tokens (topic) belong together; SIGUSR2 resumes",
            domain=key.domain,
            binding=key.binding,
            reason=self._sieve.reason,
            routes=", ".join(map(name_of, self._settings.routes)) or "none",
            certificate=tls.certificate or "none",
        )
        self._queue.suspend(self._sieve.reason)
        self._fleet.stop()

    def _finish(self) -> None:
        if self._drained is None or self._fleet.slots:
            return
        self._quarantine.end()
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)
