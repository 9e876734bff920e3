"""The truth table of `decide`, written out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import QueueSettings
from mcmtpush.disposition.classify import OutcomeClass
from mcmtpush.disposition.decide import (
    DROPPED,
    TOO_OFTEN,
    TOO_OLD,
    Again,
    Decision,
    Done,
    Fail,
    Hold,
    Retry,
    Wait,
    decide,
)
from tests.support.case import TestCase, readable


NOW = 1700000000.0

ACCEPTED = OutcomeClass.ACCEPTED
PERMANENT = OutcomeClass.PERMANENT
TEMPORARY = OutcomeClass.TEMPORARY
DISCARDED = OutcomeClass.DISCARDED
TURNED_AWAY = OutcomeClass.TURNED_AWAY
UNDECIDED = OutcomeClass.UNDECIDED
EXPIRED = OutcomeClass.EXPIRED
UNHEARD = OutcomeClass.UNHEARD
POSTPONED = OutcomeClass.POSTPONED

YOUNG, EDGE, OLD = 86399, 86400, 10**6
NEVER = {"never_retry": True}
NONE = {"max_retries": "none"}
FIVE = {"max_retries": 5}
ZERO = {"max_retries": 0}

# class, attempts with this one, age in seconds, settings: what becomes of it
TABLE: list[tuple[OutcomeClass, int, int, dict[str, Any], Decision]] = [
    (ACCEPTED, 1, 0, {}, Done()),
    (ACCEPTED, 99, OLD, NEVER, Done()),
    (PERMANENT, 1, 0, {}, Fail()),
    (PERMANENT, 1, OLD, NONE, Fail()),
    (EXPIRED, 0, OLD, {}, Fail()),
    (EXPIRED, 0, 0, NEVER, Fail()),
    (DISCARDED, 0, 0, {}, Again()),
    (DISCARDED, 0, OLD, NEVER, Again()),
    (TURNED_AWAY, 0, YOUNG, NEVER, Again()),
    (TURNED_AWAY, 0, YOUNG, {"ambiguous_policy": "drop"}, Again()),
    (TURNED_AWAY, 0, EDGE, {}, Fail(TOO_OLD)),
    (UNDECIDED, 0, YOUNG, {}, Again()),
    (UNDECIDED, 99, YOUNG, NEVER, Again()),
    (UNDECIDED, 0, EDGE, {}, Fail(TOO_OLD)),
    (UNDECIDED, 0, OLD, NONE, Fail(TOO_OLD)),
    (UNHEARD, 1, 0, {}, Retry(NOW + 1200)),
    (UNHEARD, 7, 75600, {}, Fail(TOO_OFTEN)),
    (UNHEARD, 1, EDGE, {}, Fail(TOO_OLD)),
    (UNHEARD, 1, 0, NEVER, Fail(TOO_OFTEN)),
    (UNHEARD, 1, OLD, {"ambiguous_policy": "hold"}, Hold()),
    (UNHEARD, 1, 0, {"ambiguous_policy": "drop"}, Fail(DROPPED)),
    (POSTPONED, 0, YOUNG, NEVER, Wait(NOW)),
    (POSTPONED, 0, EDGE, {}, Fail(TOO_OLD)),
    (TEMPORARY, 1, 0, {}, Retry(NOW + 1200)),
    (TEMPORARY, 2, 1200, {}, Retry(NOW + 2400)),
    (TEMPORARY, 6, 37200, {}, Retry(NOW + 38400)),
    (TEMPORARY, 7, 75600, {}, Fail(TOO_OFTEN)),
    (TEMPORARY, 7, 75600, NONE, Retry(NOW + 43200)),
    (TEMPORARY, 1, YOUNG, {}, Retry(NOW + 1200)),
    (TEMPORARY, 1, EDGE, {}, Fail(TOO_OLD)),
    (TEMPORARY, 1, EDGE, NONE, Fail(TOO_OLD)),
    (TEMPORARY, 7, EDGE, {}, Fail(TOO_OLD)),
    (TEMPORARY, 5, 18000, FIVE, Retry(NOW + 19200)),
    (TEMPORARY, 6, 37200, FIVE, Fail(TOO_OFTEN)),
    (TEMPORARY, 6, OLD, FIVE, Fail(TOO_OLD)),
    (TEMPORARY, 1, 0, ZERO, Fail(TOO_OFTEN)),
    (TEMPORARY, 1, 0, NEVER, Fail(TOO_OFTEN)),
    (TEMPORARY, 1, OLD, NEVER, Fail(TOO_OFTEN)),
    (TEMPORARY, 1, -OLD, {}, Retry(NOW + 1200)),
]


def decided(
    kind: OutcomeClass, attempts: int, age: float, settings: QueueSettings
) -> Decision:
    return decide(
        kind,
        attempts=attempts,
        received_at=NOW - age,
        now=NOW,
        settings=settings,
    )


class DecideTests(TestCase):
    def test_the_table(self) -> None:
        """Every row of the table above."""
        for row in TABLE:
            kind, attempts, age, options, expected = row
            found = decided(kind, attempts, age, QueueSettings(**options))
            self.assertEqual(found, expected, row)

    def test_waiting(self) -> None:
        """A wait is the least of a retry, or all of it; a postponed one just waits."""
        for kind, seconds, soon, expected in (
            (TEMPORARY, 900.0, False, Retry(NOW + 1200)),
            (TEMPORARY, 2000.0, False, Retry(NOW + 2000)),
            (TEMPORARY, 1.0, True, Retry(NOW + 1)),
            (POSTPONED, 60.0, True, Wait(NOW + 60)),
        ):
            found = decide(
                kind,
                attempts=1,
                received_at=NOW,
                now=NOW,
                settings=QueueSettings(),
                wait_seconds=seconds,
                soon=soon,
            )
            self.assertEqual(found, expected)

    def test_the_texts(self) -> None:
        """These are read by programs and must not change."""
        self.assertEqual(
            (TOO_OLD, TOO_OFTEN),
            (
                "554 5.4.7 [internal] exceeded max time without delivery",
                "554 5.4.7 [internal] exceeded max retries without delivery",
            ),
        )

    def test_a_life_of_refusals(self) -> None:
        """Five retries are six attempts, and 37200 seconds go by."""
        settings, age, delays = QueueSettings(max_retries=5), 0.0, []
        for attempts in range(1, 6):
            decision = decided(TEMPORARY, attempts, age, settings)
            assert isinstance(decision, Retry)
            delays.append(decision.at - NOW)
            age += delays[-1]
        self.assertEqual(age, 37200)
        self.assertEqual(decided(TEMPORARY, 6, age, settings), Fail(TOO_OFTEN))

    @readable
    @given(
        st.sampled_from(OutcomeClass),
        st.integers(1, 1000),
        st.floats(-1e9, 1e9),
        st.builds(
            QueueSettings,
            retry_interval_seconds=st.integers(0, 10**6),
            max_retry_interval_seconds=st.integers(0, 10**6),
            max_retries=st.sampled_from(["auto", "none"]) | st.integers(0, 100),
            message_expiration_seconds=st.integers(0, 10**7),
            never_retry=st.booleans(),
        ),
    )
    def test_is_total(
        self, kind: OutcomeClass, attempts: int, age: float, settings: QueueSettings
    ) -> None:
        """Every input has a decision, and no retry lies in the past."""
        decision = decided(kind, attempts, age, settings)
        allowed = {
            ACCEPTED: Done,
            PERMANENT: Fail,
            EXPIRED: Fail,
            DISCARDED: Again,
            TURNED_AWAY: (Again, Fail),
            UNDECIDED: (Again, Fail),
            TEMPORARY: (Retry, Fail),
            UNHEARD: (Retry, Fail),
            POSTPONED: (Wait, Fail),
        }[kind]
        self.assertIsInstance(decision, allowed)
        if isinstance(decision, Retry):
            self.assertGreaterEqual(decision.at, NOW)
            self.assertLess(age, settings.message_expiration_seconds)
