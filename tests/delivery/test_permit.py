"""One more connection: allowed by number and by rate, given back once."""

from __future__ import annotations

from math import inf

from twisted.internet.task import Clock

from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.permit import Permits
from mcmtpush.throttle import Bucket
from tests.support.case import TestCase


class PermitsTests(TestCase):
    def make(self, most: int, bucket: Bucket | None = None) -> Permits:
        self.clock = Clock()
        self.told = 0
        self.limits = Limits(most)
        share = self.limits.share((), free=self.tell, yield_one=lambda: None)
        return Permits(share, bucket, self.clock)

    def tell(self) -> None:
        self.told += 1

    def test_by_number(self) -> None:
        """As many as there may be; the share says when there is another."""
        permits = self.make(2)
        self.assertEqual([permits.grant(each) for each in "abc"], [True, True, False])
        self.assertEqual(permits.wait_seconds, inf)
        self.assertTrue(permits.full)
        permits.gone("a")
        self.assertEqual(self.told, 1)
        self.assertTrue(permits.grant("c"))

    def test_by_rate(self) -> None:
        """As many as the rate allows; it is said when to ask again."""
        permits = self.make(10, Bucket(2, 60))
        self.assertEqual([permits.grant(each) for each in "abc"], [True, True, False])
        self.assertAlmostEqual(permits.wait_seconds, 60, places=3)
        self.assertEqual((permits.full, self.limits.used), (False, 2))
        self.clock.advance(permits.wait_seconds)
        self.assertTrue(permits.grant("c"))

    def test_a_refusal_by_number_costs_no_rate(self) -> None:
        """What was not opened does not count."""
        bucket = Bucket(2, 60)
        permits = self.make(1, bucket)
        self.assertEqual([permits.grant(each) for each in "ab"], [True, False])
        self.assertEqual(bucket.take(5, 0.0), 1)

    def test_another_worker_is_faster(self) -> None:
        """Who may and then may not, since another did, gives its place back."""

        class Contended(Bucket):
            def wait(self, now: float) -> float:
                seconds = super().wait(now)
                self.take(1, now)  # by somebody else
                return seconds

        permits = self.make(1, Contended(1, 60))
        self.assertFalse(permits.grant("a"))
        self.assertEqual(self.limits.used, 0)
        self.assertAlmostEqual(permits.wait_seconds, 60, places=3)

    def test_given_back_once(self) -> None:
        """However often it is said, and nothing for who has none."""
        permits = self.make(3)
        permits.grant("a")
        permits.grant("b")
        for holder in "aac":
            permits.gone(holder)
        self.assertEqual(self.limits.used, 1)

    def test_declined(self) -> None:
        """A lane that wants no more is not told."""
        permits = self.make(1)
        permits.grant("a")
        permits.grant("b")
        permits.decline()
        permits.gone("a")
        self.assertEqual(self.told, 0)
