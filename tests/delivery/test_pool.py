"""The lane of one queue: sharing, opening, failing, draining; and conservation."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
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
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    LimitSettings,
    Route,
    ThrottleSettings,
    TlsClientSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.connector import connector
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.pool import (
    BATCH_LIMIT,
    CONNECTING_LIMIT,
    KEPT_SECONDS,
    OPENING_LIMIT,
    QUIET_SECONDS,
    SMALLEST_SHARE,
    TURN_LIMIT,
    Pool,
)
from mcmtpush.delivery.tls.context import SharedContexts
from mcmtpush.delivery.tls.expiry import Expiries
from mcmtpush.places import Places
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.reader import read_script
from mcmtpush.simulator.verdict import Verdict
from mcmtpush.throttle import Buckets
from mcmtpush.values import Accepted, Discarded, Refused, Undecided
from tests.delivery.stage import (
    NOW,
    OTHER,
    ROUTE,
    Always,
    Gateways,
    Settled,
    Turns,
    Waiting,
    Wire,
    an_entry,
    sink,
)
from tests.support.case import TestCase, readable


BAD = Refused(8, "Invalid Token")
OFF = GuardSettings(first=0, window=0)


class PoolCase(TestCase):
    """A pool over 100 waiting entries unless the test says otherwise."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.gateways = Gateways()
        self.settled = Settled()
        self.counters = Counters()
        self.make(100)

    def make(
        self,
        count: int,
        *,
        limits: Limits | None = None,
        buckets: Buckets | None = None,
        openings: Places[Pool] | None = None,
        **changes: Any,
    ) -> None:
        options = {
            "routes": (ROUTE,),
            "max_outbound_connections": 1,
            "idle_timeout_seconds": 30,
            **changes,
        }
        self.queue = Waiting(count)
        self.pool = Pool(
            self.queue,
            settings=DeliverySettings(**options),
            connect=self.gateways,
            disposition=self.settled,
            clock=self.clock,
            now=lambda: NOW,
            dice=Always(),
            counters=self.counters,
            limits=limits or Limits(1000),
            buckets=buckets or Buckets(),
            openings=openings or Places(Pool.work, OPENING_LIMIT),
        )

    def work(self) -> None:
        self.pool.work()
        self.clock.advance(0)

    def turns(self, count: int = 20) -> None:
        for _ in range(count):
            self.clock.advance(0)

    def frames(self) -> list[int]:
        """How many frames each connection was given."""
        return [len(wire.frames) for wire in self.gateways.wires]


class WorkTests(PoolCase):
    def test_nothing_to_do(self) -> None:
        """An empty queue opens nothing."""
        self.make(0)
        self.work()
        self.assertEqual((self.gateways.asked, self.pool.connections), ([], 0))

    def test_coalesces(self) -> None:
        """However often it is called in a turn, work is done once, and not inside."""
        for _ in range(50):
            self.pool.work()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.gateways.asked, [])
        self.clock.advance(0)
        self.assertEqual(self.gateways.asked, [ROUTE])

    def test_delivers(self) -> None:
        """What waits is written in order once there is a connection, and settled."""
        self.work()
        self.gateways.accept()
        self.turns()
        [wire] = self.gateways.wires
        self.assertEqual(self.queue.backlog, 0)
        self.assertEqual(len(wire.writes), 1)
        self.clock.advance(5.0)
        self.assertEqual(
            self.settled.outcomes(),
            [(row, Accepted("presumed")) for row in range(1, 101)],
        )
        self.assertEqual(len(self.settled.batches), 1)

    def test_turns_stay_short(self) -> None:
        """One turn gives a connection no more than a batch; the rest follows."""
        self.make(2000)
        self.work()
        self.gateways.accept()
        self.clock.turn()
        self.assertEqual(self.queue.taken, [BATCH_LIMIT])
        self.turns()
        self.assertEqual(self.queue.taken, [BATCH_LIMIT] * 4)

    def test_turns_stay_short_over_all(self) -> None:
        """Many connections together are given no more than a turn may take."""
        self.make(10_000, max_outbound_connections=4)
        self.work()
        self.gateways.accept(4)
        self.clock.turn()
        self.assertEqual(sum(self.queue.taken), TURN_LIMIT)
        self.turns(40)
        self.assertEqual(self.frames(), [2500] * 4)

    def test_stops_at_what_is_on_the_disk(self) -> None:
        """When the queue has no more in memory, it is left alone until it says so."""
        self.queue.resident = 30
        self.work()
        self.gateways.accept()
        self.turns()
        self.assertEqual((self.queue.taken, self.queue.backlog), ([30], 70))
        self.queue.resident = 70
        self.turns()
        self.assertEqual(self.queue.taken, [30])
        self.work()
        self.assertEqual(self.queue.taken, [30, 70])

    def test_held_queue_opens_nothing_more(self) -> None:
        """Connections are not opened for what cannot be taken."""
        self.make(10_000, max_outbound_connections=8)
        self.queue.resident = 0
        self.work()
        self.gateways.accept(CONNECTING_LIMIT)
        self.turns()
        self.assertEqual(self.gateways.pending, [])
        self.clock.advance(30)
        sink(self.clock, self.gateways)
        self.turns()
        self.assertEqual((self.pool.connections, self.gateways.pending), (0, []))

    def test_refused_before_sending(self) -> None:
        """What the check refuses is settled without an answer from anybody."""
        self.queue.entries = [an_entry(1, ""), an_entry(2)]
        self.work()
        self.gateways.accept()
        self.turns()
        self.assertEqual(
            self.settled.outcomes(), [(1, Refused(2, "Missing Device Token"))]
        )

    def test_paused_connection_is_left_alone(self) -> None:
        """A transport that has enough gets no more; when it asks, it goes on."""
        self.make(2000)
        self.work()
        [wire] = self.gateways.accept()
        self.clock.turn()
        wire.producer.pauseProducing()
        self.turns()
        self.assertEqual(self.frames(), [BATCH_LIMIT])
        wire.producer.resumeProducing()
        self.turns()
        self.assertEqual(self.frames(), [2000])


class SharingTests(PoolCase):
    def test_shares(self) -> None:
        """Connections that are ready carry equal parts."""
        self.make(400, max_outbound_connections=4)
        self.work()
        self.gateways.accept(4)
        self.turns()
        self.assertEqual(self.frames(), [100] * 4)

    def test_small_shares_take_turns(self) -> None:
        """Few messages are not split; connections take them one after the other."""
        self.make(400, max_outbound_connections=4)
        self.work()
        self.gateways.accept(4)
        self.turns()
        for _ in range(4):
            self.queue.entries = [an_entry(row) for row in range(SMALLEST_SHARE)]
            self.work()
            self.turns()
        self.assertEqual(self.frames(), [100 + SMALLEST_SHARE] * 4)

    def test_identifiers_are_per_connection(self) -> None:
        """Each connection counts from 1."""
        self.make(128, max_outbound_connections=4)
        self.work()
        self.gateways.accept(4)
        self.turns()
        for wire in self.gateways.wires:
            count = len(wire.frames)
            self.assertGreater(count, 0)
            identifiers = [frame.identifier for frame in wire.frames]
            self.assertEqual(identifiers, list(range(1, count + 1)))


class OpeningTests(PoolCase):
    def test_one_for_one(self) -> None:
        """A single message opens a single connection."""
        self.make(1, max_outbound_connections=32)
        self.work()
        self.turns()
        self.assertEqual(len(self.gateways.asked), 1)

    def test_grows_with_the_backlog(self) -> None:
        """A flood opens more, a few at a time, and never more than the limit."""
        self.make(100_000, max_outbound_connections=10)
        self.queue.resident = 0
        self.work()
        self.assertEqual(len(self.gateways.pending), CONNECTING_LIMIT)
        for _ in range(10):
            while self.gateways.pending:
                self.gateways.accept()
                self.assertLessEqual(self.pool.connections, 10)
            self.queue.resident = 1
            self.work()
            self.assertLessEqual(len(self.gateways.pending), CONNECTING_LIMIT)
        self.assertEqual(self.pool.connections, 10)

    def test_replaces_at_once(self) -> None:
        """Connections that answers ended are replaced together, however many."""
        self.make(4000, max_outbound_connections=12, guard=OFF)
        self.work()
        while self.gateways.pending:
            self.gateways.accept(len(self.gateways.pending))
            self.turns()
        self.queue.entries += [an_entry(row) for row in range(5000, 9000)]
        self.queue.resident += 4000
        for wire in list(self.gateways.wires):
            wire.object_to(20)
        self.turns()
        self.assertEqual(len(self.gateways.pending), len(self.gateways.wires))
        self.assertGreaterEqual(len(self.gateways.pending), 2 * CONNECTING_LIMIT)

    def test_a_pause_concerns_one_slot(self) -> None:
        """A first notification that is refused keeps no other slot from opening."""
        self.make(
            8, max_outbound_connections=2, connection_aggressiveness=1.0, guard=OFF
        )
        self.work()
        self.gateways.accept()
        self.turns()
        self.queue.entries = [an_entry(row) for row in range(100, 1000)]
        self.queue.resident = 900
        self.gateways.wires[0].object_to(1)
        self.work()
        self.assertEqual((len(self.gateways.asked), self.pool.connections), (2, 1))
        self.clock.advance(0.1)
        self.turns()
        self.assertEqual(len(self.gateways.asked), 3)

    def test_closes_when_idle(self) -> None:
        """After the idle timeout connections are given back, and opened anew later."""
        self.work()
        self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.clock.advance(25.0)
        sink(self.clock, self.gateways)
        self.assertEqual((self.pool.connections, self.gateways.open), (0, []))
        self.queue.entries = [an_entry(101)]
        self.work()
        self.assertEqual(len(self.gateways.pending), 1)

    def test_spent_connection_is_replaced(self) -> None:
        """One that carried as many as it may makes place for another."""
        self.make(25, max_deliveries_per_connection=10)
        self.work()
        for expected in ([10], [10, 10], [10, 10, 5]):
            self.gateways.accept()
            self.turns()
            self.assertEqual(self.frames(), expected)
            self.clock.advance(5.0)
            sink(self.clock, self.gateways)
        self.assertEqual(len(self.settled.attempts), 25)

    def test_work_while_the_last_one_closes(self) -> None:
        """A message that comes while a connection closes gets the next one."""
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.clock.advance(25.0)
        self.assertEqual(len(wire.flushes), 1)
        self.queue.entries = [an_entry(101)]
        self.work()
        self.assertEqual(self.gateways.pending, [])
        sink(self.clock, self.gateways)
        self.assertEqual(len(self.gateways.pending), 1)


class AnswerTests(PoolCase):
    def test_replaced_at_once(self) -> None:
        """After an answer the discarded are settled and another connection opens."""
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        wire.object_to(40)
        self.assertEqual(
            Counter(outcome for _, outcome in self.settled.outcomes()),
            {Accepted("proven"): 39, Refused(8, "Invalid Token"): 1, Discarded(): 60},
        )
        self.queue.entries = [each.entry for each in self.settled.attempts[40:]]
        self.turns()
        self.assertEqual(len(self.gateways.pending), 1)

    def test_refusals_make_no_storm(self) -> None:
        """A list of bad tokens does not become a connection every millisecond."""
        self.make(40, max_outbound_connections=8, guard=OFF)
        self.work()
        for _ in range(1000):
            for wire in self.gateways.accept(len(self.gateways.pending)):
                self.clock.advance(0)
                if wire.frames:
                    wire.object_to(1)
            self.queue.entries = [an_entry(row) for row in range(40)]
            self.pool.work()
            self.clock.advance(0.01)
        self.assertLess(len(self.gateways.wires), 30)


class FailureTests(PoolCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[str] = []

        def observe(event: Any) -> None:
            if event.get("log_namespace") == "mcmtpush.delivery.pool":
                level = event["log_level"].name
                if level != "debug" and "route" in event:
                    self.events.append(f"{level}: {event['route']}")

        publisher: Any = globalLogPublisher
        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)

    def test_one_probe_at_a_time(self) -> None:
        """While the gateway is away it is tried at the pace of one connection."""
        self.make(10_000, max_outbound_connections=32)
        for _ in range(1200):
            self.work()
            while self.gateways.pending:
                self.gateways.refuse(ConnectError())
            self.clock.advance(0.1)
        self.assertLess(len(self.gateways.asked), 2 * CONNECTING_LIMIT + 7)
        self.assertGreater(len(self.gateways.asked), 7)

    def test_says_so_once(self) -> None:
        """Operators hear when the gateway goes and when it is back, not every time."""
        for _ in range(5):
            self.work()
            self.gateways.refuse(ConnectError())
            self.clock.advance(60)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])
        self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.assertEqual(self.events[1:], ["info: gateway.example:2195"])

    def test_another_route(self) -> None:
        """A route that failed rests; the next one carries the messages."""
        self.make(1, routes=(ROUTE, OTHER))
        self.work()
        self.gateways.refuse(ConnectError())
        self.clock.advance(1.0)
        self.clock.advance(0)
        self.assertEqual(self.gateways.asked, [ROUTE, OTHER])
        self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.assertEqual(len(self.settled.attempts), 1)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])

    def test_wrong_environment(self) -> None:
        """A gateway that accepts connections and drops them meets patience."""
        for _ in range(1200):
            self.work()
            while self.gateways.pending:
                [wire] = self.gateways.accept()
                self.clock.advance(0)
                wire.close()
            self.clock.advance(0.1)
        self.assertLess(len(self.gateways.wires), 9)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])
        counts = Counter(outcome for _, outcome in self.settled.outcomes())
        self.assertEqual(counts, {Undecided(): 100})

    def test_no_routes(self) -> None:
        """A queue without routes says so and does not spin."""
        self.make(10, routes=())
        for _ in range(100):
            self.work()
            self.clock.advance(0.1)
        self.assertEqual(self.events, ["warn: no route"])


class RateTests(PoolCase):
    """Throttles: shared by reference, never exceeded, never slept through."""

    def rate(self, count: int, seconds: float = 1.0) -> ThrottleSettings:
        return ThrottleSettings(count, seconds)

    def test_messages(self) -> None:
        """So many go at once, the next ones when the interval is over, unasked."""
        self.make(100, message_throttle=self.rate(30))
        self.work()
        self.gateways.accept()
        self.turns()
        self.assertEqual(self.frames(), [30])
        self.clock.advance(0.9)
        self.turns()
        self.assertEqual(self.frames(), [30])
        for expected in (60, 90, 100):
            self.clock.advance(1.01)
            self.turns()
            self.assertEqual(self.frames(), [expected])

    def test_what_is_not_used_is_not_lost(self) -> None:
        """What the rate allowed and the queue did not have is allowed again."""
        self.make(10, message_throttle=self.rate(30, 60))
        self.work()
        self.gateways.accept()
        self.turns()
        self.queue.entries = [an_entry(row) for row in range(11, 41)]
        self.work()
        self.turns()
        self.assertEqual(self.frames(), [30])

    def test_shared(self) -> None:
        """Two lanes with the same rate have it together."""
        rate = self.rate(30)
        buckets = Buckets()
        self.make(100, buckets=buckets, message_throttle=rate)
        self.work()
        first = self.pool
        self.make(100, buckets=buckets, message_throttle=rate)
        self.work()
        self.gateways.accept(2)
        self.turns()
        self.assertEqual(sum(self.frames()), 30)
        self.clock.advance(1.01)
        self.turns()
        self.assertEqual(sum(self.frames()), 60)
        self.assertIsNot(first, self.pool)

    def test_no_more_connections_than_help(self) -> None:
        """A lane that may not send opens no further connections."""
        rate = self.rate(10, 60)
        self.make(1000, message_throttle=rate, max_outbound_connections=8)
        self.work()
        self.gateways.accept()
        self.turns()
        while self.gateways.pending:
            self.gateways.accept()
            self.turns()
        self.assertEqual(sum(self.frames()), 10)
        self.assertLessEqual(len(self.gateways.asked), CONNECTING_LIMIT)

    def test_connections(self) -> None:
        """Connections are opened no faster than allowed, and none is forgotten."""
        self.make(
            100_000, connection_throttle=self.rate(2, 10), max_outbound_connections=5
        )
        self.queue.resident = 0
        self.work()
        self.assertEqual(len(self.gateways.asked), 2)
        for expected in (4, 5):
            self.queue.resident = 1
            self.gateways.accept(len(self.gateways.pending))
            self.turns()
            self.clock.advance(9.9)
            self.assertLess(len(self.gateways.asked), expected)
            self.queue.resident = 1
            self.pool.work()
            self.clock.advance(0.2)
            self.assertEqual(len(self.gateways.asked), expected)

    def test_drains(self) -> None:
        """A lane that waits for its rate leaves no timer behind."""
        self.make(100, message_throttle=self.rate(30, 60))
        self.work()
        self.gateways.accept()
        self.turns()
        done = self.pool.drain()
        sink(self.clock, self.gateways)
        sink(self.clock, self.gateways)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DoorTests(PoolCase):
    """Connections that lanes with the same routes open at one moment."""

    def make_several(self, count: int, most: int) -> list[Pool]:
        openings: Places[Pool] = Places(Pool.work, most)
        pools = []
        for _ in range(count):
            self.make(10, openings=openings)
            pools.append(self.pool)
        return pools

    def begin(self, pools: list[Pool]) -> list[int]:
        for pool in pools:
            pool.work()
        self.turns()
        return [pool.connections for pool in pools]

    def test_one_after_the_other(self) -> None:
        """Who comes first is first; the next one follows when a handshake is over."""
        pools = self.make_several(4, 2)
        self.assertEqual(self.begin(pools), [1, 1, 0, 0])
        self.gateways.accept(1)
        self.turns()
        self.assertEqual(self.begin(pools), [1, 1, 1, 0])
        self.gateways.refuse(1)
        self.turns()
        self.assertEqual(len(self.gateways.pending), 2)
        self.assertEqual(pools[3].connections, 1)

    def test_no_longer_wanted(self) -> None:
        """A lane that drains, or has nothing left, stands in nobody's way."""
        pools = self.make_several(5, 1)
        queues = [pool._queue for pool in pools]
        self.assertEqual(self.begin(pools), [1, 0, 0, 0, 0])
        pools[1].drain()
        waiting: Any = queues[2]
        waiting.entries = []
        self.gateways.accept(1)
        self.turns()
        self.assertEqual([pool.connections for pool in pools], [1, 0, 0, 1, 0])
        pools[3].drain()
        self.turns()
        self.assertEqual([pool.connections for pool in pools], [1, 0, 0, 0, 1])


class LimitTests(PoolCase):
    """Connections that lanes have together."""

    def make_two(self, limits: Limits, **changes: Any) -> tuple[Pool, Pool]:
        self.make(10_000, limits=limits, max_outbound_connections=8, **changes)
        self.queue.resident = 0
        one = self.pool
        self.make(10_000, limits=limits, max_outbound_connections=8, **changes)
        self.queue.resident = 0
        return one, self.pool

    def fill(self) -> None:
        for _ in range(5):
            self.gateways.accept(len(self.gateways.pending))
            self.turns()

    def test_together(self) -> None:
        """All lanes together never have more than the process may."""
        limits = Limits(3)
        one, two = self.make_two(limits)
        for _ in range(10):
            for pool in (one, two):
                pool.work()
            self.fill()
            self.assertLessEqual(one.connections + two.connections, 3)
            self.assertEqual(len(self.gateways.open), limits.used)
            sink(self.clock, self.gateways)
            for pool in (one, two):
                self.assertGreater(pool.connections, 0)
        self.assertGreater(self.counters.get("delivery.limited"), 0)

    def test_given_up_for_who_has_none(self) -> None:
        """A lane that has all gives one up, and does not take it back."""
        one, two = self.make_two(Limits(3))
        one.work()
        self.clock.advance(0)
        self.fill()
        two.work()
        self.clock.advance(0)
        sink(self.clock, self.gateways)
        self.turns()
        self.assertEqual((one.connections, two.connections), (2, 1))
        self.assertEqual(self.counters.get("delivery.yielded"), 1)

    def test_told_when_there_is_room(self) -> None:
        """A lane that was turned away opens one as soon as another is gone."""
        limits = LimitSettings(1)
        one, two = self.make_two(Limits(9), scope_limit=limits)
        one.work()
        self.clock.advance(0)
        [wire] = self.gateways.accept()
        two.work()
        self.clock.advance(0)
        self.assertEqual(two.connections, 0)
        one.drain()
        sink(self.clock, self.gateways)
        self.turns()
        self.assertTrue(wire.lost)
        self.assertEqual((one.connections, two.connections), (0, 1))

    def test_a_failure_gives_back(self) -> None:
        """What was never connected does not count; the other lane has its turn."""
        one, two = self.make_two(Limits(1))
        one.work()
        two.work()
        self.clock.advance(0)
        self.gateways.refuse(ConnectError())
        self.turns()
        self.assertEqual((one.connections, two.connections), (0, 1))


class GuardTests(PoolCase):
    """A lane that hears nothing but "invalid token"."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[str] = []
        self.ended: list[Any] = []

        def observe(event: Any) -> None:
            if event.get("log_namespace") == "mcmtpush.delivery.pool":
                self.told.append(f"{event['log_level'].name}: {formatEvent(event)}")

        publisher: Any = globalLogPublisher
        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)

    def refuse(self, times: int) -> None:
        """Let the gateway refuse the first of each connection; the rest comes again."""
        for _ in range(times):
            self.put_back()
            for _ in range(30):
                self.work()
                if self.gateways.pending:
                    break
                self.clock.advance(0.1)
            [wire] = self.gateways.accept()
            self.turns()
            wire.object_to(1)

    def put_back(self) -> None:
        """What disposition does with those that are discarded."""
        fresh, self.settled.batches = self.settled.attempts, []
        again = [one for one in fresh if one.outcome == Discarded()]
        self.ended += [one for one in fresh if one not in again]
        entries = [*self.queue.entries, *(an_entry(one.entry.row) for one in again)]
        self.queue.entries = sorted(entries, key=lambda entry: entry.row)

    def test_suspends(self) -> None:
        """After the first 20 answers: nothing failed, nothing lost, nothing written."""
        self.refuse(19)
        self.assertEqual((self.pool.suspended, self.pool.kept), ("", 19))
        self.refuse(1)
        self.put_back()
        self.assertEqual((self.ended, self.pool.kept), ([], 0))
        self.assertEqual(len(self.queue.entries), 100)
        self.assertTrue(self.pool.suspended)
        self.assertEqual(self.queue.orders, [("suspend", self.pool.suspended)])
        self.assertEqual(self.counters.get("delivery.guard_trips"), 1)
        asked = len(self.gateways.asked)
        for _ in range(100):
            self.work()
            self.clock.advance(1.0)
        self.assertEqual((len(self.gateways.asked), self.gateways.open), (asked, []))

    def test_says_so(self) -> None:
        """Loudly, with the domain and what to look at."""
        self.make(100, tls=TlsClientSettings(certificate="/etc/app.pem"))
        self.refuse(20)
        [text] = [text for text in self.told if "SUSPENDED" in text]
        self.assertTrue(text.startswith("critical: apn_example.com (binding default)"))
        for word in ("environment", "/etc/app.pem", "gateway.example", "topic"):
            self.assertIn(word, text)

    def test_resumes(self) -> None:
        """An operator's order: everything is tried again, and counted anew."""
        self.refuse(20)
        self.put_back()
        self.assertTrue(self.pool.resume())
        self.assertFalse(self.pool.resume())
        self.assertEqual(self.pool.suspended, "")
        self.refuse(19)
        self.assertEqual(self.pool.suspended, "")
        self.put_back()
        self.clock.advance(1.0)
        self.turns()
        self.gateways.accept()
        self.clock.pump([0.25] * 30)
        self.put_back()
        refused = [one for one in self.ended if isinstance(one.outcome, Refused)]
        self.assertEqual((len(self.ended), len(refused)), (100, 19))

    def test_closes_gently(self) -> None:
        """Other connections get their answers before they are closed."""
        self.make(200, max_outbound_connections=2, guard=GuardSettings(first=1))
        self.work()
        bad, good = self.gateways.accept(2)
        self.turns()
        bad.object_to(1)
        self.assertFalse(good.lost)
        good.answer_flush()
        self.put_back()
        self.assertEqual({one.outcome for one in self.ended}, {Accepted("proven")})
        self.assertEqual(len(self.ended), 100)

    def test_few_bad_tokens(self) -> None:
        """A handful and nothing else: believed once the lane is quiet."""
        self.make(1)
        self.refuse(1)
        self.assertEqual(self.settled.attempts, [])
        self.clock.advance(QUIET_SECONDS)
        self.assertEqual(self.settled.outcomes(), [(1, Refused(8, "Invalid Token"))])
        self.assertEqual((self.pool.kept, self.pool.suspended), (0, ""))

    def test_kept_no_longer_than_a_minute(self) -> None:
        """However busy the lane, and whoever does not answer."""
        self.refuse(3)
        for _ in range(int(KEPT_SECONDS / QUIET_SECONDS) + 1):
            self.clock.advance(QUIET_SECONDS)
        rows = [row for row, out in self.settled.outcomes() if out == BAD]
        self.assertEqual(rows, [1, 2, 3])

    def test_drains(self) -> None:
        """What was kept goes back into the queue: the next start will see."""
        self.refuse(3)
        self.put_back()
        done = self.pool.drain()
        self.turns()
        self.successResultOf(done)
        self.assertEqual(
            self.settled.outcomes(), [(row, Discarded()) for row in (1, 2, 3)]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_trips_while_it_drains(self) -> None:
        """A lane that leaves has no say any more; its messages go back all the same."""
        self.make(100, max_outbound_connections=2, guard=GuardSettings(first=2))
        self.work()
        first, second = self.gateways.accept(2)
        self.turns()
        done = self.pool.drain()
        first.object_to(1)
        second.object_to(1)
        self.clock.pump([0.25] * 40)
        self.put_back()
        self.successResultOf(done)
        self.assertEqual((self.ended, len(self.queue.entries)), ([], 100))
        self.assertEqual((self.queue.orders, self.queue.suspended), ([], False))

    def test_resumes_what_an_earlier_lane_suspended(self) -> None:
        """The suspension is the queue's: the order reaches the lane it has."""
        self.refuse(20)
        self.put_back()
        queue, gone = self.queue, self.pool
        self.make(0)
        self.pool._queue = self.queue = queue
        gone.drain()
        self.work()
        self.assertEqual(self.gateways.pending, [])
        self.assertTrue(self.pool.resume())
        self.assertFalse(queue.suspended)
        self.turns()
        self.assertEqual(len(self.gateways.pending), 1)

    def test_off(self) -> None:
        """Without thresholds every answer counts at once."""
        self.make(100, guard=OFF)
        self.refuse(25)
        self.put_back()
        self.assertEqual((len(self.ended), self.pool.suspended), (25, ""))


class DelayTests(PoolCase):
    """Routes that fail, all of them, again and again."""

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.work()
            self.gateways.refuse(ConnectError())
            self.clock.advance(60)

    def test_delays(self) -> None:
        """After so many failures on each route the queue is put off, uncharged."""
        self.make(100, routes=(ROUTE, OTHER), mx_failures_to_delay=3)
        self.fail(5)
        self.assertEqual(self.queue.orders, [])
        self.fail(1)
        [(order, reason)] = self.queue.orders
        self.assertEqual(order, "delay")
        self.assertIn("each route failed 3 times in a row", reason)
        self.assertIn("other.example:2195", reason)
        self.assertEqual(self.settled.attempts, [])
        self.fail(6)
        self.assertEqual(self.counters.get("delivery.delays"), 2)

    def test_never(self) -> None:
        """0 is never."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=0)
        self.fail(60)
        self.assertEqual(self.queue.orders, [])

    def test_delays_after_long_trouble(self) -> None:
        """Without contact for so long the queue is put off, however seldom tried."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=600)
        self.fail(10)
        self.assertEqual(self.queue.orders, [])
        self.fail(1)
        [(order, reason)] = self.queue.orders
        self.assertEqual(order, "delay")
        self.assertIn("no contact for 600 s", reason)
        self.assertEqual(self.counters.get("delivery.delays"), 1)

    def test_contact_ends_long_trouble(self) -> None:
        """A gateway that takes something was there: counting starts anew."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=600)
        self.fail(8)
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        wire.object_to(3)
        self.queue.entries = [an_entry(row) for row in range(200, 300)]
        self.fail(8)
        self.assertEqual(self.queue.orders, [])

    def test_blames_the_address(self) -> None:
        """The address of a connection that was dropped without a word rests."""
        self.work()
        self.gateways.refuse(ConnectError())
        self.clock.advance(1.0)
        self.turns()
        self.gateways.accept()[0].close()
        self.assertEqual(self.gateways.blamed, ["192.0.2.1"])


class DrainTests(PoolCase):
    def drain(self) -> Deferred[None]:
        return self.pool.drain()

    def test_idle(self) -> None:
        """With nothing open it is done at once."""
        self.successResultOf(self.drain())

    def test_waits_for_the_window(self) -> None:
        """It takes no more, settles what was written, closes, and then fires."""
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        self.queue.entries = [an_entry(101)]
        done = self.drain()
        self.work()
        self.assertEqual(self.queue.backlog, 1)
        self.assertNoResult(done)
        self.assertEqual((len(wire.flushes), self.settled.attempts), (1, []))
        wire.say(encode_error(2, 101))
        self.assertEqual(
            self.settled.outcomes(),
            [(row, Accepted("proven")) for row in range(1, 101)],
        )
        self.assertNoResult(done)
        sink(self.clock, self.gateways)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every_kind_of_slot(self) -> None:
        """Connecting and waiting ones do not hold it up; nothing opens afterwards."""
        self.make(100_000, max_outbound_connections=4)
        self.queue.resident = 0
        self.work()
        self.gateways.accept()
        self.gateways.refuse(ConnectError())
        done = self.drain()
        sink(self.clock, self.gateways)
        self.successResultOf(done)
        self.assertEqual((self.pool.connections, self.gateways.pending), (0, []))
        self.queue.resident = 1000
        self.work()
        self.clock.advance(100)
        self.assertEqual(self.gateways.pending, [])

    def test_twice(self) -> None:
        """Whoever asks again is told as well."""
        self.work()
        self.gateways.accept()
        first, second = self.drain(), self.drain()
        self.clock.advance(5.0)
        sink(self.clock, self.gateways)
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.drain())

    def test_is_bounded(self) -> None:
        """A stalled gateway is waited for as long as a window lasts, not longer."""
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        wire.producer.pauseProducing()
        self.clock.advance(2.0)
        done = self.drain()
        self.clock.pump([0.25] * 25)
        sink(self.clock, self.gateways)
        self.successResultOf(done)
        outcomes = {outcome for _, outcome in self.settled.outcomes()}
        self.assertEqual(outcomes, {Undecided()})


class ReliefTests(PoolCase):
    """Make before break: proof is due ten seconds after the first write."""

    def setUp(self) -> None:
        super().setUp()
        self.make(100, max_outbound_connections=4)

    def make(self, count: int, **changes: Any) -> None:
        super().make(
            count,
            **{
                "flush_interval_seconds": 10,
                "idle_timeout_seconds": 0,
                "connection_aggressiveness": 0.001,
                **changes,
            },
        )

    def begin(self) -> Wire:
        """One connection that carried all there was, which is presumed accepted."""
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.settled.batches.clear()
        return wire

    def more(self, *rows: int) -> None:
        self.queue.entries = [an_entry(row) for row in rows]
        self.work()
        self.turns()

    def test_make_before_break(self) -> None:
        """The old one carries on until the new one is ready; then it is flushed."""
        old = self.begin()
        self.clock.advance(5.0)
        self.assertEqual((len(self.gateways.pending), old.flushes), (1, []))
        self.more(101, 102)
        self.assertEqual(len(old.frames), 102)
        [new] = self.gateways.accept()
        self.assertEqual([flush.identifier for flush in old.flushes], [103])
        self.more(103)
        self.assertEqual((len(old.frames), len(new.frames)), (102, 1))
        self.assertEqual(self.settled.attempts, [])
        old.answer_flush()
        proven = [(row, Accepted("proven")) for row in (101, 102)]
        self.assertEqual(self.settled.outcomes(), proven)
        self.clock.advance(5.0)
        self.assertEqual(
            self.settled.outcomes(), [*proven, (103, Accepted("presumed"))]
        )
        self.assertEqual(self.counters.get("delivery.presumed_then_proven"), 100)
        self.assertEqual(self.pool.connections, 1)

    def test_over_and_over(self) -> None:
        """Each connection is flushed an interval after it first wrote, none before."""
        wire = self.begin()
        for row in range(101, 104):
            self.clock.advance(5.0)
            [successor] = self.gateways.accept()
            wire.answer_flush()
            wire = successor
            self.more(row)
            self.clock.advance(5.0)
            self.assertEqual(self.gateways.pending, [])
        self.assertEqual(self.counters.get("delivery.flushed"), 3)
        self.assertEqual(len(self.settled.attempts), 3)

    def test_nothing_written(self) -> None:
        """A connection that wrote nothing is not replaced."""
        old = self.begin()
        self.clock.advance(5.0)
        self.gateways.accept()
        old.answer_flush()
        self.clock.pump([1.0] * 60)
        self.assertEqual((len(self.gateways.asked), self.pool.connections), (2, 1))

    def test_at_the_limit(self) -> None:
        """Where no other connection is allowed the old one goes first."""
        self.make(100, max_outbound_connections=1)
        old = self.begin()
        self.clock.advance(5.0)
        self.assertEqual((len(old.flushes), self.gateways.pending), (1, []))
        self.more(101)
        self.assertEqual(self.gateways.pending, [])
        old.answer_flush()
        self.turns()
        [new] = self.gateways.accept()
        self.turns()
        self.assertEqual((len(old.frames), len(new.frames)), (100, 1))

    def test_one_at_a_time_at_the_limit(self) -> None:
        """Few connections are never all flushed at once."""
        self.make(300, max_outbound_connections=3, connection_aggressiveness=1.0)
        self.work()
        wires = self.gateways.accept(3)
        self.turns()
        self.clock.advance(5.0)
        self.clock.advance(5.0)
        self.assertEqual(sum(len(wire.flushes) for wire in wires), 1)
        for flushed in (2, 3):
            sink(self.clock, self.gateways)
            self.more(*range(1000))
            self.gateways.accept()
            self.clock.advance(1.0)
            self.assertEqual(sum(len(wire.flushes) for wire in wires), flushed)

    def test_no_replacement(self) -> None:
        """While none can be had the old one stays in use."""
        old = self.begin()
        self.clock.advance(5.0)
        self.gateways.refuse(ConnectError())
        self.more(101)
        self.assertEqual((len(old.frames), old.flushes), (101, []))
        self.clock.advance(1.0)
        self.clock.advance(1.0)
        self.assertEqual(len(self.gateways.pending), 1)
        self.gateways.accept()
        self.assertEqual(len(old.flushes), 1)

    def test_answer_of_an_old_connection(self) -> None:
        """A refusal on the old one concerns nothing of the new one."""
        old = self.begin()
        self.clock.advance(5.0)
        self.more(101, 102)
        [new] = self.gateways.accept()
        self.more(103, 104)
        self.assertEqual([frame.identifier for frame in new.frames], [1, 2])
        old.say(encode_error(8, 101)[:4])
        new.object_to(1)
        old.say(encode_error(8, 101)[4:])
        old.close()
        refused = Refused(8, "Invalid Token")
        self.assertEqual(
            self.settled.outcomes(),
            [(103, refused), (104, Discarded()), (101, refused), (102, Discarded())],
        )
        self.assertEqual(self.counters.get("delivery.flush_void"), 1)

    def test_old_one_ends_meanwhile(self) -> None:
        """When the old one is answered first, the new one simply carries on."""
        old = self.begin()
        self.clock.advance(5.0)
        old.object_to(100)
        [new] = self.gateways.accept()
        self.more(101)
        self.assertEqual((len(new.frames), self.pool.connections), (1, 1))

    def test_few_at_a_time(self) -> None:
        """Many that are due together are replaced a few at a time."""
        self.make(1000, max_outbound_connections=64, connection_aggressiveness=1.0)
        self.queue.resident = 0
        self.work()
        while self.pool.connections < 20:
            self.gateways.accept(len(self.gateways.pending))
            self.queue.resident = 1
            self.work()
        while self.gateways.pending:
            self.gateways.accept()
        self.queue.resident = 1000
        self.work()
        self.turns(40)
        most = 0
        for _ in range(60):
            self.clock.advance(0.5)
            most = max(most, len(self.gateways.pending))
            self.gateways.accept(len(self.gateways.pending))
            sink(self.clock, self.gateways)
        self.assertEqual(most, CONNECTING_LIMIT)
        count = self.counters.get
        self.assertGreaterEqual(count("delivery.flushed"), 20)
        self.assertEqual(count("delivery.flushes"), count("delivery.flushed"))

    def test_drain_meanwhile(self) -> None:
        """A drain stops the new one and flushes the old one."""
        old = self.begin()
        self.clock.advance(5.0)
        done = self.pool.drain()
        self.assertEqual((self.gateways.pending, len(old.flushes)), ([], 1))
        sink(self.clock, self.gateways)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SimulatorTests(TestCase):
    """A pool, TLS and the simulator, with nothing between them but memory."""

    def deliver(self, count: int, **script: Any) -> None:
        """Deliver so many; everything that is put back is delivered again."""
        self.begin(script)
        self.queue.entries = [an_entry(row, f"{row:064x}") for row in range(count)]
        self.pool.work()
        for _ in range(400):
            self.step(0.1)
            if len(self.outcomes) == count:
                return
        self.fail(f"only {len(self.outcomes)} of {count} were settled")

    def flow(self, seconds: int, **script: Any) -> None:
        """Thirty messages a second, connections flushed every other second; drain."""
        self.begin(script, flush_interval_seconds=2)
        count = 30 * seconds
        for row in range(count):
            self.queue.entries.append(an_entry(row, f"{row:064x}"))
            if row % 3 == 2:
                self.pool.work()
                self.step(0.1)
        for _ in range(200):
            if len(self.outcomes) == count:
                break
            self.step(0.1)
        done = self.pool.drain()
        for _ in range(8):
            self.step(0.1)
        self.successResultOf(done)
        self.assertEqual(len(self.outcomes), count)

    def begin(self, script: dict[str, Any], **changes: Any) -> None:
        """A pool and the simulator, with nothing to do yet."""
        folder = Path(self.mktemp()).resolve()
        paths = make_development_certificates(str(folder), time.time)
        self.reactor = MemoryReactorClock()
        self.journal = Journal(keep=100_000)
        simulator = ApnsSimulatorFactory(
            script=read_script(orjson.dumps(script)),
            journal=self.journal,
            clock=self.reactor,
            now=lambda: NOW,
            dice=random.Random(1),
        )
        context = server_context(paths.server, paths.server_key)
        self.reactor.listenTCP(
            2195, TLSMemoryBIOFactory(context, False, simulator, self.reactor)
        )
        settings = DeliverySettings(
            routes=(Route("apn", "localhost", 2195, 1),),
            tls=TlsClientSettings(
                certificate=paths.client,
                key=paths.client_key,
                ca=paths.ca,
                verify="host",
            ),
            max_outbound_connections=3,
            response_timeout_seconds=2.0,
            **changes,
        )
        self.queue = Waiting()
        self.settled = Settled()
        self.outcomes: dict[int, object] = {}
        self.counters = Counters()
        self.pool = Pool(
            self.queue,
            settings=settings,
            connect=connector(
                self.reactor,
                settings,
                Always(),
                SharedContexts(Expiries(lambda: NOW), self.reactor),
            ),
            disposition=self.settled,
            clock=self.reactor,
            now=lambda: NOW,
            dice=Always(),
            counters=self.counters,
            limits=Limits(1000),
            buckets=Buckets(),
            openings=Places(Pool.work, OPENING_LIMIT),
        )
        self.pumps: list[Any] = []

    def step(self, seconds: float) -> None:
        """Let time pass, connections come about and bytes flow."""
        self.reactor.advance(seconds)
        completer = ConnectionCompleter(self.reactor)
        while pump := completer.succeedOnce(greet=False):
            self.pumps.append(pump)
        for _ in range(3):
            for pump in self.pumps:
                pump.flush()
        for attempt in self.settled.attempts:
            row = attempt.entry.row
            if isinstance(attempt.outcome, Discarded | Undecided):
                self.queue.entries.append(an_entry(row, f"{row:064x}"))
            else:
                self.assertNotIn(row, self.outcomes)
                self.outcomes[row] = attempt.outcome
        self.settled.batches.clear()
        if self.queue.entries:
            self.pool.work()

    def taken(self) -> Counter[int]:
        """How often the simulator accepted each row."""
        lines = self.journal.lines
        return Counter(int(x.token, 16) for x in lines if x.verdict == "accepted")

    def test_all_is_well(self) -> None:
        """Every message arrives once, over TLS, and in the end all is closed."""
        self.deliver(1000)
        self.assertEqual(set(self.outcomes.values()), {Accepted("presumed")})
        self.assertEqual(self.taken(), dict.fromkeys(range(1000), 1))
        done = self.pool.drain()
        self.step(0.1)
        self.successResultOf(done)

    def flushes(self) -> int:
        """How many frames known to be bad the simulator refused."""
        lines = [line for line in self.journal.lines if not line.token]
        self.assertEqual({line.status for line in lines}, {2})
        self.assertEqual({line.verdict for line in lines}, {"refused"})
        self.assertEqual({line.payload for line in lines}, {""})
        return len(lines)

    def test_flushes(self) -> None:
        """However often it is flushed, every message arrives once and is proven."""
        for zero in (False, True):
            self.flow(10, zero_for_empty_token=zero)
            self.assertEqual(self.taken(), dict.fromkeys(range(300), 1))
            count = self.counters.get
            self.assertGreater(self.flushes(), 3)
            self.assertEqual(count("delivery.flushes"), self.flushes())
            self.assertEqual(count("delivery.flushed"), self.flushes())
            self.assertEqual(
                count("delivery.proven") + count("delivery.presumed_then_proven"), 300
            )
            self.assertEqual(count("delivery.written"), 300)
            # The bad frame is the last one a connection is given.
            self.assertEqual(count("delivery.late"), 0)
            self.assertEqual(self.journal.counts[Verdict.DISCARDED], 0)

    def test_flushes_among_refusals(self) -> None:
        """Refusals and shutdowns that come first make flushes void and lose nothing."""
        refuse = {"do": "refuse", "status": 8, "every": 41}
        self.flow(
            10,
            rules=[
                {**refuse, "counting": "server", "delay": 1.0},
                {"do": "shutdown", "after": 20, "delay": 0.3, "times": 3},
            ],
        )
        refused = {
            row
            for row, outcome in self.outcomes.items()
            if isinstance(outcome, Refused)
        }
        self.assertGreater(len(refused), 2)
        self.assertEqual(self.taken(), dict.fromkeys(set(range(300)) - refused, 1))
        count = self.counters.get
        self.assertGreater(count("delivery.flush_void"), 0)
        ends = ("flushed", "flush_void", "flush_unanswered")
        self.assertEqual(
            count("delivery.flushes"), sum(count(f"delivery.{end}") for end in ends)
        )

    def test_refusals(self) -> None:
        """Exactly the refused ones are refused; all others arrive once."""
        self.deliver(600, rules=[{"do": "refuse", "status": 8, "every": 50}])
        refused = {
            row
            for row, outcome in self.outcomes.items()
            if isinstance(outcome, Refused)
        }
        self.assertGreater(len(refused), 5)
        self.assertEqual(self.taken(), dict.fromkeys(set(range(600)) - refused, 1))
        lines = self.journal.lines
        objected = {int(x.token, 16) for x in lines if x.verdict == "refused"}
        self.assertEqual(objected, refused)

    def test_wrong_environment(self) -> None:
        """A gateway that knows no token: the lane stops, and nothing has failed."""
        with self.assertRaises(self.failureException):
            self.deliver(200, rules=[{"do": "refuse", "status": 8, "every": 1}])
        self.assertTrue(self.pool.suspended)
        self.assertEqual((self.outcomes, self.pool.connections), ({}, 0))
        waiting = [entry.row for entry in self.queue.entries]
        self.assertEqual(sorted(waiting), list(range(200)))
        self.assertLess(self.counters.get("delivery.answers"), 30)

    def test_late_and_cut_answers(self) -> None:
        """Answers that come late, in pieces, behind many more frames, settle alike."""
        rule = {"do": "refuse", "status": 5, "every": 70, "times": 6}
        self.deliver(
            600, rules=[{**rule, "delay": 0.5, "behind": 100, "pieces": [1, 2, 3]}]
        )
        refused = [each for each in self.outcomes.values() if isinstance(each, Refused)]
        self.assertEqual(refused, [Refused(5, "Invalid Token Size")] * 6)
        self.assertEqual(set(self.taken().values()), {1})
        self.assertEqual(len(self.taken()), 594)

    def test_shutdown(self) -> None:
        """A gateway that shuts down: what it took is accepted, the rest goes again."""
        self.deliver(600, rules=[{"do": "shutdown", "after": 100, "times": 3}])
        proofs = {outcome.proof for outcome in self.outcomes.values()}  # type: ignore[attr-defined]
        self.assertEqual(proofs, {"presumed", "proven"})
        self.assertEqual(self.taken(), dict.fromkeys(range(600), 1))

    def test_close_without_an_answer(self) -> None:
        """A silent close loses nothing; what was on the way may arrive twice."""
        self.deliver(600, rules=[{"do": "close", "after": 100, "times": 2}])
        self.assertEqual(set(self.taken()), set(range(600)))
        self.assertGreater(self.counters.get("delivery.undecided"), 0)


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
