"""When a connection has taken nothing for too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.standstill import Standstill
from tests.support.case import TestCase, readable


class StandstillTests(TestCase):
    """Ten seconds are too long."""

    def setUp(self) -> None:
        self.standstill = Standstill(10.0)

    def lasts(self, now: float, *, blocked: bool = True, answers: int = 0) -> bool:
        return self.standstill.lasts(now, blocked=blocked, answers=answers)

    def test_lasts(self) -> None:
        """From the first time it was seen."""
        found = [self.lasts(now) for now in (5.0, 10.0, 14.9, 15.0, 16.0)]
        self.assertEqual(found, [False, False, False, True, True])

    def test_room_ends_it(self) -> None:
        """Once it takes something, time begins anew."""
        self.lasts(0.0)
        self.assertFalse(self.lasts(9.0, blocked=False))
        self.assertFalse(self.lasts(10.0))
        self.assertTrue(self.lasts(20.0))

    def test_an_answer_ends_it(self) -> None:
        """So it does when something was answered meanwhile."""
        self.lasts(0.0)
        self.assertFalse(self.lasts(9.0, answers=1))
        self.assertFalse(self.lasts(18.0, answers=1))
        self.assertTrue(self.lasts(19.0, answers=1))

    @readable
    @given(st.lists(st.tuples(st.booleans(), st.booleans())))
    def test_agrees_with_a_look_back(self, seconds: list[tuple[bool, bool]]) -> None:
        """Second by second: it lasts if the last ten were blocked, unanswered ones."""
        standstill, answers = Standstill(10.0), 0
        for now, (blocked, answered) in enumerate(seconds):
            answers += answered
            told = standstill.lasts(float(now), blocked=blocked, answers=answers)
            past = seconds[max(0, now - 10) : now + 1]
            since = all(each for each, _ in past)
            quiet = not any(each for _, each in past[1:])
            self.assertEqual(told, len(past) == 11 and since and quiet)
