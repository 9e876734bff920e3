"""Whose turn it is: nobody waits for nothing, nobody keeps what others lack."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.shared.turn import SLICE_SECONDS, Want, has_turn, must_yield
from tests.support.case import TestCase, readable


WORKERS = st.integers(1, 5)


class TurnTests(TestCase):
    def test_room(self) -> None:
        """As many as there may be, over all workers."""
        mine = Want(1, 5.0, 3)
        self.assertTrue(has_turn(mine, {}, []))
        self.assertTrue(has_turn(mine, {1: 1, 2: 1}, []))
        self.assertFalse(has_turn(mine, {1: 1, 2: 2}, []))
        self.assertFalse(has_turn(mine, {2: 4}, []))
        self.assertFalse(has_turn(Want(1, 5.0, 0), {}, []))

    def test_fewest_first(self) -> None:
        """What is free is left to who has fewer, not to who has more."""
        used = {1: 2, 2: 1, 3: 1}
        self.assertFalse(has_turn(Want(1, 1.0, 5), used, [Want(2, 9.0, 5)]))
        self.assertTrue(has_turn(Want(2, 9.0, 5), used, [Want(1, 1.0, 5)]))
        self.assertTrue(has_turn(Want(1, 1.0, 6), used, [Want(2, 9.0, 6)]))

    def test_first_come(self) -> None:
        """Among those with equally many."""
        one, two = Want(1, 1.0, 1), Want(2, 2.0, 1)
        self.assertTrue(has_turn(one, {}, [two]))
        self.assertFalse(has_turn(two, {}, [one]))

    def test_who_has_most_yields(self) -> None:
        """At once if it has two more; not for who has nearly as many."""
        want = Want(3, 10.0, 5)
        self.assertTrue(must_yield(1, {1: 3, 2: 1, 3: 1}, want, 10.0))
        self.assertFalse(must_yield(2, {1: 3, 2: 1, 3: 1}, want, 10.0))
        self.assertFalse(must_yield(1, {1: 2, 2: 2, 3: 1}, want, 1000.0))
        self.assertFalse(must_yield(1, {1: 3, 3: 1}, want, 10.0), "one is free")
        self.assertFalse(must_yield(1, {}, want, 10.0))

    def test_who_has_none(self) -> None:
        """It gets its slice of time, also from who has one only."""
        want, used = Want(2, 10.0, 1), {1: 1}
        self.assertFalse(must_yield(1, used, want, 9.9 + SLICE_SECONDS))
        self.assertTrue(must_yield(1, used, want, 10.0 + SLICE_SECONDS))

    @readable
    @given(
        used=st.dictionaries(WORKERS, st.integers(1, 4)),
        wants=st.dictionaries(WORKERS, st.floats(0, 100), min_size=1),
        spare=st.integers(-2, 4),
    )
    def test_a_free_place_is_somebodys(
        self, used: dict[int, int], wants: dict[int, float], spare: int
    ) -> None:
        """Of those who wait as many may take one as there are places; no more."""
        most = max(0, sum(used.values()) + spare)
        waiting = [Want(worker, since, most) for worker, since in wants.items()]
        turns = [
            has_turn(each, used, [other for other in waiting if other is not each])
            for each in waiting
        ]
        free = max(0, most - sum(used.values()))
        self.assertGreaterEqual(sum(turns), min(free, len(waiting)))
        if len({(used.get(each.worker, 0), each.since) for each in waiting}) == len(
            waiting
        ):
            self.assertEqual(sum(turns), min(free, len(waiting)))
