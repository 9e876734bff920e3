"""How long to wait before one connects again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.backoff import pause_seconds, wait_seconds
from tests.delivery.stage import Always
from tests.support.case import TestCase, readable


class WaitTests(TestCase):
    def test_doubles_to_a_minute(self) -> None:
        """1, 2, 4 ... 60 seconds, with the dice at their lowest."""
        self.assertEqual(
            [wait_seconds(failures, Always(0.0)) for failures in range(1, 9)],
            [1, 2, 4, 8, 16, 32, 60, 60],
        )

    @readable
    @given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
    def test_jitter(self, failures: int, dice: float) -> None:
        """Chance takes a quarter away at most, however often it failed."""
        longest = wait_seconds(failures, Always(0.0))
        self.assertLessEqual(wait_seconds(failures, Always(dice)), longest)
        self.assertGreater(wait_seconds(failures, Always(dice)), 0.75 * longest - 1e-9)
        self.assertLessEqual(longest, 60)

    def test_pause(self) -> None:
        """Connections that only met refusals follow one another a little slower."""
        pauses = [pause_seconds(count) for count in (1, 2, 3, 4, 5, 1000)]
        self.assertEqual(pauses, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
