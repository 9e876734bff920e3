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
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import DeliverySettings, Route, TlsClientSettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.pool import (
    BATCH_LIMIT,
    CONNECTING_LIMIT,
    SMALLEST_SHARE,
    TURN_LIMIT,
    Pool,
)
from mcmtpush.delivery.tls import connector
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.script import read_script
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
    an_entry,
    sink,
)
from tests.support.case import TestCase, readable


class PoolCase(TestCase):
    """A pool over 100 waiting entries unless the test says otherwise."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.gateways = Gateways()
        self.settled = Settled()
        self.counters = Counters()
        self.make(100)

    def make(self, count: int, **changes: Any) -> None:
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
            connect=self.gateways.connect,
            disposition=self.settled,
            clock=self.clock,
            now=lambda: NOW,
            dice=Always(),
            counters=self.counters,
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
        self.assertTrue(wire.disconnecting)
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
        self.make(40, max_outbound_connections=8)
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
                if level != "debug":
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
        self.clock.advance(4.9)
        self.assertNoResult(done)
        self.assertFalse(wire.disconnecting)
        self.clock.advance(0.1)
        self.assertEqual(len(self.settled.attempts), 100)
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


class SimulatorTests(TestCase):
    """A pool, TLS and the simulator, with nothing between them but memory."""

    def deliver(self, count: int, **script: Any) -> None:
        """Deliver so many; everything that is put back is delivered again."""
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
        )
        self.queue = Waiting()
        self.queue.entries = [an_entry(row, f"{row:064x}") for row in range(count)]
        self.settled = Settled()
        self.outcomes: dict[int, object] = {}
        self.counters = Counters()
        self.pool = Pool(
            self.queue,
            settings=settings,
            connect=connector(self.reactor, settings),
            disposition=self.settled,
            clock=self.reactor,
            now=lambda: NOW,
            dice=Always(),
            counters=self.counters,
        )
        self.pumps: list[Any] = []
        self.pool.work()
        for _ in range(400):
            self.step(0.1)
            if len(self.outcomes) == count:
                return
        self.fail(f"only {len(self.outcomes)} of {count} were settled")

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
        self.queue = Waiting()
        self.rows = 0
        self.ended: Counter[int] = Counter()
        self.pool = Pool(
            self.queue,
            settings=DeliverySettings(
                routes=(ROUTE, OTHER),
                max_outbound_connections=self.LIMIT,
                max_deliveries_per_connection=300,
                idle_timeout_seconds=7,
                connect_timeout_seconds=20,
            ),
            connect=self.gateways.connect,
            disposition=self.settled,
            clock=self.clock,
            now=lambda: NOW,
            dice=random.Random(seed),
            counters=self.counters,
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
    @rule(data=st.data(), status=st.sampled_from([0, 1, 8, 10, 128]))
    def answer(self, data: st.DataObject, status: int) -> None:
        wire = data.draw(st.sampled_from(self.gateways.open))
        named = data.draw(st.integers(0, len(wire.frames) + 1))
        cut = data.draw(st.sampled_from([6, 6, 6, 3, 1]))
        if not wire.disconnecting:
            wire.say(encode_error(status, named)[:cut])
        wire.close()
        self.clock.advance(0)

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
        assert set(self.ended.values()) <= {1}
        waiting = [entry.row for entry in self.queue.entries]
        assert len(waiting) == len(set(waiting))
        count = self.counters.get
        names = ("presumed", "proven", "refused", "discarded", "undecided")
        settled = sum(count(f"delivery.{name}") for name in names)
        in_flight = count("delivery.written") - settled
        assert in_flight >= 0
        assert len(self.ended) + len(waiting) + in_flight == self.rows

    def teardown(self) -> None:
        """In the end a working gateway takes all that is left."""
        if not hasattr(self, "pool"):
            return
        for wire in self.gateways.open:
            wire.close()
        for _ in range(200):
            self.dispose()
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
        assert self.clock.getDelayedCalls() == []


class PoolMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whatever gateways do, no message is lost, doubled or forgotten."""
        run_state_machine_as_test(
            PoolMachine, settings=settings(stateful_step_count=30)
        )
