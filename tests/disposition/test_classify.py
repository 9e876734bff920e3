"""Outcomes and their classes, row by row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.disposition.classify import (
    CHARGED,
    OutcomeClass,
    answer,
    classify,
    waiting,
)
from mcmtpush.values import (
    Accepted,
    Discarded,
    Expired,
    Postponed,
    Refused,
    Undecided,
)
from tests.support.case import TestCase, readable


class ClassifyTests(TestCase):
    def test_refusals_by_status(self) -> None:
        """Two to eight and a parse error are final; all else may pass."""
        final = {
            status
            for status in range(600)
            if classify(Refused(status, "")) is OutcomeClass.PERMANENT
        }
        self.assertEqual(final, {2, 3, 4, 5, 6, 7, 8, 128})
        for status in set(range(600)) - final:
            self.assertIs(classify(Refused(status, "")), OutcomeClass.TEMPORARY)

    def test_everything_else_by_type(self) -> None:
        """The other outcomes are their own class."""
        self.assertEqual(
            [
                classify(Accepted("presumed")),
                classify(Accepted("proven")),
                classify(Discarded()),
                classify(Discarded(expires=True)),
                classify(Undecided()),
                classify(Undecided(charged=True)),
                classify(Postponed(1.0)),
                classify(Expired("late")),
            ],
            [
                OutcomeClass.ACCEPTED,
                OutcomeClass.ACCEPTED,
                OutcomeClass.DISCARDED,
                OutcomeClass.TURNED_AWAY,
                OutcomeClass.UNDECIDED,
                OutcomeClass.UNHEARD,
                OutcomeClass.POSTPONED,
                OutcomeClass.EXPIRED,
            ],
        )

    def test_only_looked_at_messages_are_charged(self) -> None:
        """Those that provably were not, or that the outcome says not to charge, not."""
        self.assertEqual(
            set(OutcomeClass) - CHARGED,
            {
                OutcomeClass.DISCARDED,
                OutcomeClass.TURNED_AWAY,
                OutcomeClass.UNDECIDED,
                OutcomeClass.POSTPONED,
                OutcomeClass.EXPIRED,
            },
        )

    def test_waiting(self) -> None:
        """Who waits for how long is in the outcome."""
        for outcome, expected in (
            (Accepted("proven"), (0.0, False)),
            (Refused(1, ""), (0.0, False)),
            (Refused(1, "", wait_seconds=900.0), (900.0, False)),
            (Refused(10, "", wait_seconds=1.0, soon=True), (1.0, True)),
            (Postponed(60.0), (60.0, True)),
        ):
            self.assertEqual(waiting(outcome), expected)


class AnswerTests(TestCase):
    def test_what_records_show(self) -> None:
        """Status and text of every outcome."""
        for outcome, expected in (
            (Accepted("proven"), (None, "")),
            (Discarded(), (None, "")),
            (Refused(8, "Invalid Token"), (8, "Invalid Token")),
            (Refused(128, "Protocol Error"), (128, "Protocol Error")),
            (Undecided(), (255, "Connection closed without an answer")),
            (Undecided("No answer within 30 s"), (255, "No answer within 30 s")),
            (Expired("554 late"), (None, "554 late")),
        ):
            self.assertEqual(answer(outcome), expected, outcome)

    @readable
    @given(st.integers(0, 600))
    def test_a_refusal_never_reads_as_success(self, status: int) -> None:
        """An error packet with status 0 is logged as 255."""
        shown, _ = answer(Refused(status, "x"))
        self.assertEqual(shown, status or 255)
