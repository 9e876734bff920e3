"""The pretend feedback service on pretend wires."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.apns.feedback import FeedbackReader, FeedbackRecord
from mcmtpush.simulator.feedback import PATIENCE_SECONDS, ApnsFeedbackFactory
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.verdict import GoneTokens
from tests.simulator.gateway import BAD, REFUSE_BAD, GatewayCase, note


class FeedbackTests(GatewayCase):
    def read(self) -> tuple[list[FeedbackRecord], bool]:
        """What a reader of the feedback service gets, and whether it closed."""
        factory = ApnsFeedbackFactory(gone=self.factory.gone, clock=self.clock)
        protocol = factory.buildProtocol(None)
        wire = StringTransport()
        protocol.makeConnection(wire)
        protocol.dataReceived(b"ignored")
        closed = wire.disconnecting
        protocol.connectionLost(Failure(ConnectionDone()))
        return FeedbackReader().feed(wire.value()), closed

    def test_tells_invalid_tokens_once(self) -> None:
        """Tokens refused with status 8 are told to the next reader only."""
        self.start(Script(rules=(REFUSE_BAD,)))
        self.connect()[0].dataReceived(note(1) + note(2, BAD))
        self.connect()[0].dataReceived(note(1, b"short"))
        self.clock.advance(0.25)
        record = FeedbackRecord(1_700_000_000, BAD)
        self.assertEqual(self.read(), ([record], True))
        self.assertEqual(self.read(), ([], True))

    def test_closing_is_bounded(self) -> None:
        """A reader that does not go is cut off."""
        factory = ApnsFeedbackFactory(gone=GoneTokens(), clock=self.clock)
        protocol = factory.buildProtocol(None)
        wire = StringTransport()
        protocol.makeConnection(wire)
        self.clock.advance(PATIENCE_SECONDS)
        self.assertTrue(wire.disconnected)
