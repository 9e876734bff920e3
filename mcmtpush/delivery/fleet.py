"""The connections of one lane: how many there are, when more begin and some end.

Knows what each slot is doing and how much is waiting, but no message.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.goal import SPACING_SECONDS, connection_goal, spaced_goal
from mcmtpush.delivery.phase import LIVE, TAKING, Phase
from mcmtpush.delivery.routes import HTTP2
from mcmtpush.places import Places
from mcmtpush.ports import Clock, Queue


if TYPE_CHECKING:
    from mcmtpush.delivery.slot import Slot


Who = TypeVar("Who")

CONNECTING_LIMIT: Final = 4
"""Connections opened at the same time while all is well, replacements apart."""

OPENING_LIMIT: Final = 64
"""And so many by all lanes with the same routes: no gateway has a longer line at its
door, and a thousand lanes may want to begin at one moment."""


class Fleet(Generic[Who]):
    """Of one queue; `make` makes a slot, `openings` are asked in the name of `lane`.

    Attributes:
        slots: those in use and idle ones, in the order they were made.
    """

    def __init__(
        self,
        lane: Who,
        queue: Queue,
        *,
        settings: DeliverySettings,
        make: Callable[[], Slot],
        allowance: Allowance,
        openings: Places[Who],
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._lane = lane
        self._queue = queue
        self._settings = settings
        self._make = make
        self._allowance = allowance
        self._openings = openings
        self._clock = clock
        self._counters = counters
        self._spacing = any(route.scheme == HTTP2 for route in settings.routes)
        self._opened_at = -inf
        self._opening: set[Slot] = set()
        self._successors: dict[Slot, Slot] = {}  # connecting, and whom they relieve
        self._first = 0  # of the slots, for the next turn's sharing
        self.slots: list[Slot] = []

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return sum(slot.phase in LIVE for slot in self.slots)

    @property
    def has_unsettled(self) -> bool:
        """Whether any connection has something that is not settled."""
        return any(slot.unsettled for slot in self.slots)

    def ready(self) -> list[Slot]:
        """Those that have room, another one first in each turn."""
        slots = self.slots
        self._first = self._first % len(slots) + 1 if slots else 0
        turns = slots[self._first :] + slots[: self._first]
        return [slot for slot in turns if slot.room]

    def note(self, slot: Slot) -> None:
        """Its phase or its room changed."""
        relieved = self._successors.pop(slot, None)
        if slot in self._opening and slot.phase is not Phase.CONNECTING:
            self._opening.discard(slot)
            self._openings.end()
        if slot.phase not in LIVE:
            self._allowance.gone(slot)
        if slot.phase is Phase.STOPPED and slot in self.slots:
            self.slots.remove(slot)
        elif slot.phase is Phase.READY and relieved and relieved.phase is Phase.READY:
            relieved.stop()

    def stop(self) -> None:
        """Stop all of them."""
        for slot in list(self.slots):
            slot.stop()

    def open(self, backlog: int) -> bool:
        """Open what the backlog deserves, a few at a time, one after a failure.

        What an answer ended is replaced at once; a slot that pauses counts.

        Whether more is wanted that was not permitted.
        """
        slots = self.slots
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

    def relieve(self, slot: Slot) -> None:
        """Have another slot ready in place of this one, then stop it.

        A few at a time, and none while the gateway is away.  Where no more
        connections are allowed the slot is stopped, one or an eighth of them at a
        time; its place is filled once it is free.
        """
        slots = self.slots
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

    def yield_one(self) -> None:
        """Lanes that have no connection wait for one of ours."""
        slots = [each for each in self.slots if each.phase in TAKING]
        if slots:
            self._counters.add("delivery.yielded")
            min(slots, key=lambda each: each.unsettled).stop()

    # -- inside -------------------------------------------------------------------

    @property
    def _is_away(self) -> bool:
        """Whether some slot waits since the gateway would not have it, or is about to.

        One that only pauses, since its very first notification was refused, says
        nothing about others.
        """
        return any(
            slot.troubled or (slot.failures and slot.phase is Phase.WAITING)
            for slot in self.slots
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
            full = all(slot.full for slot in self.slots if slot.phase in TAKING)
            return spaced_goal(live=self.connections, full=full, limit=limit)
        return connection_goal(
            backlog=backlog,
            limit=limit,
            aggressiveness=self._settings.connection_aggressiveness,
        )

    def _begin(self, *, relieving: Slot | None = None) -> Slot | None:
        """Begin a connection; None when it is not permitted."""
        if not self._openings.begin(self._lane):
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

    def _may_add(self) -> bool:
        """Whether one more connection than there are now is within the limit."""
        limit = self._settings.max_outbound_connections
        return (limit < 0 or self.connections < limit) and not self._allowance.full

    def _spare(self) -> Slot:
        """The idle slot with most to answer for, or a new one."""
        idle = [slot for slot in self.slots if slot.phase is Phase.IDLE]
        if idle:
            return max(idle, key=lambda slot: slot.failures)
        slot = self._make()
        self.slots.append(slot)
        return slot
