"""How many connections a lane has, and which end."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import (
    LimitSettings,
)
from mcmtpush.delivery.fleet import CONNECTING_LIMIT
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.pool import Pool
from mcmtpush.places import Places
from mcmtpush.values import Accepted, Discarded, Refused
from tests.delivery.pooling import OFF, PoolCase
from tests.delivery.stage import (
    Wire,
    an_entry,
    sink,
)


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

    def feed(self, rows: range) -> None:
        """More for the queue."""
        self.queue.entries += [an_entry(row) for row in rows]
        self.queue.resident += len(rows)

    def test_replaces_at_once(self) -> None:
        """Connections that answers ended are replaced together, however many."""
        self.make(12_000, max_outbound_connections=12, guard=OFF)
        self.work()
        while self.gateways.pending:
            self.gateways.accept(len(self.gateways.pending))
            self.turns()
        self.feed(range(15_000, 27_000))
        self.work()
        self.assertTrue(all(len(wire.frames) >= 20 for wire in self.gateways.wires))
        opening = len(self.gateways.pending)
        self.feed(range(30_000, 42_000))
        for wire in list(self.gateways.wires):
            wire.object_to(20)
        self.turns()
        replaced = len(self.gateways.pending) - opening
        self.assertEqual(replaced, len(self.gateways.wires))
        self.assertGreaterEqual(replaced, 2 * CONNECTING_LIMIT)

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
