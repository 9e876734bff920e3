"""Connections counted together: never too many, nobody forgotten."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.config.views import LimitSettings
from mcmtpush.delivery.limit import Limits, Share
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
