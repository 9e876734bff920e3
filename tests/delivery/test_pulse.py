"""When a peer is asked, and when it is given up."""

from __future__ import annotations

from mcmtpush.delivery.pulse import PING_SECONDS, PONG_SECONDS, Pulse
from tests.support.case import TestCase


class PulseTests(TestCase):
    """One connection."""

    def setUp(self) -> None:
        self.pulse = Pulse(100.0)

    def test_silence(self) -> None:
        """It is asked once, after so long without a byte."""
        self.assertFalse(self.pulse.is_silent(100.0 + PING_SECONDS - 1))
        self.assertTrue(self.pulse.is_silent(100.0 + PING_SECONDS))
        self.assertTrue(self.pulse.ask(200.0))
        self.assertFalse(self.pulse.is_silent(200.0))
        self.assertFalse(self.pulse.ask(201.0))

    def test_dead(self) -> None:
        """Asked in vain; only what answers us is an answer."""
        self.assertFalse(self.pulse.is_dead(1e9))
        self.pulse.ask(200.0)
        self.assertFalse(self.pulse.is_dead(200.0 + PONG_SECONDS - 1))
        self.assertTrue(self.pulse.is_dead(200.0 + PONG_SECONDS))
        self.pulse.hear(208.0)
        self.assertTrue(self.pulse.is_dead(200.0 + PONG_SECONDS))
        self.assertEqual(self.pulse.heard_at, 208.0)
        self.pulse.hear(209.0, answers=True)
        self.assertFalse(self.pulse.is_dead(1e9))
        self.assertEqual(self.pulse.heard_at, 209.0)
