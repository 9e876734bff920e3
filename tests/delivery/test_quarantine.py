"""A lane that hears nothing but "invalid token", and what it keeps back."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher

from mcmtpush.config.views import (
    GuardSettings,
    TlsClientSettings,
)
from mcmtpush.delivery.quarantine import KEPT_SECONDS, QUIET_SECONDS
from mcmtpush.values import Accepted, Discarded, Refused
from tests.delivery.pooling import BAD, OFF, PoolCase
from tests.delivery.stage import (
    an_entry,
)


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
