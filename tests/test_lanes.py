"""Which way out a queue gets."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock

from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ThrottleSettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.mail.pool import MailPool
from mcmtpush.delivery.pool import Pool
from mcmtpush.hooks.policy import Policy
from mcmtpush.lanes import BLACKHOLED, Blackhole, Lanes, Nowhere
from mcmtpush.values import Attempt, Entry, Expired, QueueKey
from tests.config.samples import tree
from tests.shared.hands import Hands
from tests.support.case import TestCase


TEXT = """
apn {}
domain "push.example" {
  delivery_method = "apn" routes = ( "apn://gw?port=1" )
}
domain "hole.example" { delivery_method = "apn" blackhole = "internal" }
domain "old.example" { delivery_method = "gcm" }
"""


class Waiting:
    """A queue with some entries, and the disposition they end in."""

    suspended = ""

    def __init__(self, domain: str, count: int = 0) -> None:
        self.key = QueueKey("default", "default", domain)
        self.entries = [Entry(row, 0.0) for row in range(count)]
        self.settled: list[Attempt] = []

    @property
    def backlog(self) -> int:
        return len(self.entries)

    def take(self, limit: int) -> list[Entry]:
        taken, self.entries = self.entries[:limit], self.entries[limit:]
        return taken

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        self.settled += attempts


class LanesTests(TestCase):
    def setUp(self) -> None:
        """Lanes of a small configuration."""
        self.queue = Waiting("hole.example", 700)
        self.lanes = self.make()
        self.lanes.disposition = self.queue

    def make(self, **changes: Any) -> Lanes:
        return Lanes(
            reactor=MemoryReactorClock(),
            configuration=Configuration(tree(TEXT)),
            mails=self,
            now=lambda: 0.0,
            dice=Random(1),
            counters=Counters(),
            resolver=list,
            policy=Policy(),
            **changes,
        )

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        """The spool's part; nothing is sent here."""
        return succeed(None)

    def test_by_method(self) -> None:
        """Push, mail, nothing, and the hole."""
        for domain, kind in (
            ("push.example", Pool),
            ("elsewhere.example", MailPool),
            ("old.example", Nowhere),
            ("hole.example", Blackhole),
        ):
            lane = self.lanes.open(Waiting(domain))  # type: ignore[arg-type]
            self.assertIsInstance(lane, kind, domain)

    def test_blackhole(self) -> None:
        """All that comes fails, with the text that says so."""
        lane = self.lanes.open(self.queue)  # type: ignore[arg-type]
        lane.work()
        self.assertEqual(self.queue.backlog, 0)
        self.assertEqual(len(self.queue.settled), 700)
        outcomes = {attempt.outcome for attempt in self.queue.settled}
        self.assertEqual(outcomes, {Expired(BLACKHOLED)})
        self.successResultOf(lane.drain())

    def test_nowhere_keeps(self) -> None:
        """Without a way out messages stay where they are."""
        lane = Nowhere()
        lane.work()
        self.successResultOf(lane.drain())

    def test_resume_counts_suspended_lanes(self) -> None:
        """Lanes that were not suspended are not counted."""
        self.lanes.open(Waiting("push.example"))  # type: ignore[arg-type]
        self.assertEqual(self.lanes.resume(), 0)

    def test_several_workers(self) -> None:
        """With a ledger the lanes of all workers share their limits and rates."""
        hands = Hands()
        self.addCleanup(hands.close)
        rate = ThrottleSettings(5, 60.0, "rate")
        for ledgers, granted, taken in (
            ([hands.ledger(0), hands.ledger(1)], [5, 0], [True, False]),
            ([None, None], [5, 5], [True, True]),
        ):
            lanes = [self.make(ledger=each) for each in ledgers]
            meters = [each._buckets.of(rate) for each in lanes]
            self.assertEqual([each.take(9, 0.0) for each in meters if each], granted)
            limits = [each._limits for each in lanes]
            shares = [each.share((), free=list, yield_one=list) for each in limits]  # type: ignore[arg-type]
            for each in limits:
                each.resize(1)
            self.assertEqual([each.take() for each in shares], taken)

    def test_a_pool_goes_with_its_queue(self) -> None:
        """Lanes of queues that were given up are not kept."""
        self.lanes.open(Waiting("push.example"))  # type: ignore[arg-type]
        gc.collect()
        self.assertEqual(len(self.lanes._pools), 0)
