"""A binary connection on a wire, and an owner that remembers what it is told."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.delivery.proof import Manners
from mcmtpush.values import Accepted, Attempt
from tests.delivery.stage import NOW, Wire, an_entry
from tests.support.case import TestCase


PRESUMED = Accepted("presumed")
PROVEN = Accepted("proven")


class Listening:
    """An owner that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.settled_attempts: list[Attempt] = []

    def connected(self, connection: BinaryConnection) -> None:
        self.told.append("connected")

    def settled(self, connection: BinaryConnection, attempts: list[Attempt]) -> None:
        assert attempts
        self.told.append("settled")
        self.settled_attempts += attempts

    def resumed(self, connection: BinaryConnection) -> None:
        self.told.append("resumed")

    def idled(self, connection: BinaryConnection) -> None:
        self.told.append("idled")

    def matured(self, connection: BinaryConnection) -> None:
        self.told.append("matured")

    def ended(self, connection: BinaryConnection, reason: Any) -> None:
        self.told.append("ended")


class BinaryConnectionCase(TestCase):
    """A connection on a wire, response timeout 5 s, idle timeout 30 s."""

    def setUp(self) -> None:
        self.manners = Manners()
        self.connect()

    def connect(self, start: int = 0, **changes: Any) -> None:
        self.clock = Clock()
        self.counters = Counters()
        self.owner = Listening()
        settings = {
            "response_timeout_seconds": 5.0,
            "idle_timeout_seconds": 30,
            "apn_expiry_seconds": 600,
            **changes,
        }
        self.connection = BinaryConnection(
            self.owner,
            settings=DeliverySettings(**settings),
            clock=self.clock,
            now=lambda: NOW + self.clock.seconds(),
            counters=self.counters,
            manners=self.manners,
            start=start,
        )
        self.wire = Wire()
        self.wire.attach(self.connection)

    def attempt(self, *rows: int) -> None:
        self.connection.attempt([an_entry(row) for row in rows])

    def outcomes(self) -> list[tuple[int, object]]:
        settled = self.owner.settled_attempts
        return [(each.entry.row, each.outcome) for each in settled]

    def count(self, name: str) -> int:
        return self.counters.get(f"delivery.{name}")
