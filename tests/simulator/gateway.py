"""A pretend gateway for tests: its clock, its journal, frames, and wires to it."""

from __future__ import annotations

from random import Random

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mcmtpush.apns.frames import encode_notification
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.script import Action, Rule, Script
from tests.support.case import TestCase


TOKEN = bytes(range(32))


BAD = b"\xff" * 32


PAYLOAD = b'{"aps":{"alert":"hi"}}'


NO_FAULTS = Script()


REFUSE_BAD = Rule(action=Action.REFUSE, status=8, token=BAD[:2])


class Wire(StringTransport):
    """A transport that remembers single writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, data: bytes) -> None:
        """Remember, as hexadecimal text."""
        super().write(data)
        self.writes.append(data.hex())


def note(identifier: int, token: bytes = TOKEN) -> bytes:
    """A good command 2 frame."""
    return encode_notification(identifier, token, PAYLOAD, 0, 10)


def notes(*identifiers: int) -> bytes:
    """Good frames, back to back."""
    return b"".join(note(identifier) for identifier in identifiers)


class GatewayCase(TestCase):
    """A gateway, its clock, its journal, and wires to it."""

    def start(self, script: Script = NO_FAULTS) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.journal = Journal(write=self.written.append, keep=1000)
        self.factory = ApnsSimulatorFactory(
            script=script,
            journal=self.journal,
            clock=self.clock,
            now=lambda: 1_700_000_000 + self.clock.seconds(),
            dice=Random(script.seed),
        )

    def setUp(self) -> None:
        self.start()

    def connect(self) -> tuple[Protocol, Wire]:
        """A client's connection without TLS."""
        protocol = self.factory.buildProtocol(None)
        wire = Wire()
        protocol.makeConnection(wire)
        return protocol, wire

    def verdicts(self) -> list[tuple[int, str]]:
        """Identifier and verdict of every line."""
        return [(line.identifier, line.verdict) for line in self.journal.lines]
