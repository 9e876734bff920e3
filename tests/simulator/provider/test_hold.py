"""What waits: for its time, for its count, and for nothing after the end."""

from __future__ import annotations

from twisted.internet.task import Clock

from mcmtpush.simulator.provider.hold import Holds
from tests.support.case import TestCase


class HoldTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.holds = Holds(self.clock)
        self.called: list[str] = []

    def add(self, name: str, seconds: float, requests: int = 0) -> None:
        self.holds.add(seconds, requests, lambda: self.called.append(name))

    def test_time(self) -> None:
        """In the order of their times; counting does not hurry these."""
        self.add("late", 2)
        self.add("early", 1)
        self.holds.count()
        self.clock.pump([1, 1])
        self.assertEqual(self.called, ["early", "late"])

    def test_count(self) -> None:
        """When enough came, or when the time is over, and only once."""
        self.add("counted", 9, 2)
        self.add("timed", 1, 3)
        self.holds.count()
        self.assertEqual(self.called, [])
        self.holds.count()
        self.assertEqual(self.called, ["counted"])
        self.clock.advance(1)
        self.holds.count()
        self.clock.advance(9)
        self.assertEqual(self.called, ["counted", "timed"])

    def test_stop(self) -> None:
        """Nothing comes any more."""
        self.add("timed", 1)
        self.add("counted", 1, 1)
        self.holds.stop()
        self.holds.count()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.called, [])
