"""Rates: never above the count in any interval, and never needlessly below."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.config.views import ThrottleSettings
from mcmtpush.throttle import GRAINS, MARGIN_SECONDS, Bucket, Buckets
from tests.support.case import TestCase, readable


TICK = 1 / 1024
"""A quarter of a grain of a second; sums of it are exact in floating point."""


class BucketTests(TestCase):
    def test_a_burst_then_a_wait(self) -> None:
        """All at once, nothing for the rest of the interval, then all again."""
        bucket = Bucket(100, 60)
        self.assertEqual(bucket.wait(1000.0), 0)
        self.assertEqual(bucket.take(70, 1000.0), 70)
        self.assertEqual(bucket.take(70, 1030.0), 30)
        self.assertEqual(bucket.take(1, 1059.75), 0)
        self.assertEqual(bucket.wait(1059.75), 0.25 + MARGIN_SECONDS)
        self.assertEqual(bucket.take(100, 1060.0), 70)
        self.assertEqual(bucket.wait(1060.0), 30 + MARGIN_SECONDS)
        self.assertEqual(bucket.take(100, 1090.0), 30)

    def test_nothing_wanted(self) -> None:
        """Wanting nothing, or less, takes nothing."""
        bucket = Bucket(1, 1)
        self.assertEqual(bucket.take(0, 5.0), 0)
        self.assertEqual(bucket.take(-3, 5.0), 0)
        self.assertEqual(bucket.take(2, 5.0), 1)

    def test_give_back(self) -> None:
        """What was not used may be taken at once; older grants stay."""
        bucket = Bucket(10, 1)
        bucket.take(4, 0.0)
        self.assertEqual(bucket.take(10, 0.5), 6)
        bucket.give_back(5)
        self.assertEqual(bucket.wait(0.5), 0)
        self.assertEqual(bucket.take(10, 0.5), 5)
        self.assertEqual(bucket.take(10, 1.0), 4)

    def test_give_back_too_much(self) -> None:
        """No more comes back than the last take granted, and that once."""
        bucket = Bucket(10, 1)
        bucket.take(4, 0.0)
        bucket.take(3, 0.5)
        bucket.give_back(2)
        bucket.give_back(-1)
        bucket.give_back(100)
        bucket.give_back(1)
        self.assertEqual(bucket.take(10, 0.5), 6)
        self.assertEqual(bucket.take(1, 0.5), 0)
        bucket.give_back(1)
        self.assertEqual(bucket.take(1, 0.5), 0)

    def test_give_back_after_the_interval(self) -> None:
        """What is over already does not come back."""
        bucket = Bucket(2, 1)
        bucket.take(2, 0.0)
        self.assertEqual(bucket.wait(9.0), 0)
        bucket.give_back(2)
        self.assertEqual(bucket.take(9, 9.0), 2)

    def test_the_clock_goes_back(self) -> None:
        """No stall until it has caught up, and nothing is granted twice."""
        bucket = Bucket(5, 10)
        bucket.take(5, 1_000_000.0)
        self.assertEqual(bucket.take(5, 4000.0), 0)
        self.assertEqual(bucket.wait(4000.0), 10 + MARGIN_SECONDS)
        self.assertEqual(bucket.take(5, 4009.0), 0)
        self.assertEqual(bucket.take(5, 4010.0), 5)
        self.assertEqual(bucket.take(5, 1_000_000.0), 5)

    def test_memory_is_bounded(self) -> None:
        """However many takes an interval sees, and however long it is."""
        bucket = Bucket(10**9, 3600)
        for number in range(5000):
            bucket.take(1, number * 0.9)
        self.assertLessEqual(len(bucket._slots), GRAINS + 2)

    def test_full_pace(self) -> None:
        """Taking as often as possible, the rate is met but for a grain."""
        bucket = Bucket(1000, 1)
        granted, at = 0, 0.0
        while at < 10:
            granted += bucket.take(7, at)
            at += TICK
        self.assertGreater(granted, 10 * 1000 * (1 - 2 / GRAINS))
        self.assertLessEqual(granted, 10 * 1000)

    @readable
    @given(
        start=st.floats(-1e10, 1e10),
        count=st.integers(1, 3),
        seconds=st.integers(1, 10**5),
        steps=st.lists(st.floats(0, 1e5), max_size=5),
    )
    def test_who_waits_as_told_gets_one(
        self, start: float, count: int, seconds: int, steps: list[float]
    ) -> None:
        """After `wait` seconds a take succeeds, rounding or no rounding."""
        bucket, now = Bucket(count, seconds), start
        for step in [0.0, *steps]:
            now += step
            while not bucket.wait(now):
                self.assertGreater(bucket.take(1, now), 0)
            wait = bucket.wait(now)
            self.assertLessEqual(wait, seconds * (1 + 2 / GRAINS))
            # Ten digits before the point leave two microseconds of rounding.
            now += wait + (2e-6 if abs(now) > 1e9 else 0)
            self.assertGreater(bucket.take(1, now), 0)


class BucketMachine(RuleBasedStateMachine):
    """A bucket beside the list of all that it granted, in its own time."""

    @initialize(count=st.integers(1, 12), ticks=st.sampled_from([1024, 2048, 5120]))
    def start(self, count: int, ticks: int) -> None:
        self.count = count
        self.seconds = ticks * TICK
        self.bucket = Bucket(count, self.seconds)
        self.now = self.at = 0.0  # as told to the bucket; without steps back
        self.grants: list[tuple[float, int]] = []
        self.last = 0

    def used(self, seconds: float) -> int:
        """Granted in the last so many seconds, this instant included."""
        return sum(n for at, n in self.grants if self.at - at < seconds)

    @rule(wanted=st.integers(0, 15))
    def take(self, wanted: int) -> None:
        """Not more than is free, and not less but for one grain."""
        free = self.count - self.used(self.seconds)
        sure = self.count - self.used(self.seconds * (1 + 1 / GRAINS))
        granted = self.bucket.take(wanted, self.now)
        assert min(wanted, sure) <= granted <= min(wanted, free)
        self.grants.append((self.at, granted))
        self.last = granted

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """Some of the last take was not used."""
        count = data.draw(st.integers(1, self.last))
        self.bucket.give_back(count)
        at, granted = self.grants.pop()
        self.grants.append((at, granted - count))
        self.last -= count

    @rule(ticks=st.integers(0, 12) | st.integers(0, 6000))
    def time_passes(self, ticks: int) -> None:
        """Within a grain, or by several intervals; the bucket is asked at the end."""
        self.now += ticks * TICK
        self.at += ticks * TICK
        self.bucket.wait(self.now)
        self.last = 0

    @rule(ticks=st.integers(0, 10**6))
    def clock_goes_back(self, ticks: int) -> None:
        """From one time that the bucket was asked to the next."""
        self.now -= ticks * TICK
        self.bucket.wait(self.now)
        self.last = 0

    @rule()
    def wait_as_told(self) -> None:
        """One is free when the wait is over, and none before a grain of it."""
        wait = self.bucket.wait(self.now)
        if wait:
            assert self.used(self.seconds * (1 + 1 / GRAINS)) >= self.count
            self.time_passes(-int(-(wait - MARGIN_SECONDS) // TICK))
            assert self.bucket.wait(self.now) == 0

    @invariant()
    def never_above_the_rate(self) -> None:
        """The law, for every interval that begins with a grant."""
        for start, _ in self.grants:
            within = sum(
                n for at, n in self.grants if start <= at < start + self.seconds
            )
            assert within <= self.count


class BucketMachineTests(TestCase):
    @readable
    def test_any_life(self) -> None:
        """Never more than the count in any interval, whatever happens."""
        run_state_machine_as_test(
            BucketMachine, settings=settings(max_examples=80, stateful_step_count=40)
        )


class BucketsTests(TestCase):
    def test_one_bucket_for_each_object(self) -> None:
        """Shared by reference: equal settings do not share, the same one does."""
        one, other = ThrottleSettings(5, 1.0), ThrottleSettings(5, 1.0)
        buckets = Buckets()
        bucket = buckets.of(one)
        self.assertIsNotNone(bucket)
        self.assertIs(buckets.of(one), bucket)
        self.assertIsNot(buckets.of(other), bucket)

    def test_another_rate_of_one_definition(self) -> None:
        """What was granted before a change still counts, up and down."""
        buckets = Buckets()

        def take(count: int, wanted: int, now: float) -> int:
            bucket = buckets.of(ThrottleSettings(count, 10.0, "domain"))
            assert bucket is not None
            return bucket.take(wanted, now)

        self.assertEqual(take(5, 9, 0.0), 5)
        self.assertEqual(take(8, 9, 1.0), 3)
        self.assertEqual(take(2, 9, 2.0), 0)
        self.assertEqual(take(2, 9, 10.0), 0)
        self.assertEqual(take(2, 9, 11.0), 2)

    def test_the_rate(self) -> None:
        """Count and interval are the setting's."""
        bucket = Buckets().of(ThrottleSettings(100, 60.0))
        assert bucket is not None
        self.assertEqual(bucket.take(1000, 0.0), 100)
        self.assertEqual(bucket.take(1000, 59.0), 0)
        self.assertEqual(bucket.take(1000, 60.0), 100)

    def test_no_limit(self) -> None:
        """No throttle, or a count of 0, is no bucket."""
        buckets = Buckets()
        self.assertIsNone(buckets.of(None))
        self.assertIsNone(buckets.of(ThrottleSettings(0, 1.0)))

    def test_a_dropped_setting_lends_its_bucket_to_nobody(self) -> None:
        """Objects made anew may get an old id, never an old bucket."""
        buckets = Buckets()
        found = {id(buckets.of(ThrottleSettings(1, 1.0))) for _ in range(100)}
        self.assertEqual(len(found), 100)
