"""What counts as silence, and what does not."""

from __future__ import annotations

from mcmtpush.delivery.silence import STALL_LIMIT_SECONDS
from mcmtpush.values import Undecided
from tests.delivery.speaking import PRESUMED, BinaryConnectionCase


class SilenceTests(BinaryConnectionCase):
    def test_presumed(self) -> None:
        """After the response timeout and not before, they are presumed accepted."""
        self.attempt(1, 2)
        self.clock.advance(4.99)
        self.assertEqual(self.outcomes(), [])
        self.clock.advance(0.01)
        self.assertEqual(self.outcomes(), [(1, PRESUMED), (2, PRESUMED)])
        self.assertEqual(self.count("presumed"), 2)
        self.assertEqual(self.connection.accepted, 2)

    def test_each_batch_has_its_own_time(self) -> None:
        """Nobody is settled early, and nobody later than a fraction of the timeout."""
        for row in range(1, 41):
            self.attempt(row)
            self.clock.advance(0.1)
        for _ in range(80):
            self.clock.advance(0.1)
            now = self.clock.seconds()
            settled = len(self.outcomes())
            due = sum(round(row * 0.1 + 5.0 - now, 6) <= 0 for row in range(40))
            late = sum(round(row * 0.1 + 5.26 - now, 6) <= 0 for row in range(40))
            self.assertLessEqual(settled, due)
            self.assertGreaterEqual(settled, late)
        self.assertEqual(len(self.outcomes()), 40)

    def test_one_timer(self) -> None:
        """However much is written, one timer runs, and few settlings happen."""
        for row in range(1, 1001):
            self.attempt(row)
            self.clock.advance(0.005)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([0.01] * 600)
        self.assertEqual(len(self.outcomes()), 1000)
        self.assertLess(self.owner.told.count("settled"), 25)

    def test_long_idle_timeout(self) -> None:
        """A timer set for the idle timeout does not delay what is written later."""
        self.connect(idle_timeout_seconds=3600)
        self.clock.advance(100)
        self.attempt(1)
        self.clock.advance(5.0)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_no_response_timeout(self) -> None:
        """With a timeout of nothing they are presumed accepted in the next turn."""
        self.connect(response_timeout_seconds=0.0)
        self.attempt(1)
        self.assertEqual(self.outcomes(), [])
        self.clock.advance(0)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])


class StallTests(BinaryConnectionCase):
    def test_short_pauses_are_ordinary(self) -> None:
        """A slow line pauses all the time: silence counts nevertheless."""
        self.attempt(1)
        for _ in range(10):
            self.connection.pauseProducing()
            self.clock.advance(0.5)
            self.connection.resumeProducing()
        self.clock.advance(0.25)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_stall_is_no_silence(self) -> None:
        """While the gateway reads nothing its silence means nothing."""
        self.attempt(1)
        self.clock.advance(2.0)
        self.connection.pauseProducing()
        self.clock.pump([0.25] * 80)
        self.assertEqual(self.outcomes(), [])
        self.connection.resumeProducing()
        self.clock.pump([0.25] * 11)
        self.assertEqual(self.outcomes(), [])
        self.clock.pump([0.25] * 2)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_stall_is_not_endless(self) -> None:
        """A gateway that reads nothing for a minute is given up."""
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.pump([0.5] * int(2 * STALL_LIMIT_SECONDS))
        self.assertFalse(self.wire.disconnecting)
        self.clock.pump([0.5] * 4)
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(self.connection.farewell, "it read nothing for 60 s")
