"""Rates over several workers: the law of one bucket, whoever asks."""

from __future__ import annotations

from itertools import cycle
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.config.views import ThrottleSettings
from mcmtpush.shared import window
from mcmtpush.shared.ledger import REST_SECONDS, Rows
from mcmtpush.shared.window import SharedBucket, SharedBuckets
from mcmtpush.throttle import GRAINS, MARGIN_SECONDS, Bucket
from tests.shared.hands import Hands, room
from tests.support.case import TestCase, readable
from tests.test_throttle import TICK, BucketMachine


def rows_of(table: str) -> object:
    """A look at how many rows a table has."""

    def look(rows: Rows) -> int:
        return int(rows.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return look


class SharedBucketTests(TestCase):
    def setUp(self) -> None:
        self.hands = Hands()
        self.hands.listen(self)
        self.addCleanup(self.hands.close)
        self.clock = self.hands.clock
        self.ledgers = [self.hands.ledger(number) for number in range(3)]
        self.workers = [SharedBuckets(ledger) for ledger in self.ledgers]

    def of(
        self, worker: int, count: int, seconds: float = 60.0, definition: str = "rate"
    ) -> SharedBucket:
        rate = ThrottleSettings(count, seconds, ("domain", definition))
        bucket = self.workers[worker].of(rate)
        assert bucket is not None
        return bucket

    def take(self, bucket: SharedBucket, wanted: int) -> int:
        return bucket.take(wanted, self.clock.seconds())

    def wait(self, bucket: SharedBucket) -> float:
        return bucket.wait(self.clock.seconds())

    def test_together(self) -> None:
        """What one worker takes another cannot; all wait for the same instant."""
        one, two = self.of(0, 100), self.of(1, 100)
        self.assertEqual(self.wait(one), 0)
        self.assertEqual(self.take(one, 70), 70)
        self.clock.advance(30)
        self.assertEqual(self.take(two, 70), 30)
        self.clock.advance(29.75)
        self.assertEqual([self.take(each, 1) for each in (one, two)], [0, 0])
        self.assertEqual(self.wait(one), 0.25 + MARGIN_SECONDS)
        self.assertEqual(self.wait(two), 0.25 + MARGIN_SECONDS)
        self.clock.advance(0.25)
        self.assertEqual((self.wait(one), self.take(one, 100)), (0, 70))
        self.assertEqual(self.wait(two), 30 + MARGIN_SECONDS)

    def test_nothing_wanted(self) -> None:
        """Wanting nothing, or less, takes nothing and does not ask."""
        bucket = self.of(0, 1)
        self.assertEqual([self.take(bucket, each) for each in (0, -3)], [0, 0])
        self.assertEqual(self.ledgers[0].editions, 0)
        self.assertEqual(self.take(bucket, 2), 1)

    def test_give_back(self) -> None:
        """What one did not use another may have, also when that took meanwhile."""
        one, two = self.of(0, 10), self.of(1, 10)
        self.assertEqual((self.take(one, 7), self.take(two, 2)), (7, 2))
        one.give_back(5)
        self.assertEqual(self.take(two, 9), 6)
        one.give_back(9)
        one.give_back(1)
        self.assertEqual(self.take(two, 9), 2)
        two.give_back(-1)
        self.assertEqual(self.take(one, 1), 0)

    def test_give_back_all(self) -> None:
        """A slot that was emptied is used again, and its emptiness not waited for."""
        one, two = self.of(0, 10), self.of(1, 10)
        self.take(one, 4)
        self.clock.advance(1)
        self.take(one, 6)
        one.give_back(6)
        self.assertEqual(self.take(two, 9), 6)
        self.assertEqual(self.wait(two), 59 + MARGIN_SECONDS)
        two.give_back(6)
        self.clock.advance(59)
        self.assertEqual(self.take(one, 20), 10)

    def test_give_back_after_the_interval(self) -> None:
        """What is over already does not come back."""
        one, two = self.of(0, 2), self.of(1, 2)
        self.take(one, 2)
        self.clock.advance(61)
        self.assertEqual(self.take(two, 2), 2)
        one.give_back(2)
        self.assertEqual(self.take(one, 2), 0)

    def test_an_old_clock(self) -> None:
        """Who read its clock before it had to wait gets nothing out of it."""
        one, two = self.of(0, 2, 10.0), self.of(1, 2, 10.0)
        self.clock.advance(100)
        self.assertEqual(one.take(2, 100.0), 2)
        self.assertEqual((two.take(2, 50.0), two.wait(50.0)), (0, 10 + MARGIN_SECONDS))
        self.clock.advance(10)
        self.assertEqual(two.take(2, 100.0), 2)
        self.assertEqual(one.take(2, 110.0), 0)

    def test_another_rate_of_one_definition(self) -> None:
        """What was granted before a change still counts, up and down."""
        steps = [(0, 5, 5), (1, 8, 3), (2, 2, 0), (1, 2, 0)]
        for worker, count, granted in steps:
            self.assertEqual(self.take(self.of(worker, count, 10.0), 9), granted)
            self.clock.advance(1)
        self.clock.advance(6)
        self.assertEqual(self.take(self.of(0, 2, 10.0), 9), 0)
        self.clock.advance(1)
        self.assertEqual(self.take(self.of(2, 2, 10.0), 9), 2)

    def test_definitions(self) -> None:
        """The same one shares, whatever its rate; another does not; none is none."""
        self.assertIs(self.of(0, 5), self.of(0, 6))
        self.assertEqual(self.take(self.of(0, 5), 9), 5)
        self.assertEqual(self.take(self.of(1, 5, definition="other"), 9), 5)
        self.assertIsNone(self.workers[0].of(None))
        self.assertIsNone(self.workers[0].of(ThrottleSettings(0, 1.0)))

    def test_memory_is_bounded(self) -> None:
        """However many takes an interval sees, whoever takes."""
        buckets = cycle([self.of(each, 10**9, 3600.0) for each in range(3)])
        for _ in range(5000):
            self.take(next(buckets), 1)
            self.clock.advance(0.9)
        look = rows_of("slot")
        self.assertLessEqual(self.ledgers[0].look(look, -1), GRAINS + 2)

    def test_what_is_over_is_removed(self) -> None:
        """Of many definitions only those are kept of which something counts."""
        self.patch(window, "SWEEP", 10)
        for number in range(50):
            self.take(self.of(0, 5, 10.0, str(number)), 1)
        self.take(self.of(1, 5, 100.0, "long"), 1)
        self.assertEqual(self.ledgers[0].look(rows_of("rate"), -1), 51)
        self.clock.advance(11)
        for _ in range(10):
            self.take(self.of(2, 500, 1.0, "other"), 1)
        self.assertEqual(self.ledgers[0].look(rows_of("rate"), -1), 2)
        self.assertEqual(self.ledgers[0].look(rows_of("slot"), -1), 2)
        self.assertEqual(self.take(self.of(0, 5, 10.0, "7"), 9), 5)

    def test_a_new_ledger_grants_nothing_at_first(self) -> None:
        """What was granted before it got lost may still count."""
        one, two = self.of(0, 5, 10.0), self.of(1, 5, 10.0)
        self.clock.advance(100)
        self.take(one, 5)
        self.hands.path.unlink()
        self.assertEqual((self.take(two, 5), self.take(one, 5)), (0, 0))
        self.assertEqual(self.wait(two), 10 + MARGIN_SECONDS)
        self.clock.advance(9)
        self.assertEqual(self.wait(one), 1 + MARGIN_SECONDS)
        self.clock.advance(1)
        self.assertEqual((self.take(two, 9), self.take(one, 9)), (5, 0))

    def test_no_ledger(self) -> None:
        """Nothing is granted; it is worth asking again soon, and then it goes on."""
        bucket = self.of(0, 5)
        self.assertEqual(self.take(bucket, 2), 2)
        with room(100):
            self.assertEqual(self.take(bucket, 2), 0)
            self.assertEqual(self.wait(bucket), REST_SECONDS)
            bucket.give_back(2)
        self.clock.advance(REST_SECONDS)
        self.assertEqual(self.take(bucket, 9), 3)

    def test_not_given_back(self) -> None:
        """What cannot be noted is lost, and never granted twice."""
        bucket = self.of(0, 5)
        self.assertEqual(self.take(bucket, 4), 4)
        with room(100):
            bucket.give_back(3)
        self.clock.advance(REST_SECONDS)
        self.assertEqual(self.take(self.of(1, 5), 9), 1)

    def test_full_pace(self) -> None:
        """Workers that take as often as possible meet the rate but for a grain."""
        dice, granted = Random(1), 0
        buckets = [self.of(each, 1000, 1.0) for each in range(3)]
        while self.clock.seconds() < 5:
            granted += self.take(dice.choice(buckets), 7)
            self.clock.advance(TICK)
        self.assertGreater(granted, 5 * 1000 * (1 - 2 / GRAINS))
        self.assertLessEqual(granted, 5 * 1000)


class SeveralHands:
    """Looks like one bucket; every call is another worker's."""

    def __init__(self, hands: Hands, count: int, seconds: float) -> None:
        self.hands = hands
        rate = ThrottleSettings(count, seconds, "rate")
        buckets = [SharedBuckets(hands.ledger(each)).of(rate) for each in range(3)]
        self.turns = cycle([bucket for bucket in buckets if bucket])
        self.last = next(self.turns)

    def take(self, wanted: int, now: float) -> int:
        self.last = next(self.turns)
        return self.last.take(wanted, now)

    def give_back(self, count: int) -> None:
        self.last.give_back(count)

    def wait(self, now: float) -> float:
        self.hands.clock.advance(max(0.0, now - self.hands.clock.seconds()))
        return next(self.turns).wait(now)


class SharedBucketMachine(BucketMachine):
    """The law of one bucket, with three workers that take turns."""

    hands: Hands

    @initialize(count=st.integers(1, 12), ticks=st.sampled_from([1024, 2048, 5120]))
    def start(self, count: int, ticks: int) -> None:
        super().start(count, ticks)
        self.hands = Hands()
        self.bucket = SeveralHands(self.hands, count, self.seconds)  # type: ignore[assignment]

    @rule(ticks=st.integers(0, 10**6))
    def clock_goes_back(self, ticks: int) -> None:
        """Somebody read its clock long ago: that of all is what counts."""
        assert self.bucket.wait(self.now - ticks * TICK) == self.bucket.wait(self.now)

    def teardown(self) -> None:
        self.hands.close()


class LikeOneMachine(RuleBasedStateMachine):
    """Three workers beside one bucket that all of them might have asked."""

    @initialize(count=st.integers(1, 12), ticks=st.sampled_from([1024, 2048, 5120]))
    def start(self, count: int, ticks: int) -> None:
        self.hands, self.count = Hands(), count
        self.seconds = ticks * TICK
        self.one = Bucket(count, self.seconds)
        self.workers = [SharedBuckets(self.hands.ledger(each)) for each in range(3)]
        self.rate = ThrottleSettings(count, self.seconds, "rate")
        self.last: tuple[int, int] | None = None

    def bucket(self, worker: int) -> SharedBucket:
        bucket = self.workers[worker].of(self.rate)
        assert bucket is not None
        return bucket

    @rule(worker=st.integers(0, 2), wanted=st.integers(0, 15))
    def take(self, worker: int, wanted: int) -> None:
        now = self.hands.clock.seconds()
        granted = self.bucket(worker).take(wanted, now)
        assert granted == self.one.take(wanted, now)
        self.last = worker, granted

    @precondition(lambda self: self.last)
    @rule(count=st.integers(0, 15))
    def give_back(self, count: int) -> None:
        assert self.last is not None
        self.bucket(self.last[0]).give_back(count)
        self.one.give_back(count)

    @rule(ticks=st.integers(0, 12) | st.integers(0, 6000))
    def time_passes(self, ticks: int) -> None:
        self.hands.clock.advance(ticks * TICK)
        self.last = None

    @rule(worker=st.integers(0, 2))
    def wait(self, worker: int) -> None:
        now = self.hands.clock.seconds()
        assert self.bucket(worker).wait(now) == self.one.wait(now)
        self.last = None

    @rule(count=st.integers(1, 12))
    def another_rate(self, count: int) -> None:
        self.rate = ThrottleSettings(count, self.seconds, "rate")
        self.one.count = count

    @rule(worker=st.integers(0, 2))
    def begin_anew(self, worker: int) -> None:
        """It died and was replaced."""
        self.workers[worker] = SharedBuckets(self.hands.ledger(worker))
        self.last = None

    def teardown(self) -> None:
        self.hands.close()


class SharedMachineTests(TestCase):
    @readable
    def test_the_law(self) -> None:
        """Never above the count in any interval, never needlessly below."""
        run_state_machine_as_test(
            SharedBucketMachine, settings=settings(stateful_step_count=30)
        )

    @readable
    def test_like_one(self) -> None:
        """Whoever asks gets what one bucket for all would have given."""
        run_state_machine_as_test(
            LikeOneMachine, settings=settings(stateful_step_count=30)
        )
