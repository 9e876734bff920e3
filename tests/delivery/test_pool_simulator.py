"""The lane of one queue against the simulator, over TLS."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter

from mcmtpush.config.views import (
    DeliverySettings,
    Route,
    TlsClientSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.connector import connector
from mcmtpush.delivery.fleet import OPENING_LIMIT
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.pool import Pool
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
    Always,
    Settled,
    Waiting,
    an_entry,
)
from tests.support.case import TestCase


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
