"""Whatever gateways do, no message of a lane is lost, doubled or forgotten."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    LimitSettings,
    ThrottleSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.pool import Pool
from mcmtpush.places import Places
from mcmtpush.throttle import Buckets
from mcmtpush.values import Discarded, Undecided
from tests.delivery.stage import (
    NOW,
    OTHER,
    ROUTE,
    Gateways,
    Settled,
    Waiting,
    an_entry,
    sink,
)
from tests.support.case import TestCase, readable


class PoolMachine(RuleBasedStateMachine):
    """Any faults in any order: each attempt is settled once, limits hold."""

    LIMIT = 3

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.clock = Clock()
        self.gateways = Gateways()
        self.settled = Settled()
        self.counters = Counters()
        self.limits = Limits(1000)
        self.openings: Places[Pool] = Places(Pool.work, 2)
        self.queue = Waiting()
        self.rows = 0
        self.ended: Counter[int] = Counter()
        self.pool = Pool(
            self.queue,
            settings=DeliverySettings(
                routes=(ROUTE, OTHER),
                max_outbound_connections=self.LIMIT,
                max_deliveries_per_connection=300,
                flush_interval_seconds=9,
                idle_timeout_seconds=7,
                connect_timeout_seconds=20,
                guard=GuardSettings(first=4, window=10, share=0.8),
                message_throttle=ThrottleSettings(100, 1.0),
                connection_throttle=ThrottleSettings(5, 2.0),
                scope_limit=LimitSettings(self.LIMIT - 1),
            ),
            connect=self.gateways,
            disposition=self.settled,
            clock=self.clock,
            now=lambda: NOW,
            dice=random.Random(seed),
            counters=self.counters,
            limits=self.limits,
            buckets=Buckets(),
            openings=self.openings,
        )

    def dispose(self) -> None:
        """What disposition does: end them, or put them back in front."""
        fresh, self.settled.batches = self.settled.attempts, []
        again = []
        for attempt in fresh:
            if isinstance(attempt.outcome, Discarded | Undecided):
                again.append(an_entry(attempt.entry.row))
            else:
                self.ended[attempt.entry.row] += 1
        self.queue.entries = sorted(
            again + self.queue.entries, key=lambda entry: entry.row
        )
        if again:
            self.pool.work()

    @rule(count=st.integers(1, 80), bad=st.booleans())
    def enqueue(self, count: int, bad: bool) -> None:
        for _ in range(count):
            self.rows += 1
            token = "" if bad and self.rows % 7 == 0 else "0f" * 32
            self.queue.entries.append(an_entry(self.rows, token))
        self.pool.work()
        self.clock.advance(0)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3, 1.0, 2.5, 5.0, 8.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        sink(self.clock, self.gateways)

    @precondition(lambda self: self.gateways.pending)
    @rule(well=st.booleans())
    def connect(self, well: bool) -> None:
        if well:
            self.gateways.accept()
        else:
            self.gateways.refuse(ConnectError())
        self.clock.advance(0)

    @precondition(lambda self: self.gateways.open)
    @rule(data=st.data(), status=st.sampled_from([0, 1, 2, 8, 10, 128, 200]))
    def answer(self, data: st.DataObject, status: int) -> None:
        wire = data.draw(st.sampled_from(self.gateways.open))
        named = data.draw(st.integers(0, len(wire.frames) + 1))
        cut = data.draw(st.sampled_from([6, 6, 6, 3, 1]))
        if not wire.disconnecting:
            wire.say(encode_error(status, named)[:cut])
        wire.close()
        self.clock.advance(0)

    @precondition(lambda self: self.gateways.open)
    @rule(data=st.data(), answers=st.booleans())
    def turn_mute(self, data: st.DataObject, answers: bool) -> None:
        wire = data.draw(st.sampled_from(self.gateways.open))
        wire.answers_flushes = answers

    @precondition(lambda self: self.pool.suspended)
    @rule()
    def resume(self) -> None:
        assert self.pool.resume()
        assert not self.queue.suspended

    @precondition(lambda self: self.gateways.open)
    @rule(data=st.data(), cleanly=st.booleans())
    def close(self, data: st.DataObject, cleanly: bool) -> None:
        data.draw(st.sampled_from(self.gateways.open)).close(cleanly=cleanly)
        self.clock.advance(0)

    @precondition(lambda self: self.gateways.open)
    @rule(data=st.data(), pause=st.booleans())
    def press(self, data: st.DataObject, pause: bool) -> None:
        producer = data.draw(st.sampled_from(self.gateways.open)).producer
        if producer is not None and pause:
            producer.pauseProducing()
        elif producer is not None:
            producer.resumeProducing()

    @invariant()
    def conserves(self) -> None:
        self.dispose()
        assert self.pool.connections <= self.LIMIT
        assert len(self.gateways.open) <= self.LIMIT
        assert self.pool.connections <= self.limits.used <= self.LIMIT - 1
        assert self.queue.suspended == bool(self.pool.suspended)
        assert self.pool.kept < 4
        assert set(self.ended.values()) <= {1}
        waiting = [entry.row for entry in self.queue.entries]
        assert len(waiting) == len(set(waiting))
        count = self.counters.get
        names = ("presumed", "proven", "refused", "discarded", "undecided")
        settled = sum(count(f"delivery.{name}") for name in names)
        in_flight = count("delivery.written") - settled
        assert in_flight >= 0
        ends = ("flushed", "flush_void", "flush_unanswered")
        asked = count("delivery.flushes") - sum(
            count(f"delivery.{end}") for end in ends
        )
        assert asked == sum(
            bool(wire.flushes) and not wire.lost for wire in self.gateways.wires
        ), asked
        known = len(self.ended) + len(waiting) + in_flight + self.pool.kept
        assert known == self.rows

    def teardown(self) -> None:
        """In the end a working gateway takes all that is left."""
        if not hasattr(self, "pool"):
            return
        for wire in self.gateways.open:
            wire.close()
        for _ in range(200):
            self.dispose()
            self.pool.resume()
            self.pool.work()
            self.clock.advance(0)
            while self.gateways.pending:
                self.gateways.accept()
            self.clock.advance(1.0)
            sink(self.clock, self.gateways)
            if len(self.ended) == self.rows:
                break
        self.conserves()
        assert len(self.ended) == self.rows, (len(self.ended), self.rows)
        done = self.pool.drain()
        self.clock.advance(6.0)
        sink(self.clock, self.gateways)
        assert done.called
        assert self.limits.used == 0
        assert self.clock.getDelayedCalls() == []


class PoolMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whatever gateways do, no message is lost, doubled or forgotten."""
        run_state_machine_as_test(
            PoolMachine, settings=settings(stateful_step_count=30)
        )
