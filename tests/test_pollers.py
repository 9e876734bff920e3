"""Who polls the feedback service."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.task import Clock

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.config.settings import Configuration
from mcmtpush.counters import Counters
from mcmtpush.pollers import Pollers, gone
from mcmtpush.records.token import TokenEvent, TokenEvents
from tests.config.samples import tree
from tests.support.case import TestCase


TEXT = """
domain "a.example" {
  delivery_method = "apn" apn_feedback_route = "apn://feedback?port=2196"
}
domain "b.example" {
  delivery_method = "apn" apn_feedback_route = "apn://feedback?port=2197"
}
domain /quiet/ { delivery_method = "apn" apn_feedback_route = "apn://f?port=1" }
"""


class PollersTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        path = str(Path(self.mktemp()).absolute())
        connector: Any = lambda settings: settings  # noqa: E731 - never called
        self.pollers = Pollers(
            clock=self.clock,
            dice=Random(1),
            counters=Counters(),
            tokens=TokenEvents(path, 0o600),
            connector=connector,
        )

    def follow(self, text: str) -> tuple[int, int]:
        """How many were started, and how many there are."""
        started = self.pollers.follow(Configuration(tree(text)))
        self.assertEqual(len(self.clock.getDelayedCalls()), len(self.pollers))
        return started, len(self.pollers)

    def test_named_domains(self) -> None:
        """Named domains with a feedback route are polled; patterns cannot be."""
        self.assertEqual(self.follow(TEXT), (2, 2))

    def test_followed(self) -> None:
        """Who is told the same goes on; others are stopped, started, replaced."""
        self.follow(TEXT)
        first = dict(self.pollers._running)
        self.assertEqual(self.follow(f"retry_interval = 7 {TEXT}"), (0, 2))
        self.assertEqual(self.follow(TEXT.replace("2196", "2198")), (1, 2))
        second = dict(self.pollers._running)
        self.assertIsNot(first["a.example"][1], second["a.example"][1])
        self.assertIs(first["b.example"][1], second["b.example"][1])
        self.assertEqual(self.follow(""), (0, 0))

    def test_stop(self) -> None:
        """No timer is left."""
        self.follow(TEXT)
        self.pollers.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gone(self) -> None:
        """A record becomes an event of its domain."""
        self.assertEqual(
            gone(FeedbackRecord(7, b"\xab\xcd"), "push.example"),
            TokenEvent(7, "abcd", "push.example", "Unregistered", "feedback"),
        )
