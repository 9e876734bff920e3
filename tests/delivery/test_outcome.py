"""From Apple's words to outcomes, row by row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.answers import MEANINGS, meaning_of
from mcmtpush.delivery.outcome import (
    DISCARDED,
    outcome_of,
    unanswered,
    was_reset,
)
from mcmtpush.disposition.classify import OutcomeClass, classify
from mcmtpush.values import Native, Outcome, Refused, Undecided
from tests.support.case import TestCase, readable


def made_of(status: int, reason: str, attempts: int = 0) -> Outcome:
    native = Native(status, reason)
    return outcome_of(native, meaning_of(native), attempts)


class AnswerTests(TestCase):
    """What one answer makes of its message."""

    def test_rows(self) -> None:
        """One of each kind."""
        for status, reason, attempts, expected in (
            (400, "BadDeviceToken", 0, (8, 0.0, False)),
            (410, "Unregistered", 3, (8, 0.0, False)),
            (413, "PayloadTooLarge", 0, (7, 0.0, False)),
            (403, "InvalidProviderToken", 0, (255, 0.0, False)),
            (429, "TooManyRequests", 0, (1, 60.0, False)),
            (500, "InternalServerError", 0, (1, 900.0, False)),
            (503, "Shutdown", 0, (10, 1.0, True)),
            (503, "Shutdown", 1, (10, 900.0, False)),
            (599, "Whatever", 0, (1, 900.0, False)),
            (418, "Teapot", 0, (255, 0.0, False)),
            (418, "Teapot", 3, (7, 0.0, False)),
        ):
            found = made_of(status, reason, attempts)
            assert isinstance(found, Refused), reason
            self.assertEqual((found.status, found.wait_seconds, found.soon), expected)
            self.assertEqual(found.detail, reason)
            self.assertEqual(found.native, Native(status, reason))

    def test_a_body_that_says_nothing(self) -> None:
        """The record has at least the status."""
        found = made_of(502, "")
        assert isinstance(found, Refused)
        self.assertEqual((found.status, found.detail), (1, "HTTP 502"))

    def test_free(self) -> None:
        """What was not processed is put back, whatever the attempt."""
        for reason in (
            "ExpiredProviderToken",
            "BadCertificate",
            "UnrelatedKeyIdInToken",
        ):
            self.assertEqual(made_of(403, reason, 5), DISCARDED)

    @readable
    @given(
        st.sampled_from(sorted(MEANINGS)) | st.tuples(st.integers(300, 599), st.text()),
        st.integers(0, 10),
    )
    def test_numbers_and_classes_agree(
        self, answer: tuple[int, str], attempts: int
    ) -> None:
        """A script that sees the number only decides as we do."""
        status, reason = answer
        found = made_of(status, reason, attempts)
        if found is DISCARDED:
            return
        assert isinstance(found, Refused)
        permanent = classify(found) is OutcomeClass.PERMANENT
        self.assertEqual(permanent, found.status in range(2, 9))
        self.assertNotIn(found.status, {0, 9})


class NoAnswerTests(TestCase):
    """Resets, and silence."""

    def test_refused_stream(self) -> None:
        """It was provably not processed."""
        self.assertEqual(was_reset(7), DISCARDED)

    def test_other_resets(self) -> None:
        """Nobody knows."""
        for code, name in (
            (2, "INTERNAL_ERROR"),
            (8, "CANCEL"),
            (11, "ENHANCE_YOUR_CALM"),
        ):
            expected = Undecided(f"Stream reset: {name}", Native(0, name), charged=True)
            self.assertEqual(was_reset(code), expected)
        self.assertIsInstance(was_reset(4711), Undecided)

    def test_silence(self) -> None:
        """The record says how long it lasted, or that the connection ended."""
        self.assertEqual(
            unanswered(2.5),
            Undecided("No answer within 2.5 s", Native(0, "TIMEOUT"), charged=True),
        )
        self.assertEqual(
            unanswered(), Undecided(native=Native(0, "CONNECTION_LOST"), charged=True)
        )
