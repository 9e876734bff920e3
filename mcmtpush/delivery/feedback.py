"""One connection to Apple's feedback service: what it says, and how it ends.

Reads and tells; when to connect, and what becomes of the tokens, is for `poller`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from typing import Protocol as Port

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mcmtpush.apns.feedback import FeedbackReader, FeedbackRecord


if TYPE_CHECKING:
    from twisted.python.failure import Failure


class Owner(Port):
    """What a connection tells whoever made it."""

    def received(
        self, connection: FeedbackConnection, records: list[FeedbackRecord]
    ) -> None:
        """These were read; never empty."""

    def ended(self, connection: FeedbackConnection, fault: str | None) -> None:
        """It is over: read to the end, or `fault` says why not."""


@implementer(IHandshakeListener)
class FeedbackConnection(Protocol):
    """Reads records until the service closes; writes nothing, never closes itself."""

    transport: Any

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._reader = FeedbackReader()
        self._opened = False
        self._aborted = False
        self._count = 0

    def connectionMade(self) -> None:
        """TCP is connected; a TLS handshake may be still to come."""
        if self._aborted:
            self.abort()
        elif not isinstance(self.transport, TLSMemoryBIOProtocol):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """From here on the service speaks, without being asked."""
        self._opened = True

    def dataReceived(self, data: bytes) -> None:
        """Pass on what became whole."""
        records = self._reader.feed(data)
        self._count += len(records)
        if records:
            self._owner.received(self, records)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end of the list, or of the attempt to read it."""
        self._owner.ended(self, self._fault(reason))

    def pause(self) -> None:
        """Read no more for now; what TLS has in hand may still come."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        self.transport.resumeProducing()

    def abort(self) -> None:
        """Drop the connection, made or not."""
        self._aborted = True
        if self.transport is not None:
            self.transport.abortConnection()

    def _fault(self, reason: Failure) -> str | None:
        text = reason.getErrorMessage()
        if not self._opened:
            return f"no TLS handshake ({text})"
        torn = self._reader.pending
        if torn:
            return f"cut off {torn} bytes into a record, which is dropped ({text})"
        # Not every server says goodbye in TLS; one that said nothing at all and
        # reset the connection may just as well have refused our certificate.
        read_to_the_end = (ConnectionDone, ConnectionLost) if self._count else ()
        return None if reason.check(ConnectionDone, *read_to_the_end) else text


class FeedbackFactory(Factory):
    """Builds the one connection that is there already."""

    noisy = False

    def __init__(self, connection: FeedbackConnection) -> None:
        self._connection = connection

    def buildProtocol(self, _addr: IAddress | None) -> FeedbackConnection:
        """Twisted has a transport for it."""
        return self._connection
