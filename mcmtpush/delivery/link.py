"""The transport below a connection to a gateway: set up, held back, left, lost.

What is the same in both languages.  Knows nothing of what is said.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOProtocol

from mcmtpush.delivery.alarm import Alarm
from mcmtpush.delivery.state import State
from mcmtpush.ports import Clock


CLOSE_SECONDS: Final = 2.0
"""How long the peer may take to close with us."""


class Link(Protocol):
    """A connection's side towards Twisted; begins in state `first`.

    Attributes:
        remote_ip: the gateway's address; empty before there is one.
    """

    def __init__(self, clock: Clock, first: State) -> None:
        self._clock = clock
        self._first = self._state = first
        self._deadline = inf  # of the present state
        self._paused = False
        self._alarm = Alarm(clock)
        self.remote_ip = ""

    def abort(self) -> None:
        """Drop the connection; what is unsettled will be undecided."""
        if self._state is State.LOST:
            return
        self._state = State.CLOSING
        self._deadline = inf
        self._alarm.stop()
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- what Twisted tells -------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is connected; a TLS handshake may be still to come."""
        if self._state is not self._first:
            self.abort()
            return
        transport: Any = self.transport
        self.remote_ip = set_up(transport, self)
        if not isinstance(transport, TLSMemoryBIOProtocol):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """The gateway may be written to."""
        raise NotImplementedError

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""

    # -- what languages ask -------------------------------------------------------

    def _leave(self) -> None:
        """Close in peace."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()


def set_up(transport: Any, producer: object) -> str:
    """Begin to use this transport, `producer` told when it is full; the peer's address.

    Empty where it has none.
    """
    for option in ("setTcpNoDelay", "setTcpKeepAlive"):
        if hasattr(transport, option):
            getattr(transport, option)(1)
    transport.registerProducer(producer, True)
    return getattr(transport.getPeer(), "host", "")


def stop_writing(transport: Any) -> None:
    """Whatever this transport still holds would be written in vain."""
    tcp = below_tls(transport)
    if hasattr(tcp, "stopWriting"):
        tcp.stopWriting()


def below_tls(transport: Any) -> Any:
    """The TCP transport that carries this one, or this one."""
    while isinstance(transport, TLSMemoryBIOProtocol):
        transport = transport.transport
    return transport
