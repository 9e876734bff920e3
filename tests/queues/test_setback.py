"""Wall clocks that jump."""

from __future__ import annotations

from twisted.internet.task import Clock

from mcmtpush.queues.setback import Setback
from tests.support.case import TestCase


class SetbackTests(TestCase):
    """From one look to the next."""

    def test_look(self) -> None:
        """Only by how much the wall clock disagrees counts, and only once."""
        clock = Clock()
        jumps = [0.0]
        setback = Setback(clock, lambda: 1000.0 + clock.seconds() + sum(jumps))
        setback.look()
        clock.advance(15)
        self.assertAlmostEqual(setback.look(), 0.0)
        jumps.append(-30.0)
        clock.advance(15)
        self.assertAlmostEqual(setback.look(), 30.0)
        self.assertAlmostEqual(setback.look(), 0.0)
        jumps.append(90.0)
        self.assertAlmostEqual(setback.look(), -90.0)
