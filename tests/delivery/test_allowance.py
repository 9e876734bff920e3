"""What a lane may do, and when it is woken to ask again."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.config.views import DeliverySettings, LimitSettings, ThrottleSettings
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.limit import Limits
from mcmtpush.throttle import Buckets
from mcmtpush.values import QueueKey
from tests.support.case import TestCase


class AllowanceTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = Limits(3)
        self.buckets = Buckets()
        self.woken: list[float] = []
        self.pressed = 0

    def make(self, **changes: Any) -> Allowance:
        return Allowance(
            DeliverySettings(**changes),
            key=QueueKey("default", "default", "push.example"),
            limits=self.limits,
            buckets=self.buckets,
            clock=self.clock,
            wake=lambda: self.woken.append(self.clock.seconds()),
            yield_one=self.press,
        )

    def press(self) -> None:
        self.pressed += 1

    def test_no_rate(self) -> None:
        """Without a rate all is granted, and nobody is woken."""
        allowance = self.make()
        self.assertEqual((allowance.grant(10**6), allowance.exhausted), (10**6, False))
        allowance.give_back(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_messages(self) -> None:
        """What the rate refuses may be asked for when it wakes, not before."""
        allowance = self.make(message_throttle=ThrottleSettings(10, 60))
        self.assertEqual(allowance.grant(8), 8)
        allowance.give_back(3)
        self.assertFalse(allowance.exhausted)
        self.assertEqual(allowance.grant(8), 5)
        self.assertTrue(allowance.exhausted)
        self.clock.advance(59.9)
        self.assertEqual((self.woken, allowance.grant(8)), ([], 0))
        self.clock.advance(0.2)
        self.assertEqual(len(self.woken), 1)
        self.assertEqual(allowance.grant(10), 10)

    def test_one_timer(self) -> None:
        """However often it is asked, one call is arranged: the soonest."""
        allowance = self.make()
        allowance.wake_in(9)
        allowance.wake_in(5)
        allowance.wake_in(7)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(9)
        self.assertEqual(len(self.woken), 1)

    def test_connections_by_number(self) -> None:
        """The server's limit, a binding's and a scope's; a free place wakes."""
        allowance = self.make(scope_limit=LimitSettings(2))
        self.assertEqual(
            [allowance.permit(each) for each in "abc"], [True, True, False]
        )
        self.assertEqual((allowance.full, allowance.in_line), (True, True))
        allowance.gone("a")
        self.assertEqual((len(self.woken), self.limits.used), (1, 2))
        allowance.decline()
        self.assertEqual(self.limits.used, 1)

    def test_connections_by_rate(self) -> None:
        """A rate that is used up wakes when there is another connection."""
        allowance = self.make(connection_throttle=ThrottleSettings(1, 10))
        self.assertEqual([allowance.permit(each) for each in "ab"], [True, False])
        self.assertEqual((allowance.full, allowance.in_line), (False, False))
        self.clock.advance(10.1)
        self.assertEqual(len(self.woken), 1)
        self.assertTrue(allowance.permit("b"))

    def test_presses(self) -> None:
        """A lane that has none asks the one that has most to give one up."""
        rich, poor = self.make(), self.make()
        for each in "abc":
            rich.permit(each)
        self.assertFalse(poor.permit("d"))
        self.assertEqual(self.pressed, 1)

    def test_stop(self) -> None:
        """Nobody is woken any more, and what is kept is given to others."""
        allowance, other = self.make(), self.make()
        for each in "abc":
            other.permit(each)
        allowance.permit("d")
        allowance.wake_in(5)
        other.gone("a")
        self.assertEqual(self.limits.used, 3)
        allowance.stop()
        allowance.wake_in(5)
        self.assertEqual((self.limits.used, self.clock.getDelayedCalls()), (2, []))
