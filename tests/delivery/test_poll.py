"""What comes after what in a poller's life, and how long it waits."""

from __future__ import annotations

from mcmtpush.delivery.poll import TRANSITIONS, Event, Phase, wait_seconds
from tests.delivery.polling import DAY
from tests.delivery.stage import Always
from tests.support.case import TestCase


class PollTests(TestCase):
    def test_table(self) -> None:
        """Every phase can be stopped, and there is a way into and out of each."""
        for phase in Phase:
            self.assertIs(TRANSITIONS[phase, Event.STOP], Phase.STOPPED)
            self.assertIn(phase, TRANSITIONS.values())
            if phase is not Phase.STOPPED:
                others = {to for (at, _), to in TRANSITIONS.items() if at is phase}
                self.assertGreater(len(others), 1)

    def test_back_off_is_spread(self) -> None:
        """Up to a quarter less by chance, and never more than the interval."""
        self.assertEqual(wait_seconds(1, DAY, Always(0.0)), 60)
        self.assertEqual(wait_seconds(1, DAY, Always(1.0)), 45)
        self.assertEqual(wait_seconds(99_999, DAY, Always(0.0)), 3600)
        self.assertEqual(wait_seconds(5, 300, Always(0.0)), 300)
