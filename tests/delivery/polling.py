"""A poller of the feedback service for tests, and what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import formatEvent

from mcmtpush.apns.feedback import FeedbackRecord, encode_feedback
from mcmtpush.config.views import Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.poll import (
    FIRST_SECONDS,
    Poll,
)
from mcmtpush.delivery.poller import FeedbackPoller
from tests.delivery.stage import Always, Gateways, Wire
from tests.support.case import TestCase


DAY = 86_400.0
SERVICE = Route("apn", "feedback.example", None, 10)
DOMAIN = "apn_example.com"
TOKEN = bytes(range(32))
RECORDS = [
    FeedbackRecord(1_700_000_000 + at, bytes([at]) * size)
    for at, size in enumerate((32, 1, 100, 64, 32), 1)
]
LIST = encode_feedback(RECORDS)


class Shelf:
    """Persists what it is given, unless `reason` says why not."""

    def __init__(self) -> None:
        self.records: list[FeedbackRecord] = []
        self.reason: str | None = None
        self.offers = 0

    def report(self, records: Sequence[FeedbackRecord]) -> str | None:
        assert records
        self.offers += 1
        if self.reason is None:
            self.records += records
        return self.reason


class FeedbackCase(TestCase):
    """A poller, and services that are connected when the test says so."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, chance: float = 0.5, interval_seconds: float = DAY) -> None:
        self.clock = Clock()
        self.services = Gateways()
        self.shelf = Shelf()
        self.counters = Counters()
        self.poller = FeedbackPoller(
            Poll(
                DOMAIN,
                SERVICE,
                interval_seconds,
                self.services.connect,
                self.shelf.report,
            ),
            clock=self.clock,
            dice=Always(chance),
            counters=self.counters,
        )

    def open(self) -> Wire:
        """The first poll's connection."""
        self.poller.start()
        self.clock.advance(FIRST_SECONDS / 2)
        (wire,) = self.services.accept()
        return wire

    def due_seconds(self) -> float:
        """When the one timer goes off."""
        (call,) = self.clock.getDelayedCalls()
        return call.getTime() - self.clock.seconds()

    def texts(self, events: Sequence[Any]) -> str:
        return "\n".join(formatEvent(event) for event in events)
