"""The curve of connections over backlog."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.goal import UNLIMITED_CEILING, connection_goal
from tests.support.case import TestCase, readable


class ConnectionGoalTests(TestCase):
    def test_curve(self) -> None:
        """Points of the documented curve, rounded up to whole connections."""
        for backlog, limit, slope, expected in [
            (0, 32, 0.3, 0),
            (1, 32, 0.3, 1),
            (10, 32, 0.3, 3),
            (100, 32, 0.3, 20),
            (100, 32, 0.75, 29),
            (1000, 32, 0.3, 32),
            (1_000_000, 32, 0.3, 32),
            (1000, 1, 0.3, 1),
            (1000, 0, 0.3, 0),
            (10, -1, 0.3, 3),
            (1_000_000, -1, 0.3, UNLIMITED_CEILING),
        ]:
            self.assertEqual(
                connection_goal(backlog=backlog, limit=limit, aggressiveness=slope),
                expected,
                (backlog, limit, slope),
            )

    @readable
    @given(
        st.integers(1, 10**7),
        st.integers(-1, 1000),
        st.sampled_from([0.01, 0.3, 0.75, 5.0]),
    )
    def test_bounds(self, backlog: int, limit: int, slope: float) -> None:
        """Never above the limit, never below one, never less for more."""
        goal = connection_goal(backlog=backlog, limit=limit, aggressiveness=slope)
        more = connection_goal(backlog=backlog + 1, limit=limit, aggressiveness=slope)
        ceiling = UNLIMITED_CEILING if limit < 0 else limit
        self.assertLessEqual(min(1, ceiling), goal)
        self.assertLessEqual(goal, more)
        self.assertLessEqual(more, ceiling)
