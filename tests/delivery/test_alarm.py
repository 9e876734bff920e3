"""One call, at the earliest of the times that were asked for."""

from __future__ import annotations

from math import inf

from twisted.internet.task import Clock

from mcmtpush.delivery.alarm import Alarm
from tests.support.case import TestCase


class AlarmTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.0)
        self.rung: list[float] = []
        self.alarm = Alarm(self.clock)

    def ring(self) -> None:
        self.rung.append(self.clock.seconds())

    def set(self, at: float) -> None:
        self.alarm.set(at, self.clock.seconds(), self.ring)

    def test_the_earliest(self) -> None:
        """However often it is set, it goes off once; later times change nothing."""
        for at in (105.0, 103.0, 104.0, inf):
            self.set(at)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([1.0] * 9)
        self.assertEqual(self.rung, [103.0])

    def test_once_more(self) -> None:
        """Whoever is called may set it again, as from any time."""
        self.set(101.0)
        self.clock.advance(1.0)
        self.alarm.start(2.0, self.ring)
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.rung, [101.0, 103.0])

    def test_what_is_overdue(self) -> None:
        """It goes off in the next turn, not at once."""
        self.set(90.0)
        self.assertEqual(self.rung, [])
        self.clock.advance(0)
        self.assertEqual(self.rung, [100.0])

    def test_never(self) -> None:
        """Infinity is never, and nothing comes after a stop."""
        self.set(inf)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.set(101.0)
        self.alarm.stop()
        self.alarm.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
