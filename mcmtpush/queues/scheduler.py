"""All queues together: recovered at the start, woken in turn, drained at the end.

Knows which queue an entry belongs to, and nothing of how delivery or the disk work.
Every wake-up waits for the next reactor turn, so that what arrives in one turn leaves
in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import LocalProtocolError
from mcmtpush.places import Places
from mcmtpush.ports import Clock, Lane, Now, Queue, Spool
from mcmtpush.queues.alarm import SHORTEST_SCAN_SECONDS, Alarm
from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.outlet import Gate, Outlet
from mcmtpush.queues.recovery import Recovery
from mcmtpush.queues.release import Release
from mcmtpush.queues.report import Report
from mcmtpush.queues.residence import SMALLEST_PAGE, Residence
from mcmtpush.queues.setback import Setback
from mcmtpush.values import Attempt, Entry, Expired, QueueKey


PAGES_AT_ONCE = 64
"""So many queues fetch bodies at once."""

PAGES_WHILE_RECOVERING = 8
"""Meanwhile the queues fill by pages of all mixed: each then fetches many at once."""

DUE_AT_ONCE = 5000
IDLE_SECONDS = 3600.0
"""An empty queue is given up after so long."""

log = Logger()


@define(eq=False, kw_only=True)
class Scheduler:
    """Implements `mcmtpush.ports.Queues`; `enqueue` is reception's way in.

    Attributes:
        spool: where bodies and earlier messages come from.
        settings_for: asked again and again, so it must be cheap.
        open_lane: makes the delivery side of a new queue.
        expire: takes attempts that end without being attempted; they are in flight.
        scan_interval_seconds: between two looks at all queues; 1 or more.
        max_resident_messages: bodies in memory over all queues; 0 = no limit.
    """

    clock: Clock
    now: Now
    spool: Spool
    settings_for: Callable[[QueueKey], QueueSettings]
    open_lane: Callable[[Queue], Lane]
    expire: Callable[[QueueKey, Sequence[Attempt]], None]
    counters: Counters
    scan_interval_seconds: float
    max_resident_messages: int
    gate: Gate = field(factory=Gate, init=False)
    places: Places[Outlet] = field(init=False)
    _outlets: dict[QueueKey, Outlet] = field(factory=dict, init=False)
    _leaving: set[Lane] = field(factory=set, init=False)  # replaced, draining
    _to_wake: dict[Outlet, None] = field(factory=dict, init=False)
    _waking: IDelayedCall | None = field(default=None, init=False)
    _recovery: Recovery = field(init=False)
    _residence: Residence = field(init=False)
    _alarm: Alarm = field(init=False)
    _setback: Setback = field(init=False)
    _freeing: Release = field(init=False)
    _report: Report = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.scan_interval_seconds = max(
            self.scan_interval_seconds, SHORTEST_SCAN_SECONDS
        )
        self._residence = Residence(self.max_resident_messages)
        self.places = Places(self.wake, PAGES_WHILE_RECOVERING)
        self._setback = Setback(self.clock, self.now)
        self._freeing = Release(self.spool, self.counters, self.wake)
        self._report = Report(self.counters)
        self._alarm = Alarm(
            clock=self.clock,
            now=self.now,
            scan_interval_seconds=self.scan_interval_seconds,
            due=self._release,
            scan=self._scan,
        )
        self._recovery = Recovery(
            clock=self.clock,
            now=self.now,
            spool=self.spool,
            settings_for=self.settings_for,
            enqueue=self.enqueue,
            counters=self.counters,
            retry_seconds=self.scan_interval_seconds,
        )

    # -- from the service --

    def start(self) -> Deferred[None]:
        """Deliver, and enqueue page by page what the spool holds; fires after that."""
        self._setback.look()
        self._alarm.start()
        return self._recovery.start().addCallback(self._recovered)

    def _recovered(self, _: None) -> None:
        self.places.allow(PAGES_AT_ONCE)

    def drain(self) -> Deferred[None]:
        """Hand out no more; fires when every lane has drained."""
        self.gate.draining = True
        self._alarm.stop()
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        self._recovery.stop()
        lanes = [*self._leaving, *(outlet.lane for outlet in self._outlets.values())]
        drained: Deferred[Any] = DeferredList([_drain(lane) for lane in lanes])
        return drained.addCallback(lambda _: None)

    @property
    def queued(self) -> int:
        """Entries in all queues and in flight from them."""
        return sum(queue.waiting + queue.flight for queue in self._queues())

    @property
    def condemned(self) -> int:
        """Entries that an operator ordered to end, and have not yet."""
        return sum(queue.condemned for queue in self._queues())

    @property
    def held(self) -> int:
        """Entries that wait for an operator."""
        return sum(queue.held for queue in self._queues())

    # -- from reception --

    def enqueue(self, pairs: Sequence[tuple[QueueKey, Entry]]) -> None:
        """New entries, durable already, each for its queue."""
        for key, run in groupby(pairs, itemgetter(0)):
            outlet = self._outlet(key)
            outlet.enqueue([entry for _, entry in run])
            self._alarm.book(outlet)
            if not outlet.waits:
                self.wake(outlet)

    # -- from disposition --

    def retry(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: wait until `entry.next_attempt_at`."""
        outlet = self._known(key)
        outlet.queue.retry(entries)
        self._alarm.book(outlet)
        self.counters.add("queues.retried", len(entries))

    def requeue(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: first in line again, in their old order."""
        outlet = self._known(key)
        outlet.arriving()
        outlet.queue.requeue(entries, outlet.settings.max_resident_active_queue)
        self.wake(outlet)
        self.counters.add("queues.requeued", len(entries))

    def hold(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: kept, `next_attempt_at` HELD, until released.

        The caller has made that durable.
        """
        outlet = self._known(key)
        outlet.queue.hold(entries)
        self.counters.add("queues.held", len(entries))

    def done(self, key: QueueKey, count: int) -> None:
        """So many are no longer in flight: they ended."""
        self._known(key).queue.done(count)

    def pause(self, reason: str) -> None:
        """Hand out nothing; `reason` goes to the diagnostics."""
        if self.gate.reason is None:
            log.warn("deliveries pause: {reason}", reason=reason)
        self.gate.reason = reason

    def resume(self) -> None:
        """Hand out again."""
        if self.gate.reason is not None:
            self.gate.reason = None
            log.info("deliveries go on")
            self._wake_all()

    # -- from the operator --

    def release(self, key: QueueKey | None) -> int:
        """Held messages of one queue, or of all, want their attempt; how many.

        They go first, oldest first.  The spool is told; a crash before it has taken
        that in leaves them held.  While the spool is being recovered, those that
        come later stay held.
        """
        outlets = self._outlets if key is None else {key: self._outlets.get(key)}
        return sum(map(self._freeing.free, filter(None, list(outlets.values()))))

    def renew(self, outdated: Callable[[QueueKey], bool]) -> int:
        """The configuration has changed: other lanes for these queues; how many.

        The old lanes take no more and finish what they have, while the new ones
        serve the same queues.  Every queue looks at its settings again.
        """
        outlets = [each for each in self._outlets.values() if outdated(each.key)]
        for outlet in outlets:
            leaving, outlet.lane = outlet.lane, self.open_lane(outlet)
            self._leaving.add(leaving)
            _drain(leaving).addCallback(self._left, leaving)
        self._wake_all()
        return len(outlets)

    def _left(self, _: None, lane: Lane) -> None:
        self._leaving.discard(lane)

    def condemn(
        self, chosen: Callable[[QueueKey], bool], before: float, sentence: Expired
    ) -> int:
        """All that wait in these queues and came before then are to end; how many."""
        outlets = [each for key, each in self._outlets.items() if chosen(key)]
        return sum(each.condemn(before, sentence) for each in outlets)

    # -- from the watch over memory --

    def save_memory(self, on: bool) -> None:
        """Keep no bodies but those that are next, until told otherwise."""
        self._residence.scarce = on
        for queue in self._queues() if on else ():
            queue.shed(SMALLEST_PAGE)

    # -- from outlets --

    def seconds(self) -> float:
        """Seconds on a clock that is only good for differences."""
        return self.clock.seconds()

    def wake(self, outlet: Outlet) -> None:
        """Look at this queue at the next turn."""
        if self.gate.draining:
            return
        self._to_wake[outlet] = None
        if self._waking is None:
            self._waking = self.clock.callLater(0, self._look)

    def put_off(self, outlet: Outlet, count: int, reason: str) -> None:
        """So many of this queue wait for a while, since there is no way out."""
        self._alarm.book(outlet)
        self._report.put_off(outlet.key, count, reason)

    def lost(self, key: QueueKey, rows: Sequence[int]) -> None:
        """These left the queue because they cannot be read."""
        self._report.lost(key, rows)

    def not_loaded(self, key: QueueKey, failure: Any) -> None:
        """Bodies did not come; to be tried again at the next scan."""
        self._report.not_loaded(key, failure, self.scan_interval_seconds)

    # -- queues --

    def _queues(self) -> Iterator[DomainQueue]:
        return (outlet.queue for outlet in self._outlets.values())

    def _outlet(self, key: QueueKey) -> Outlet:
        outlet = self._outlets.get(key)
        if outlet is None:
            queue = DomainQueue(key, self._residence)
            outlet = Outlet(queue, self, self.settings_for, self.clock.seconds())
            self._outlets[key] = outlet
            outlet.lane = self.open_lane(outlet)
        return outlet

    def _known(self, key: QueueKey) -> Outlet:
        outlet = self._outlets.get(key)
        if outlet is None:
            raise LocalProtocolError(f"nothing was taken from a queue {key}")
        return outlet

    # -- turns --

    def _look(self) -> None:
        self._waking = None
        outlets, self._to_wake = self._to_wake, {}
        for outlet in outlets:
            outlet.look()
            self.places.waive(outlet)

    def _wake_all(self) -> None:
        for outlet in self._outlets.values():
            if outlet.queue.active or outlet.queue.condemned:
                self.wake(outlet)

    def _release(self, outlet: Outlet, now: float) -> None:
        outlet.arriving()
        outlet.queue.release(now, DUE_AT_ONCE)
        self.wake(outlet)

    def _scan(self) -> None:
        """What no event tells: clocks, settings, old messages, idle queues."""
        self._follow_clock()
        self._wake_all()
        idle_since = self.clock.seconds() - IDLE_SECONDS
        for key, outlet in list(self._outlets.items()):
            if outlet.queue.empty and outlet.moved_at < idle_since:
                del self._outlets[key]
                _drain(outlet.lane)

    def _follow_clock(self) -> None:
        back = self._setback.look()
        if back <= self.scan_interval_seconds:
            return
        log.warn("the clock was set back by {seconds:.0f} s", seconds=back)
        self._alarm.forget()
        for outlet in self._outlets.values():
            outlet.queue.set_back(back)
            self._alarm.book(outlet)


def _drain(lane: Lane) -> Deferred[None]:
    return lane.drain().addErrback(
        lambda failure: log.failure("a lane did not drain", failure)
    )
