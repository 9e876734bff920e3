"""The delivery side of one queue: how many connections, and who carries what.

Takes entries in order, shares them out over the connections that have room,
and hands what became of them to disposition.  Knows no bytes, no back-off and
no policy.
"""

from __future__ import annotations

from math import inf
from typing import Final
from typing import Protocol as Port

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.logger import Logger

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.desk import Credential
from mcmtpush.delivery.goal import SPACING_SECONDS, connection_goal, spaced_goal
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.patience import Patience
from mcmtpush.delivery.routes import HTTP2, Routes, port_of
from mcmtpush.delivery.sieve import Sieve
from mcmtpush.delivery.slot import Means, Phase, Slot
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

CONNECTING_LIMIT: Final = 4
"""Connections opened at the same time while all is well, replacements apart."""

OPENING_LIMIT: Final = 64
"""And so many by all lanes with the same routes: no gateway has a longer line at its
door, and a thousand lanes may want to begin at one moment."""

QUIET_SECONDS: Final = 3.0
"""After so long without an answer, with none to come, what is kept is settled."""

KEPT_SECONDS: Final = 60.0
"""No answer is kept back for longer."""

_LIVE: Final = frozenset({Phase.CONNECTING, Phase.READY, Phase.DRAINING})

_TAKING: Final = frozenset({Phase.CONNECTING, Phase.READY})

_log = Logger()


class Connect(Port):
    """How a queue reaches its routes."""

    def __call__(self, route: Route) -> IStreamClientEndpoint:
        """For one connection; raises `ConfigError` when it cannot be had."""

    def fail(self, address: str) -> None:
        """A connection to this IP address was worth nothing."""


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
        self._routes = Routes(
            settings.routes, rest_seconds=settings.host_failure_retry_seconds
        )
        self._patience = Patience(settings.connect_timeout_to_delay_seconds)
        self._means = Means(
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
        self._spacing = any(route.scheme == HTTP2 for route in settings.routes)
        self._opened_at = -inf
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
        self._quiet: IDelayedCall | None = None  # running while something is kept
        self._kept_since = self._settled_at = 0.0
        self._slots: list[Slot] = []
        self._openings = openings
        self._opening: set[Slot] = set()
        self._first = 0  # of the slots, for the next turn's sharing
        self._turn: IDelayedCall | None = None
        self._dry = False  # a connection had room and nothing was to be taken
        self._in_trouble = False
        self._successors: dict[Slot, Slot] = {}  # connecting, and whom they relieve
        self._drained: list[Deferred[None]] | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return sum(slot.phase in _LIVE for slot in self._slots)

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
        for slot in list(self._slots):
            slot.stop()
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
        suspended = self._sieve.tripped
        self._settled_at = self._clock.seconds()
        self._pass_on(self._sieve.sift(attempts))
        if self._sieve.tripped and not suspended and self._drained is None:
            self._suspend()
        elif self._sieve.kept and self._quiet is None:
            self._kept_since = self._settled_at
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._release_kept)
        self._wake()

    def changed(self, slot: Slot) -> None:
        """See `Watcher`."""
        relieved = self._successors.pop(slot, None)
        if slot in self._opening and slot.phase is not Phase.CONNECTING:
            self._opening.discard(slot)
            self._openings.end()
        if slot.phase not in _LIVE:
            self._allowance.gone(slot)
        if slot.phase is Phase.STOPPED and slot in self._slots:
            self._slots.remove(slot)
        elif slot.phase is Phase.READY and relieved and relieved.phase is Phase.READY:
            relieved.stop()
        self._wake()
        self._finish()

    def choose_route(self) -> Route | None:
        """See `Watcher`."""
        return self._routes.next(self._clock.seconds())

    def failed(self, route: Route | None, reason: str, address: str) -> None:
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
        if address:
            self._connect.fail(address)
        limit = self._settings.mx_failures_to_delay
        weary = self._patience.fail(now)
        if self._routes.give_up(limit):
            self._patience.clear()
            why = f"each route failed {limit} times in a row"
        elif weary:
            why = f"there was no contact for {self._patience.seconds} s"
        else:
            return
        self._counters.add("delivery.delays")
        self._queue.delay(f"{why}, at last {told['route']}: {reason}")

    def relieve(self, slot: Slot) -> None:
        """See `Watcher`.  A few at a time, and none while the gateway is away.

        Where no more connections are allowed the slot is stopped, one or an
        eighth of them at a time; its place is filled once it is free.
        """
        slots = self._slots
        if self._is_away or slot in self._successors.values():
            return
        if self._spacing_seconds > 0:
            return
        if self._may_add():
            connecting = sum(each.phase is Phase.CONNECTING for each in slots)
            if connecting < CONNECTING_LIMIT:
                self._begin(relieving=slot)
        else:
            draining = sum(each.phase is Phase.DRAINING for each in slots)
            if draining < max(1, len(slots) // 8):
                slot.stop()

    def worked(self, route: Route) -> None:
        """See `Watcher`."""
        self._routes.clear(route)
        self._patience.clear()
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
        backlog = 0 if self._sieve.tripped else self._queue.backlog
        if backlog:
            self._share(backlog)
        if not backlog or self._dry or not self._open(backlog):
            self._allowance.decline()
        self._openings.waive(self)

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

    def _open(self, backlog: int) -> bool:
        """Open what the backlog deserves, a few at a time, one after a failure.

        What an answer ended is replaced at once; a slot that pauses counts.

        Whether more is wanted that was not permitted.
        """
        slots = self._slots
        if self._is_away:
            return False
        if self.connections and self._allowance.exhausted:
            return False  # another connection would not make it faster
        if self._spacing_seconds > 0:
            self._allowance.wake_in(self._spacing_seconds)
            return False
        wanted = self._goal(backlog)
        phases = [slot.phase for slot in slots]
        allowed = 1
        if not any(slot.failures for slot in slots):
            allowed = CONNECTING_LIMIT + sum(slot.replaces for slot in slots)
        missing = wanted - self.connections - phases.count(Phase.WAITING)
        for _ in range(min(missing, allowed - phases.count(Phase.CONNECTING))):
            slot = self._begin()
            if slot is None:
                return self._allowance.in_line
            if slot.phase is Phase.WAITING:
                return False
        return False

    @property
    def _is_away(self) -> bool:
        """Whether some slot waits since the gateway would not have it, or is about to.

        One that only pauses, since its very first notification was refused, says
        nothing about others.
        """
        return any(
            slot.troubled or (slot.failures and slot.phase is Phase.WAITING)
            for slot in self._slots
        )

    @property
    def _spacing_seconds(self) -> float:
        """How long until one more connection may be opened; not above 0 for now."""
        if not self._spacing:
            return 0.0
        return self._opened_at + SPACING_SECONDS - self._clock.seconds()

    def _goal(self, backlog: int) -> int:
        """How many connections the backlog deserves."""
        limit = self._settings.max_outbound_connections
        if self._spacing:
            if not self._queue.backlog:
                return self.connections  # all found a place
            full = all(slot.full for slot in self._slots if slot.phase in _TAKING)
            return spaced_goal(live=self.connections, full=full, limit=limit)
        return connection_goal(
            backlog=backlog,
            limit=limit,
            aggressiveness=self._settings.connection_aggressiveness,
        )

    def _begin(self, *, relieving: Slot | None = None) -> Slot | None:
        """Begin a connection; None when it is not permitted."""
        if not self._openings.begin(self):
            return None
        slot = self._spare()
        if not self._allowance.permit(slot):
            self._openings.end()
            self._counters.add("delivery.limited")
            return None
        self._opening.add(slot)
        if relieving is not None:
            self._successors[slot] = relieving
        self._opened_at = self._clock.seconds()
        slot.open()
        return slot

    def _yield_one(self) -> None:
        """Lanes that have no connection wait for one of ours."""
        slots = [each for each in self._slots if each.phase in _TAKING]
        if slots:
            self._counters.add("delivery.yielded")
            min(slots, key=lambda each: each.unsettled).stop()

    def _may_add(self) -> bool:
        """Whether one more connection than there are now is within the limit."""
        limit = self._settings.max_outbound_connections
        return (limit < 0 or self.connections < limit) and not self._allowance.full

    def _spare(self) -> Slot:
        """The idle slot with most to answer for, or a new one."""
        idle = [slot for slot in self._slots if slot.phase is Phase.IDLE]
        if idle:
            return max(idle, key=lambda slot: slot.failures)
        slot = Slot(self, self._means)
        self._slots.append(slot)
        return slot

    # -- the guard ----------------------------------------------------------------

    def _pass_on(self, attempts: list[Attempt]) -> None:
        if attempts:
            self._disposition.settle(self._queue.key, attempts)

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
            routes=", ".join(map(_name, self._settings.routes)) or "none",
            certificate=tls.certificate or "none",
        )
        self._queue.suspend(self._sieve.reason)
        for slot in list(self._slots):
            slot.stop()

    def _release_kept(self) -> None:
        """So few answers make no case: settle them once nothing more is to come."""
        self._quiet = None
        now = self._clock.seconds()
        quiet = now - self._settled_at >= QUIET_SECONDS and not (
            self._queue.backlog or any(slot.unsettled for slot in self._slots)
        )
        if quiet or now - self._kept_since >= KEPT_SECONDS:
            self._pass_on(self._sieve.release())
        elif self._sieve.kept:
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._release_kept)

    def _finish(self) -> None:
        if self._drained is None or self._slots:
            return
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        self._pass_on(self._sieve.give_up())
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)


def _name(route: Route | None) -> str:
    return "no route" if route is None else f"{route.host}:{port_of(route)}"
