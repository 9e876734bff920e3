"""How long the end may take."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mcmtpush.drain import SETTLED_SECONDS, Drain
from tests.support.case import TestCase


class Settler:
    """Notes how often it was told to write."""

    def __init__(self) -> None:
        self.flushed = 0
        self.idle = False

    def flush(self) -> None:
        self.flushed += 1


class DrainTests(TestCase):
    """Steps, one after the other."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.drain = Drain(self.clock)
        self.settler: Any = Settler()

    def step(self, step: Deferred[Any]) -> Deferred[None]:
        """Wait for this."""
        return Deferred.fromCoroutine(self.drain.step(step))

    def settle(self) -> Deferred[None]:
        """Wait for the settler."""
        return Deferred.fromCoroutine(self.drain.settle(self.settler))

    def test_waits_for_a_step(self) -> None:
        """As long as that takes."""
        under_way: Deferred[None] = Deferred()
        waited = self.step(under_way)
        self.assertNoResult(waited)
        under_way.callback(None)
        self.assertIsNone(self.successResultOf(waited))
        self.successResultOf(self.step(succeed(None)))

    def test_a_hurry_ends_the_wait(self) -> None:
        """For the present step and for all that follow."""
        waited = self.step(Deferred())
        self.drain.hurry()
        self.successResultOf(waited)
        self.drain.hurry()
        self.successResultOf(self.step(Deferred()))

    def test_settles(self) -> None:
        """Until there is nothing left to note."""
        waited = self.settle()
        self.clock.advance(1)
        self.assertNoResult(waited)
        self.settler.idle = True
        self.clock.advance(1)
        self.successResultOf(waited)
        self.assertEqual(self.settler.flushed, 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_settles_in_bounded_time(self) -> None:
        """What cannot be noted by then is left on the disk."""
        waited = self.settle()
        self.clock.pump([1] * int(SETTLED_SECONDS))
        self.successResultOf(waited)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_is_in_a_hurry_to_settle(self) -> None:
        """It asks once, and does not wait for more."""
        self.drain.hurry()
        self.successResultOf(self.settle())
        self.assertEqual(self.settler.flushed, 1)
