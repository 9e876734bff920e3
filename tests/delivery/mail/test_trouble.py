"""What is held against messages, and what is not."""

from __future__ import annotations

from mcmtpush.delivery.mail.trouble import (
    LOST,
    REMEMBERED,
    UNREACHABLE,
    Losses,
    Trouble,
)
from mcmtpush.values import Accepted, Answered, Attempt, Discarded, Undecided
from tests.delivery.mail.stage import an_entry
from tests.support.case import TestCase


WORD = Answered(421, "4.7.0 no")


class TroubleTests(TestCase):
    def test_no_word(self) -> None:
        """Vain rounds are held against nobody, but for every n-th."""
        trouble = Trouble(sweep_after=3)
        found = []
        for _ in range(6):
            trouble.fail(5, 0.0)
            found.append(trouble.sentence)
            trouble.acquit()
        self.assertEqual(found, [None, None, UNREACHABLE] * 2)
        never = Trouble(sweep_after=0)
        for _ in range(100):
            never.fail(5, 0.0)
        self.assertIsNone(never.sentence)

    def test_no_contact(self) -> None:
        """After so many seconds without contact those who wait are told, too."""
        trouble = Trouble(sweep_after=0, patience_seconds=100)
        found = []
        for now in (0.0, 60.0, 120.0, 180.0):
            trouble.fail(5, now)
            found.append(trouble.sentence)
            trouble.acquit()
        self.assertEqual(found, [None, None, UNREACHABLE, None])
        trouble.clear()
        trouble.fail(5, 240.0)
        trouble.fail(5, 300.0)
        self.assertIsNone(trouble.sentence)

    def test_word(self) -> None:
        """A server's word is told to those that wait then, and to nobody else."""
        trouble = Trouble(sweep_after=0)
        trouble.note(WORD)
        trouble.note(None)
        trouble.fail(5, 0.0)
        self.assertEqual((trouble.sentence, trouble.sentenced), (WORD, 5))
        trouble.serve(3)
        self.assertEqual((trouble.sentence, trouble.sentenced), (WORD, 2))
        trouble.serve(2)
        self.assertIsNone(trouble.sentence)
        trouble.fail(5, 0.0)
        self.assertIsNone(trouble.sentence)

    def test_nobody_waits(self) -> None:
        """Without anybody to tell there is no sentence."""
        trouble = Trouble(sweep_after=1)
        trouble.note(WORD)
        trouble.fail(0, 0.0)
        self.assertIsNone(trouble.sentence)

    def test_clear(self) -> None:
        """A server that works ends it all; that is news once."""
        trouble = Trouble(sweep_after=0)
        self.assertFalse(trouble.clear())
        trouble.note(WORD)
        trouble.fail(5, 0.0)
        self.assertTrue(trouble.clear())
        self.assertEqual((trouble.failures, trouble.sentence), (0, None))
        self.assertFalse(trouble.clear())


class LossesTests(TestCase):
    def judged(self, losses: Losses, row: int, outcome: object) -> object:
        attempt = Attempt(an_entry(row), outcome)  # type: ignore[arg-type]
        losses.judge([attempt], used=False)
        return attempt.outcome

    def test_in_a_row(self) -> None:
        """Only the third in a row counts, for each message by itself."""
        losses = Losses()
        gone, unknown = Discarded(), Undecided()
        self.assertEqual(self.judged(losses, 1, gone), gone)
        self.assertEqual(self.judged(losses, 2, gone), gone)
        self.assertEqual(self.judged(losses, 1, unknown), unknown)
        self.assertEqual(self.judged(losses, 1, gone), LOST)
        self.assertEqual(self.judged(losses, 1, gone), gone)
        self.assertEqual(self.judged(losses, 2, unknown), unknown)
        self.assertEqual(self.judged(losses, 2, WORD), WORD)
        self.assertEqual(self.judged(losses, 2, gone), gone)
        proven = Accepted("proven")
        self.assertEqual(self.judged(losses, 2, proven), proven)

    def test_used(self) -> None:
        """A used connection may be lost as often as it likes, before the dot."""
        losses = Losses()
        for outcome, last in ((Discarded(), Discarded()), (Undecided(), LOST)):
            for _ in range(3):
                attempt = Attempt(an_entry(1), outcome)
                losses.judge([attempt], used=True)
            self.assertEqual(attempt.outcome, last)

    def test_bounded(self) -> None:
        """What is remembered has an end."""
        losses = Losses()
        for row in range(REMEMBERED + 5):
            losses.judge([Attempt(an_entry(row), Discarded())], used=False)
        self.assertLessEqual(len(losses._counts), REMEMBERED)
