"""What is kept back until the guard is sure, and what becomes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import GuardSettings
from mcmtpush.delivery.sieve import Sieve
from mcmtpush.values import Accepted, Attempt, Discarded, Refused, Undecided
from tests.delivery.stage import an_entry
from tests.support.case import TestCase, readable


FINE = Accepted("presumed")
BAD = Refused(8, "Invalid Token")
OTHER = Refused(7, "Invalid Payload Size")


def attempts(*outcomes: object) -> list[Attempt]:
    """Answered by the gateway, in rows from 1."""
    return [
        Attempt(an_entry(row), outcome, row, 100)  # type: ignore[arg-type]
        for row, outcome in enumerate(outcomes, 1)
    ]


def outcomes(passed: list[Attempt]) -> list[object]:
    return [attempt.outcome for attempt in passed]


class SieveTests(TestCase):
    def setUp(self) -> None:
        self.sieve = Sieve(GuardSettings(first=3, window=10, share=0.8))

    def sift(self, *given: object) -> list[object]:
        return outcomes(self.sieve.sift(attempts(*given)))

    def test_keeps(self) -> None:
        """Nothing but invalid tokens so far: nobody is told; the rest goes on."""
        self.assertEqual(
            self.sift(BAD, Discarded(), Undecided()), [Discarded(), Undecided()]
        )
        self.assertEqual(self.sift(BAD), [])
        self.assertEqual(len(self.sieve.kept), 2)
        self.assertFalse(self.sieve.tripped)

    def test_trips(self) -> None:
        """The answers that trip it, and all of the kind that follow, are put back."""
        self.sift(BAD)
        self.sift(BAD)
        self.assertEqual(self.sift(BAD, Discarded()), [Discarded()] * 4)
        self.assertTrue(self.sieve.tripped)
        self.assertIn("environment", self.sieve.reason)
        self.assertEqual(self.sift(FINE, BAD, OTHER), [FINE, Discarded(), OTHER])
        self.assertEqual(self.sieve.kept, [])

    def test_every_row_comes_out(self) -> None:
        """Those that were kept come with the one that trips it."""
        self.sift(BAD)
        first = self.sieve.kept[0]
        self.sift(BAD)
        passed = self.sieve.sift(attempts(BAD))
        self.assertIn(first, passed)
        self.assertEqual(len(passed), 3)

    def test_another_answer(self) -> None:
        """One acceptance, or one refusal for another reason, and all is believed."""
        for good in (FINE, OTHER):
            self.setUp()
            self.sift(BAD)
            self.assertEqual(self.sift(good), [BAD, good])
            self.assertEqual(self.sift(BAD), [BAD])

    def test_in_one_batch(self) -> None:
        """What was accepted before the refusal counts before it."""
        self.assertEqual(self.sift(FINE, BAD), [FINE, BAD])

    def test_share(self) -> None:
        """Later, the batch that trips it is put back."""
        self.sift(FINE)
        for _ in range(7):
            self.assertEqual(self.sift(BAD), [BAD])
        self.assertEqual(self.sift(BAD), [Discarded()])
        self.assertTrue(self.sieve.tripped)

    def test_not_answered_by_anybody(self) -> None:
        """What the check before writing refused is no answer of the gateway."""
        unsent = [Attempt(an_entry(row), BAD) for row in range(9)]
        self.assertEqual(outcomes(self.sieve.sift(unsent)), [BAD] * 9)
        self.assertFalse(self.sieve.tripped)
        self.assertEqual(self.sift(BAD), [])

    def test_release_and_give_up(self) -> None:
        """What is kept comes out as answered, or as if it had not been."""
        self.sift(BAD)
        self.assertEqual(outcomes(self.sieve.release()), [BAD])
        self.sift(BAD)
        self.assertEqual(outcomes(self.sieve.give_up()), [Discarded()])
        self.assertEqual(self.sieve.release(), [])
        # The guard has counted them all the same.
        self.assertEqual(self.sift(BAD), [Discarded()])

    def test_reset(self) -> None:
        """After an operator's order everything begins anew."""
        self.sift(BAD, BAD, BAD)
        self.sieve.reset()
        self.assertEqual((self.sieve.tripped, self.sieve.reason), (False, ""))
        self.assertEqual(self.sift(BAD), [])

    def test_off(self) -> None:
        """Without thresholds everything goes on as it is."""
        self.sieve = Sieve(GuardSettings(first=0, window=0))
        self.assertEqual(self.sift(*[BAD] * 300), [BAD] * 300)

    @readable
    @given(
        st.lists(
            st.lists(
                st.sampled_from([FINE, BAD, OTHER, Discarded(), Undecided()]),
                max_size=6,
            )
        )
    )
    def test_conserves(self, batches: list[list[object]]) -> None:
        """Every attempt comes out once, and only "invalid token" is ever changed."""
        sieve = Sieve(GuardSettings(first=3, window=10, share=0.8))
        given, came = [], []
        for batch in batches:
            fresh = attempts(*batch)
            given += list(zip(fresh, batch, strict=True))
            came += sieve.sift(fresh)
            self.assertLess(len(sieve.kept), 3)
        came += sieve.give_up()
        self.assertEqual(
            sorted(map(id, came)), sorted(id(attempt) for attempt, _ in given)
        )
        for attempt, was in given:
            if attempt.outcome != was:
                self.assertEqual((was, attempt.outcome), (BAD, Discarded()))
