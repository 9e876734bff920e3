"""All queues, with a spool in memory and lanes that take what they get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolError
from mcmtpush.ports import Queue
from mcmtpush.queues.scheduler import (
    Scheduler,
)
from mcmtpush.values import Attempt, Entry, QueueKey
from tests.queues.sample import KEY, an_entry, bodies, rows
from tests.support.case import TestCase


NOW = 1_700_000_000.0
OTHER = QueueKey("default", "default", "other.example")


class LeftSpool:
    """What an earlier process left, and bodies for whoever asks."""

    def __init__(self) -> None:
        self.left: list[tuple[QueueKey, Entry]] = []
        self.pages: list[tuple[int, int]] = []
        self.loads: list[list[int]] = []
        self.failures = 0
        self.rescheduled: list[list[tuple[int, float]]] = []
        self.taking: Deferred[Any] | None = None

    def reschedule(self, entries: Sequence[Entry]) -> Deferred[Any]:
        self.rescheduled.append([(one.row, one.next_attempt_at) for one in entries])
        return self.taking or succeed(None)

    def recover(self, after_row: int, limit: int) -> Deferred[Any]:
        if self.failures:
            self.failures -= 1
            return fail(SpoolError("disk"))
        self.pages.append((after_row, limit))
        found = [pair for pair in self.left if pair[1].row > after_row]
        return succeed(found[:limit])

    def load(self, rows: Sequence[int]) -> Deferred[Any]:
        self.loads.append(list(rows))
        return succeed(bodies([an_entry(row) for row in rows]))


class GreedyLane:
    """Takes as much as it may as soon as it is told to work."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.limit = 100
        self.works = 0
        self.taken: list[Entry] = []
        self.drained: Deferred[None] = Deferred()
        self.drains = 0

    def work(self) -> None:
        self.works += 1
        while taken := self.queue.take(self.limit):
            self.taken += taken

    def drain(self) -> Deferred[None]:
        self.drains += 1
        return self.drained


class SchedulerCase(TestCase):
    """A scheduler with greedy lanes."""

    scan_interval_seconds = 15.0

    def setUp(self) -> None:
        self.clock = Clock()
        self.jump = 0.0
        self.spool: Any = LeftSpool()
        self.lanes: dict[QueueKey, GreedyLane] = {}
        self.ended: list[tuple[QueueKey, Attempt]] = []
        self.settings = QueueSettings(message_expiration_seconds=600)
        self.counters = Counters()
        self.limit = 100
        self.scheduler = Scheduler(
            clock=self.clock,
            now=self.now,
            spool=self.spool,
            settings_for=lambda _: self.settings,
            open_lane=self.open_lane,
            expire=self.expire,
            counters=self.counters,
            scan_interval_seconds=self.scan_interval_seconds,
            max_resident_messages=32768,
        )

    def now(self) -> float:
        """The wall clock, which may jump."""
        return NOW + self.clock.seconds() + self.jump

    def open_lane(self, queue: Queue) -> GreedyLane:
        """A lane, once for each queue."""
        lane = self.lanes[queue.key] = GreedyLane(queue)
        lane.limit = self.limit
        return lane

    def expire(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        """Disposition is told, and takes them out of flight."""
        self.ended += [(key, attempt) for attempt in attempts]
        self.scheduler.done(key, len(attempts))

    def configure(self, **changes: object) -> None:
        """The configuration changes."""
        self.settings = evolve(self.settings, **changes)

    def start(self) -> None:
        """Start with what is in the spool."""
        started = self.scheduler.start()
        self.clock.advance(0)
        self.successResultOf(started)

    def enqueue(self, *numbers: int, key: QueueKey = KEY, age: float = 0.0) -> None:
        """Entries for one queue."""
        received_at = self.now() - age
        pairs = [(key, an_entry(number, age=received_at)) for number in numbers]
        self.scheduler.enqueue(pairs)

    def taken(self, key: QueueKey = KEY) -> list[int]:
        """What the lane of a queue has got since the last time."""
        lane = self.lanes[key]
        lane.taken, taken = [], lane.taken
        self.flying = taken
        return rows(taken)

    def block(self, key: QueueKey = KEY) -> None:
        """The gateway cannot be reached: the lane takes nothing."""
        self.lanes[key].limit = 0
