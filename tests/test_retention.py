"""Dead letters, every hour."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from mcmtpush.errors import SpoolError
from mcmtpush.retention import PURGE_SECONDS, Retention
from tests.support.case import TestCase


class Spool:
    """Remembers what it was asked, and answers when told."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Deferred[int]]] = []

    def purge_dead(self, before: float) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        self.asked.append((before, done))
        return done


class RetentionTests(TestCase):
    """From start to stop."""

    def setUp(self) -> None:
        self.spool: Any = Spool()
        self.clock = Clock()
        self.retention = Retention(self.spool, self.clock, lambda: 77.0)

    def test_is_cleaning_until_the_first_answer(self) -> None:
        """Nobody may say that there is nothing to do before."""
        self.assertTrue(self.retention.cleaning)
        self.retention.start()
        self.assertTrue(self.retention.cleaning)
        ((before, done),) = self.spool.asked
        self.assertEqual(before, 77.0)
        done.callback(3)
        self.assertFalse(self.retention.cleaning)

    def test_looks_every_hour(self) -> None:
        """Again and again, until it is stopped."""
        self.retention.start()
        self.spool.asked[0][1].callback(0)
        self.clock.advance(PURGE_SECONDS)
        self.assertEqual(len(self.spool.asked), 2)
        self.assertTrue(self.retention.cleaning)
        self.retention.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.retention.stop()

    def test_a_fault_is_said_and_ends_nothing(self) -> None:
        """The next look may find the disk mended."""
        self.retention.start()
        with capturedLogs() as logs:
            self.spool.asked[0][1].errback(SpoolError("no disk"))
        self.assertIn("purge of dead letters failed", logs[0]["log_format"])
        self.assertEqual(len(self.flushLoggedErrors(SpoolError)), 1)
        self.assertFalse(self.retention.cleaning)
        self.clock.advance(PURGE_SECONDS)
        self.assertEqual(len(self.spool.asked), 2)
