"""The lane of one queue: taking, sharing, rates, draining."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import (
    ThrottleSettings,
)
from mcmtpush.delivery.fleet import CONNECTING_LIMIT
from mcmtpush.delivery.pool import BATCH_LIMIT, SMALLEST_SHARE, TURN_LIMIT
from mcmtpush.delivery.slot import PROBE_COUNT
from mcmtpush.throttle import Buckets
from mcmtpush.values import Accepted, Discarded, Refused, Undecided
from tests.delivery.pooling import OFF, PoolCase
from tests.delivery.stage import (
    OTHER,
    ROUTE,
    an_entry,
    sink,
)


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

    def test_answers_about_nobody_make_no_storm(self) -> None:
        """They back off as closes do, on every route, with a few notifications."""
        self.make(30, routes=(ROUTE, OTHER), guard=OFF)
        made_at = []
        for step in range(6000):
            self.work()
            if self.gateways.pending:
                made_at.append(step / 10)
                self.gateways.accept()
                self.turns()
                self.gateways.wires[-1].object_to(0, (8, 10)[len(made_at) % 2])
                self.put_back()
            self.clock.advance(0.1)
        gaps = [later - earlier for earlier, later in pairwise(made_at)]
        for gap, seconds in zip(gaps, [1, 2, 4, 8, 16, 32, *[60] * 20], strict=False):
            self.assertLess(abs(gap - seconds), 0.3)
        self.assertLessEqual(len(made_at), 17)
        self.assertEqual(self.frames(), [30, *[PROBE_COUNT] * (len(made_at) - 1)])
        self.assertEqual(self.gateways.asked[:4], [ROUTE, OTHER, ROUTE, OTHER])
        written = Counter(each.entry.row for each in self.settled.attempts)
        self.assertLessEqual(max(written.values()), len(made_at))

    def put_back(self) -> None:
        """What is undecided is sent again."""
        waiting = {each.row for each in self.queue.entries}
        again = [each.entry for each in self.settled.batches[-1]]
        self.assertFalse(waiting & {each.row for each in again})
        self.queue.entries = again + self.queue.entries


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
