"""The wrong-environment guard: both thresholds, in any batches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.guard import Guard
from tests.support.case import TestCase, readable


REMEDY = (
    "; probably certificate and gateway, or the tokens, belong to different"
    " environments (sandbox and production): correct that, then resume"
)


class FirstAnswersTests(TestCase):
    def test_unsure(self) -> None:
        """Only while every answer was invalid and `first` is not met."""
        guard = Guard(first=2)
        self.assertTrue(guard.unsure)
        guard.note(invalid=1)
        self.assertTrue(guard.unsure)
        guard.note(invalid=1)
        self.assertFalse(guard.unsure)
        guard.reset()
        self.assertTrue(guard.unsure)
        guard.note(other=1)
        self.assertFalse(guard.unsure)
        self.assertFalse(Guard(first=0).unsure)

    def test_all_invalid(self) -> None:
        """The twentieth invalid token in a row from the start trips it."""
        guard = Guard()
        for _ in range(19):
            guard.note(invalid=1)
        self.assertFalse(guard.tripped)
        self.assertEqual(guard.reason, "")
        guard.note(invalid=1)
        self.assertTrue(guard.tripped)
        self.assertEqual(
            guard.reason, 'the first 20 answers were all "invalid token"' + REMEDY
        )

    def test_one_batch(self) -> None:
        """Twenty at once are twenty."""
        guard = Guard()
        guard.note(invalid=20)
        self.assertTrue(guard.tripped)

    def test_one_good_answer_clears_the_environment(self) -> None:
        """An acceptance, or another refusal, ends this rule for good."""
        for good in ({"accepted": 1}, {"other": 1}):
            guard = Guard(window=0)
            guard.note(invalid=19)
            guard.note(**good)
            guard.note(invalid=1000)
            self.assertFalse(guard.tripped)

    def test_in_one_batch_the_good_answers_came_first(self) -> None:
        """As a connection settles: accepted, then the refused one."""
        guard = Guard(window=0)
        guard.note(accepted=1, invalid=1000)
        self.assertFalse(guard.tripped)

    def test_off(self) -> None:
        """0 switches this rule off and leaves the other."""
        guard = Guard(first=0)
        guard.note(invalid=79)
        self.assertFalse(guard.tripped)
        guard.note(invalid=1)
        self.assertEqual(
            guard.reason, '80 of the last 80 answers were "invalid token"' + REMEDY
        )


class ShareTests(TestCase):
    def test_of_the_last_hundred(self) -> None:
        """Eighty of a hundred trip it, seventy-nine do not, however old it is."""
        guard = Guard()
        guard.note(accepted=10_000)
        guard.note(invalid=79)
        self.assertFalse(guard.tripped)
        guard.note(invalid=1)
        self.assertEqual(
            guard.reason, '80 of the last 100 answers were "invalid token"' + REMEDY
        )

    def test_old_answers_fall_out(self) -> None:
        """Seventy-nine invalid tokens and twenty-one others, for ever, are borne."""
        guard = Guard()
        guard.note(accepted=1)
        for _ in range(50):
            guard.note(invalid=79)
            guard.note(accepted=11, other=10)
        self.assertFalse(guard.tripped)
        guard.note(invalid=80)
        self.assertTrue(guard.tripped)

    def test_before_the_window_is_full(self) -> None:
        """Eighty are eighty of the first hundred, whatever comes next."""
        guard = Guard()
        guard.note(accepted=1, invalid=79)
        self.assertFalse(guard.tripped)
        guard.note(invalid=1)
        self.assertIn("80 of the last 81 answers", guard.reason)

    def test_thresholds(self) -> None:
        """Given as numbers; rounding of the product does not add one."""
        for window, share, needed in (
            (10, 0.5, 5),
            (100, 0.07, 7),
            (3, 0.5, 2),
            (50, 1.0, 50),
            (1, 0.001, 1),
        ):
            guard = Guard(first=0, window=window, share=share)
            guard.note(accepted=1000, invalid=needed - 1)
            self.assertFalse(guard.tripped)
            guard.note(invalid=1)
            self.assertTrue(guard.tripped)

    def test_off(self) -> None:
        """A window or a share of 0 switches this rule off."""
        for guard in (Guard(0, 0, 0.8), Guard(0, 100, 0.0), Guard(0, -1, 0.8)):
            guard.note(invalid=10_000)
            self.assertFalse(guard.tripped)

    def test_a_share_above_one(self) -> None:
        """Cannot be reached."""
        guard = Guard(first=0, share=1.5)
        guard.note(invalid=10_000)
        self.assertFalse(guard.tripped)


class LifeTests(TestCase):
    def test_stays_tripped(self) -> None:
        """What is still on its way changes neither state nor reason."""
        guard = Guard()
        guard.note(invalid=20)
        reason = guard.reason
        guard.note(accepted=1000)
        guard.note(invalid=1000)
        self.assertEqual(guard.reason, reason)

    def test_reset(self) -> None:
        """After a resume both rules start from nothing, and apply again."""
        guard = Guard()
        guard.note(accepted=1, invalid=80)
        guard.reset()
        self.assertFalse(guard.tripped)
        guard.note(invalid=19)
        self.assertFalse(guard.tripped)
        guard.note(invalid=1)
        self.assertIn("the first 20 answers", guard.reason)

    def test_nothing_noted(self) -> None:
        """A batch without answers changes nothing."""
        guard = Guard()
        guard.note()
        guard.note(invalid=20)
        self.assertTrue(guard.tripped)

    def test_any_number_costs_the_same(self) -> None:
        """The memory of answers is the window, however large a batch is."""
        guard = Guard(first=0)
        guard.note(accepted=10**9)
        guard.note(other=10**9, invalid=79)
        self.assertLessEqual(guard._answers.bit_length(), guard.window)
        self.assertFalse(guard.tripped)

    @readable
    @given(
        first=st.integers(0, 5),
        window=st.integers(0, 8),
        share=st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
        batches=st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=12),
    )
    def test_batches_mean_their_answers_one_by_one(
        self,
        first: int,
        window: int,
        share: float,
        batches: list[tuple[int, int, int]],
    ) -> None:
        """A batch trips it exactly if its answers, one after another, would."""
        guard = Guard(first, window, share)
        answers: list[bool] = []
        tripped = False
        for accepted, other, invalid in batches:
            for answer in [False] * (accepted + other) + [True] * invalid:
                answers.append(answer)
                run = 0 < first == len(answers) and all(answers)
                count = sum(answers[-window:]) if window else 0
                tripped |= run or (share > 0 < count and count >= share * window)
            guard.note(accepted=accepted, other=other, invalid=invalid)
            self.assertEqual(guard.tripped, tripped)
