"""How fast a connection is filled after a refusal."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.pace import (
    ENOUGH,
    SMALLEST_START,
    STEP_SECONDS,
    Pace,
    careful_start,
)
from tests.support.case import TestCase, readable


class CarefulStartTests(TestCase):
    def test_starts(self) -> None:
        """What the last one carried, but never less than half its start."""
        for previous, accepted, expected in [
            (0, 0, SMALLEST_START),
            (0, 100, 100),
            (200, 3, 100),
            (100, 3, 50),
            (50, 3, SMALLEST_START),
            (SMALLEST_START, 1000, 1000),
            (0, ENOUGH, ENOUGH),
            (0, ENOUGH + 1, 0),
        ]:
            self.assertEqual(careful_start(previous, accepted), expected)


class PaceTests(TestCase):
    def test_no_limit(self) -> None:
        """Without a start everything goes, and nothing is waited for."""
        pace = Pace()
        pace.note(10**9, 5.0)
        self.assertEqual((pace.room(10**9), pace.grows_at), (ENOUGH, inf))
        self.assertFalse(pace.grow(1e9))

    def test_doubles_when_used_up(self) -> None:
        """What it may carry doubles a step after all of it was written."""
        pace = Pace(100)
        pace.note(60, 1.0)
        self.assertEqual((pace.room(60), pace.grows_at), (40, inf))
        pace.note(100, 2.0)
        self.assertEqual((pace.room(100), pace.grows_at), (0, 2.0 + STEP_SECONDS))
        self.assertFalse(pace.grow(2.0))
        self.assertTrue(pace.grow(2.0 + STEP_SECONDS))
        self.assertEqual((pace.room(100), pace.grows_at), (100, inf))

    @readable
    @given(st.integers(1, ENOUGH))
    def test_reaches_no_limit(self, start: int) -> None:
        """However small it starts, it is unlimited after a few steps."""
        pace, written, now = Pace(start), 0, 0.0
        steps = 0
        while pace.room(10**9) == 0:
            written += pace.room(written)
            pace.note(written, now)
            now = pace.grows_at
            self.assertTrue(pace.grow(now))
            steps += 1
        self.assertLessEqual(steps, 17)
