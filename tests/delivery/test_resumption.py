"""Which session is offered to whom."""

from __future__ import annotations

from twisted.internet.task import Clock

from mcmtpush.delivery.resumption import LASTS_SECONDS, MOST_FAILURES, Resumption
from tests.support.case import TestCase


class ResumptionTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resumption = Resumption(self.clock)

    def test_offered_for_an_hour(self) -> None:
        """The latest that was kept, and none before or long after."""
        self.assertIsNone(self.resumption.offer())
        for session in ("first", "second"):
            self.resumption.keep(session)
            self.assertEqual(self.resumption.offer(), session)
        self.clock.advance(LASTS_SECONDS - 1)
        self.assertEqual(self.resumption.offer(), "second")
        self.clock.advance(1)
        self.assertIsNone(self.resumption.offer())
        self.resumption.keep("third")
        self.assertEqual(self.resumption.offer(), "third")

    def test_a_failure(self) -> None:
        """One that failed is not offered again, however many connections had it."""
        self.resumption.keep("bad")
        for _ in range(9):
            self.resumption.failed("bad")
        self.assertIsNone(self.resumption.offer())
        self.resumption.keep("good")
        self.resumption.failed("bad")
        self.assertEqual(self.resumption.offer(), "good")

    def test_a_server_that_cannot(self) -> None:
        """When one after the other fails there are no more."""
        for number in range(MOST_FAILURES):
            self.resumption.keep(number)
            self.assertEqual(self.resumption.offer(), number)
            self.resumption.failed(number)
        self.resumption.keep("another")
        self.assertIsNone(self.resumption.offer())

    def test_a_server_in_trouble(self) -> None:
        """One that works now and then gets its sessions offered."""
        for number in range(3 * MOST_FAILURES):
            self.resumption.keep(number)
            self.assertEqual(self.resumption.offer(), number)
            self.resumption.worked()
            self.resumption.failed(number)
