"""Connections counted together: never too many, nobody forgotten, over workers too."""

from __future__ import annotations

import gc
from collections.abc import Collection
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock

from mcmtpush.config.views import LimitSettings
from mcmtpush.delivery.limit import TRIES, Limits, Share
from mcmtpush.shared.places import SharedPlaces
from mcmtpush.shared.roster import forget
from tests.shared.hands import Hands, room
from tests.support.case import TestCase, readable


class Lane:
    """Notes what it is told."""

    def __init__(self, limits: Limits, *bounds: LimitSettings | None) -> None:
        self.told = 0
        self.pressed = 0
        self.share: Share = limits.share(bounds, free=self.free, yield_one=self.press)

    def free(self) -> None:
        self.told += 1

    def press(self) -> None:
        self.pressed += 1

    def take(self, count: int) -> int:
        """How many of so many were to be had."""
        return sum(self.share.take() for _ in range(count))


class LimitsTests(TestCase):
    def test_the_server(self) -> None:
        """All lanes together have no more than the process may have."""
        limits = Limits(5)
        one, two = Lane(limits), Lane(limits, None, None)
        self.assertEqual(one.take(3), 3)
        self.assertEqual(two.take(3), 2)
        self.assertEqual((limits.used, one.share.used, two.share.used), (5, 3, 2))
        self.assertTrue(one.share.full)

    def test_what_is_shared(self) -> None:
        """The same object is counted together, an equal one is not."""
        limits, bound, equal = Limits(100), LimitSettings(2), LimitSettings(2)
        one, two, three = (Lane(limits, each) for each in (bound, bound, equal))
        self.assertEqual([one.take(1), two.take(5), three.take(5)], [1, 1, 2])

    def test_another_number_of_one_definition(self) -> None:
        """What is counted goes on; a lower number lets nobody in until it is met."""
        limits = Limits(100)
        one = Lane(limits, LimitSettings(3, "domain"))
        self.assertEqual(one.take(5), 3)
        two = Lane(limits, LimitSettings(2, "domain"))
        self.assertEqual(two.take(1), 0)
        one.share.give_back()
        self.assertEqual((two.told, two.take(1)), (0, 0))
        one.share.give_back()
        self.assertEqual((two.told, two.take(1)), (1, 1))
        three = Lane(limits, LimitSettings(5, "domain"))
        self.assertEqual(three.take(9), 3)

    def test_another_number_of_the_server(self) -> None:
        """Who waits is told when there may be more; fewer is met by and by."""
        limits = Limits(1)
        one, two = Lane(limits), Lane(limits)
        self.assertEqual((one.take(1), two.take(1)), (1, 0))
        limits.resize(2)
        self.assertEqual((two.told, two.take(2)), (1, 1))
        limits.resize(1)
        two.share.decline()
        one.share.give_back()
        self.assertEqual(one.take(1), 0)
        two.share.give_back()
        self.assertEqual(one.take(1), 1)

    def test_every_limit(self) -> None:
        """A lane is bound by each of its limits."""
        limits, binding, scope = Limits(100), LimitSettings(3), LimitSettings(2)
        both, one = Lane(limits, binding, scope), Lane(limits, binding)
        self.assertEqual([both.take(5), one.take(5)], [2, 1])

    def test_none_at_all(self) -> None:
        """A limit of 0 is one."""
        self.assertEqual(Lane(Limits(9), LimitSettings(0)).take(1), 0)

    def test_first_in_line_is_told(self) -> None:
        """A place that is given back is kept for who asked first, and no other."""
        limits = Limits(1)
        first, second, third = Lane(limits), Lane(limits), Lane(limits)
        for lane in (first, second, third, second):
            lane.take(1)
        first.share.give_back()
        self.assertEqual([second.told, third.told], [1, 0])
        self.assertEqual([first.take(1), third.take(1)], [0, 0])
        self.assertEqual([second.take(1), limits.used], [1, 1])
        second.share.give_back()
        self.assertEqual(third.told, 1)

    def test_who_has_fewest_is_told(self) -> None:
        """Wherever it stands in line; so what a lane gave up is not its again."""
        limits = Limits(3)
        rich, poor = Lane(limits), Lane(limits)
        rich.take(4)
        poor.take(1)
        self.assertEqual(rich.pressed, 1)
        rich.share.give_back()
        self.assertEqual([rich.told, poor.told], [0, 1])

    def test_a_long_line(self) -> None:
        """Whoever gives a place back does not ask all that wait."""
        limits, asked = Limits(1), []
        ask = Share.may_have_one

        def note(share: Share, taken: Collection[str]) -> bool:
            asked.append(share)
            return ask(share, taken)

        holder, *waiting = [Lane(limits) for _ in range(100)]
        holder.take(1)
        for each in waiting:
            each.take(1)
        self.patch(Share, "may_have_one", note)
        holder.share.give_back()
        self.assertEqual([each.told for each in waiting], [1] + [0] * 98)
        self.assertEqual(asked, [waiting[0].share])

    def test_passed_over(self) -> None:
        """Who would find another of its limits full is not told."""
        limits, bound = Limits(2), LimitSettings(1)
        holder, free = Lane(limits, bound), Lane(limits)
        holder.take(1)
        free.take(1)
        stuck, fit = Lane(limits, bound), Lane(limits)
        self.assertEqual([stuck.take(1), fit.take(1)], [0, 0])
        free.share.give_back()
        self.assertEqual([stuck.told, fit.told], [0, 1])
        fit.share.take()
        holder.share.give_back()
        self.assertEqual(stuck.told, 1)

    def test_several_are_told(self) -> None:
        """A place that stood in several limits is told in each of them."""
        limits, one, two = Limits(9), LimitSettings(1), LimitSettings(1)
        both, first, second = (
            Lane(limits, *bounds) for bounds in ((one, two), (one,), (two,))
        )
        self.assertEqual([each.take(1) for each in (both, first, second)], [1, 0, 0])
        both.share.give_back()
        self.assertEqual([first.told, second.told], [1, 1])
        self.assertEqual([each.take(1) for each in (first, second)], [1, 1])

    def test_declined(self) -> None:
        """A kept place that is not wanted any more goes to the next in line."""
        limits = Limits(1)
        first, second, third = Lane(limits), Lane(limits), Lane(limits)
        for lane in (first, second, third):
            lane.take(1)
        first.share.give_back()
        second.share.decline()
        self.assertEqual([third.told, third.take(1)], [1, 1])
        third.share.decline()
        self.assertEqual(limits.used, 1)
        third.share.give_back()
        self.assertEqual([limits.used, second.told], [0, 1])

    def test_who_has_nothing_presses(self) -> None:
        """The lane with most is asked for one, once; with a single one nobody is."""
        limits = Limits(5)
        most, some, none = Lane(limits), Lane(limits), Lane(limits)
        most.take(3)
        some.take(2)
        none.take(1)
        none.take(1)
        self.assertEqual([most.pressed, some.pressed], [1, 0])
        most.share.give_back()
        self.assertEqual(none.take(1), 1)
        some.take(1)
        self.assertEqual([most.pressed, some.pressed], [1, 0])
        fair = Limits(1)
        Lane(fair).take(1)
        Lane(fair).take(1)


class LimitMachine(RuleBasedStateMachine):
    """Lanes under overlapping limits, against plain sums."""

    @initialize(server=st.integers(0, 6), counts=st.tuples(*[st.integers(0, 4)] * 2))
    def begin(self, server: int, counts: tuple[int, int]) -> None:
        self.server = server
        self.limits = Limits(server)
        first, second = map(LimitSettings, counts)
        self.bounds = [(), (first,), (second,), (first, second), (first,)]
        self.lanes = [Lane(self.limits, *bounds) for bounds in self.bounds]
        self.open = [0] * 5
        self.waits = [False] * 5

    @rule(index=st.integers(0, 4))
    def take(self, index: int) -> None:
        lane = self.lanes[index]
        got = lane.share.take()
        self.open[index] += got
        self.waits[index] = not got
        if got:
            lane.told = 0

    @rule(index=st.integers(0, 4))
    def give_back(self, index: int) -> None:
        if self.open[index]:
            self.open[index] -= 1
            self.lanes[index].share.give_back()

    @rule(index=st.integers(0, 4))
    def decline(self, index: int) -> None:
        self.waits[index] = False
        self.lanes[index].told = 0
        self.lanes[index].share.decline()

    @invariant()
    def never_too_many(self) -> None:
        """What is open and what is kept for those that were told is within limits."""
        used = [have + bool(lane.told) for have, lane in zip(self.open, self.lanes)]  # noqa: B905
        assert used == [lane.share.used for lane in self.lanes]
        assert sum(used) == self.limits.used <= self.server
        for bound in {id(b): b for bs in self.bounds for b in bs}.values():
            held = sum(n for n, bs in zip(used, self.bounds) if bound in bs)  # noqa: B905
            assert held <= bound.count
        for waits, lane in zip(self.waits, self.lanes):  # noqa: B905
            assert lane.told <= 1
            if waits and not lane.told:
                assert lane.share.full, "there is a place and nobody said so"


class LimitMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whoever comes and goes, sums hold and nobody waits for nothing."""
        run_state_machine_as_test(
            LimitMachine, settings=settings(max_examples=60, stateful_step_count=40)
        )


class Busy:
    """A lane that always wants `wish` connections; a stopped one takes a while."""

    def __init__(
        self, limits: Limits, clock: Clock, wish: int, alone: LimitSettings
    ) -> None:
        self.clock, self.wish = clock, wish
        self.held, self.seconds = 0, 0.0
        self.share = limits.share((), alone=alone, free=self.soon, yield_one=self.stop)

    def soon(self) -> None:
        self.clock.callLater(0, self.work)

    def work(self) -> None:
        while self.held < self.wish and self.share.take():
            self.held += 1
        if self.held >= self.wish:
            self.share.decline()

    def stop(self) -> None:
        self.clock.callLater(0.5, self.close)

    def close(self) -> None:
        self.held -= 1
        self.share.give_back()
        self.clock.callLater(0.01, self.work)


class WorkersCase(TestCase):
    """Several workers on one clock."""

    def setUp(self) -> None:
        self.hands = Hands()
        self.addCleanup(self.hands.close)
        self.clock = self.hands.clock

    def limits(self, worker: int, server: int = 100) -> Limits:
        ledger = self.hands.ledger(worker)
        return Limits(server, SharedPlaces(ledger, self.clock, Random(worker)))


class SharedLimitsTests(WorkersCase):
    def busy(self, workers: int, most: int, wish: int) -> list[Busy]:
        """A lane of one queue in each worker."""
        lanes = [
            Busy(self.limits(worker), self.clock, wish, LimitSettings(most, "queue"))
            for worker in range(workers)
        ]
        for lane in lanes:
            lane.work()
        return lanes

    def run_for(self, seconds: float, lanes: list[Busy], most: int) -> None:
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)
            for lane in lanes:
                lane.seconds += lane.held * 0.05
            self.assertLessEqual(sum(lane.held for lane in lanes), most)

    def test_one_connection_for_two_workers(self) -> None:
        """They take turns, however busy both are."""
        lanes = self.busy(2, most=1, wish=4)
        self.assertEqual([lane.held for lane in lanes], [1, 0])
        self.run_for(120, lanes, 1)
        for lane in lanes:
            self.assertGreater(lane.seconds, 0.4 * 120)

    def test_fewer_connections_than_workers(self) -> None:
        """Each has its time."""
        lanes = self.busy(4, most=3, wish=2)
        self.run_for(240, lanes, 3)
        for lane in lanes:
            self.assertGreater(lane.seconds, 0.6 * 240 * 3 / 4)

    def test_equal_parts(self) -> None:
        """The first comes down to what the others have, and then nobody is pressed."""
        lanes = self.busy(4, most=10, wish=10)
        self.assertEqual([lane.held for lane in lanes], [10, 0, 0, 0])
        self.run_for(60, lanes, 10)
        self.assertEqual(sorted(lane.held for lane in lanes), [2, 2, 3, 3])
        before = [lane.held for lane in lanes]
        self.run_for(30, lanes, 10)
        self.assertEqual([lane.held for lane in lanes], before)

    def test_who_wants_few(self) -> None:
        """The others have what it leaves."""
        lanes = self.busy(2, most=10, wish=10)
        self.run_for(60, lanes, 10)
        self.assertEqual([lane.held for lane in lanes], [5, 5])
        lanes[0].wish = 2
        for _ in range(3):
            lanes[0].close()
        self.run_for(2, lanes, 10)
        self.assertEqual([lane.held for lane in lanes], [2, 8])

    def test_a_worker_that_died(self) -> None:
        """The others have its places once it is forgotten."""
        lanes = self.busy(2, most=4, wish=4)
        self.run_for(30, lanes, 4)
        self.assertEqual([lane.held for lane in lanes], [2, 2])
        timer = lanes[0].share._line.places._timer  # type: ignore[attr-defined]
        timer.cancel()
        forget(self.hands.ledger(-1), 0)
        self.run_for(1, lanes[1:], 4)
        self.assertEqual(lanes[1].held, 4)

    def test_what_one_queue_may_have(self) -> None:
        """Counts over workers, and by itself only where there are others."""
        alone = LimitSettings(3, "queue")
        counts = []
        for limits in (self.limits(0), self.limits(1), Limits(100), Limits(100)):
            lane = Busy(limits, self.clock, 4, alone)
            lane.work()
            counts.append(lane.held)
        self.assertEqual(counts, [3, 0, 4, 4])

    def test_another_number(self) -> None:
        """What every worker was told by the newest configuration counts."""
        first, second = self.limits(0), self.limits(1)
        one, two = Lane(first, LimitSettings(2, "q")), Lane(second)
        self.assertEqual(one.take(3), 2)
        again = [Lane(each, LimitSettings(3, "q")) for each in (first, second)]
        self.assertEqual([each.take(2) for each in again], [1, 0])
        first.resize(4)
        second.resize(4)
        self.assertEqual(two.take(2), 1)

    def test_full(self) -> None:
        """Also when others have it all."""
        one, two = (Lane(self.limits(each), LimitSettings(1, "q")) for each in (0, 1))
        self.assertFalse(two.share.full)
        one.take(1)
        self.assertTrue(two.share.full)

    def test_own_lanes(self) -> None:
        """A lane with nothing presses one of its own worker that has more."""
        first = self.limits(0, 4)
        rich, poor = Lane(first), Lane(first)
        other = Lane(self.limits(1, 4))
        self.assertEqual((rich.take(2), other.take(2), poor.take(1)), (2, 2, 0))
        self.assertEqual(rich.pressed, 1)
        rich.share.give_back()
        self.assertEqual(poor.told, 1)

    def test_many_lanes_wait(self) -> None:
        """Each that others stand in the way of is asked for sooner or later."""
        first, second = self.limits(0), self.limits(1)
        bounds = [LimitSettings(1, number) for number in range(3 * TRIES)]
        holders = [Lane(first, bound) for bound in bounds]
        waiting = [Lane(second, bound) for bound in bounds]
        for lane in holders + waiting:
            lane.take(1)
        self.clock.advance(0.01)
        for lane in holders:
            lane.share.give_back()
        for _ in range(8):
            self.clock.advance(0.25)
        self.assertEqual([lane.told for lane in waiting], [1] * len(waiting))

    def test_in_trouble(self) -> None:
        """Nobody gets one, and whoever waits does once all is well."""
        self.hands.listen(self)
        lane = Lane(self.limits(0))
        with room(100):
            self.assertEqual(lane.take(1), 0)
        self.assertEqual(lane.told, 0)
        for _ in range(4):
            self.clock.advance(0.25)
        self.assertEqual(lane.told, 1)

    def test_no_limit_is_kept_for_good(self) -> None:
        """Queues come and go."""
        limits = self.limits(0)
        for number in range(50):
            lane = Busy(limits, self.clock, 1, LimitSettings(1, number))
            lane.work()
            lane.share.give_back()
        del lane
        gc.collect()
        self.assertEqual(len(limits._others), 0)


class SharedLimitMachine(LimitMachine):
    """The same lanes, in three workers; whoever was pressed does nothing."""

    @initialize(server=st.integers(0, 6), counts=st.tuples(*[st.integers(0, 4)] * 2))
    def begin(self, server: int, counts: tuple[int, int]) -> None:
        super().begin(server, counts)
        self.hands = Hands()
        clock = self.hands.clock
        self.all = [
            Limits(server, SharedPlaces(self.hands.ledger(each), clock, Random(each)))
            for each in range(3)
        ]
        first, second = LimitSettings(counts[0], "1"), LimitSettings(counts[1], "2")
        self.bounds = [(), (first,), (second,), (first, second), (first,)]
        self.lanes = [
            Lane(self.all[at % 3], *bounds) for at, bounds in enumerate(self.bounds)
        ]

    @rule()
    def pass_time(self) -> None:
        self.hands.clock.pump([0.1] * 10)

    @invariant()
    def never_too_many(self) -> None:
        used = [have + bool(lane.told) for have, lane in zip(self.open, self.lanes)]  # noqa: B905
        assert used == [lane.share.used for lane in self.lanes]
        assert sum(used) == sum(each.used for each in self.all) <= self.server
        for bound in {id(b): b for bs in self.bounds for b in bs}.values():
            held = sum(n for n, bs in zip(used, self.bounds) if bound in bs)  # noqa: B905
            assert held <= bound.count

    def teardown(self) -> None:
        """Given time, whoever waits has a place or finds a limit reached."""
        self.hands.clock.pump([0.25] * 40)
        self.never_too_many()
        for waits, lane in zip(self.waits, self.lanes):  # noqa: B905
            if waits and not lane.told:
                assert lane.share.full, "there is a place and nobody said so"
        self.hands.close()


class SharedLimitMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Over all workers sums hold, and nobody waits for nothing."""
        run_state_machine_as_test(
            SharedLimitMachine,
            settings=settings(max_examples=60, stateful_step_count=30),
        )
