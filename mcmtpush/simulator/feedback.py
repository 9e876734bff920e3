"""The simulator's feedback service: tokens refused as invalid, told once.

TLS is put around by whoever listens.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    INegotiated,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.apns.feedback import encode_feedback
from mcmtpush.ports import Clock
from mcmtpush.simulator.verdict import GoneTokens


_log = Logger()

PATIENCE_SECONDS: Final = 5.0
"""How long a reader may take for its handshake, and to close its side."""


@implementer(IHandshakeListener)
class ApnsFeedbackProtocol(Protocol):
    """One reader of the feedback service: it is told everything at once."""

    transport: Any

    def __init__(self, server: ApnsFeedbackFactory) -> None:
        self._server = server
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Begin, after the handshake where there is TLS."""
        abort = self.transport.abortConnection
        self._timer = self._server.clock.callLater(PATIENCE_SECONDS, abort)
        if not INegotiated.providedBy(self.transport):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """Send all records, which are then forgotten, and close."""
        self.transport.write(encode_feedback(self._server.gone.take()))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing is waited for any more."""
        _log.debug("feedback connection: {why}", why=reason.getErrorMessage())
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


class ApnsFeedbackFactory(ServerFactory):
    """The pretend feedback service, port 2196; what is read is gone."""

    noisy = False

    def __init__(self, *, gone: GoneTokens, clock: Clock) -> None:
        self.gone = gone
        self.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> ApnsFeedbackProtocol:
        """Every reader gets what there is since the last one."""
        _log.debug("feedback connection from {peer}", peer=addr)
        protocol = ApnsFeedbackProtocol(self)
        protocol.factory = self
        return protocol
