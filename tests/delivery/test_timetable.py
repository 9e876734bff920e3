"""When something is due: more to carry, idleness, proof."""

from __future__ import annotations

from mcmtpush.apns.frames import encode_error
from mcmtpush.delivery.pace import STEP_SECONDS
from mcmtpush.delivery.timetable import MATURED_SECONDS
from tests.delivery.speaking import PRESUMED, BinaryConnectionCase


class PaceTests(BinaryConnectionCase):
    def test_careful(self) -> None:
        """It carries what it may at first, and more a moment later."""
        self.connect(start=40)
        self.assertEqual(self.connection.room, 40)
        self.attempt(*range(40))
        self.assertEqual(self.connection.room, 0)
        self.clock.advance(STEP_SECONDS)
        self.assertEqual(self.connection.room, 40)
        self.assertEqual(self.owner.told, ["connected", "resumed"])

    def test_silence_is_unaffected(self) -> None:
        """Steps in between change nothing about the response timeout."""
        self.connect(start=2)
        for row in range(10):
            if self.connection.room:
                self.attempt(row)
            self.clock.advance(0.1)
        written = len(self.wire.frames)
        self.clock.pump([0.1] * 39)
        self.assertEqual(self.outcomes(), [])
        self.clock.pump([0.1] * 15)
        self.assertEqual(len(self.outcomes()), written)

    def test_no_growth_behind_an_answer(self) -> None:
        """An answer ends it all."""
        self.connect(start=2)
        self.attempt(1, 2)
        self.wire.say(encode_error(8, 1)[:2])
        self.clock.advance(STEP_SECONDS)
        self.assertEqual(self.owner.told, ["connected"])
        self.assertEqual(self.connection.room, 0)


class IdleTests(BinaryConnectionCase):
    def test_idle(self) -> None:
        """With nothing written and nothing unsettled for so long, the owner is told."""
        self.clock.advance(29.9)
        self.attempt(1)
        self.clock.advance(29.9)
        self.assertNotIn("idled", self.owner.told)
        self.clock.advance(0.2)
        self.assertEqual(self.owner.told.count("idled"), 1)
        self.assertFalse(self.wire.disconnecting)

    def test_never_with_something_unsettled(self) -> None:
        """A response timeout longer than the idle timeout is waited for."""
        self.connect(idle_timeout_seconds=2, response_timeout_seconds=5.0)
        self.attempt(1)
        self.clock.pump([0.1] * 49)
        self.assertNotIn("idled", self.owner.told)
        self.clock.pump([0.1] * 3)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])
        self.assertEqual(self.owner.told[-1], "idled")

    def test_zero_is_never(self) -> None:
        """An idle timeout of 0 keeps a connection for ever."""
        self.connect(idle_timeout_seconds=0, flush_interval_seconds=0)
        self.attempt(1)
        self.clock.pump([5.0, 1000.0])
        self.assertNotIn("idled", self.owner.told)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ProofTests(BinaryConnectionCase):
    def test_matured(self) -> None:
        """An interval after the first write the owner is told, and told again."""
        self.connect(flush_interval_seconds=60, idle_timeout_seconds=0)
        self.clock.advance(100.0)
        self.attempt(1)
        self.clock.pump([1.0] * 30)
        self.attempt(2)
        self.clock.pump([1.0] * 29)
        self.assertNotIn("matured", self.owner.told)
        self.clock.advance(1.0)
        self.assertEqual(self.owner.told.count("matured"), 1)
        self.assertGreater(self.connection.room, 0)
        self.clock.advance(MATURED_SECONDS)
        self.assertEqual(self.owner.told.count("matured"), 2)
        self.connection.finish()
        self.clock.advance(MATURED_SECONDS)
        self.assertEqual(self.owner.told.count("matured"), 2)

    def test_not_matured_while_paused(self) -> None:
        """What cannot be written to is not flushed either."""
        self.connect(flush_interval_seconds=3)
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.pump([0.5] * 20)
        self.assertNotIn("matured", self.owner.told)
        self.connection.resumeProducing()
        self.clock.advance(MATURED_SECONDS)
        self.assertIn("matured", self.owner.told)
