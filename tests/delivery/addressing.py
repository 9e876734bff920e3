"""A reactor that notes connections, and a resolver that obeys the test."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,  # noqa: A004 - Twisted's
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from mcmtpush.delivery.address import Means, RotatingEndpoint
from mcmtpush.delivery.rest import Rest
from tests.delivery.stage import Always
from tests.support.case import TestCase


HOST = "gateway.example"
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
SIX = "2001:db8::1"


class Names:
    """A resolver that knows `addresses`, and answers at once unless `slow`."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []
        self.slow = False
        self.receivers: list[Any] = []
        self.cancelled = 0
        self.stoppable = True

    def cancel(self) -> None:
        self.cancelled += 1
        if not self.stoppable:
            raise NotImplementedError

    def resolve(self, receiver: Any, name: str, port: int = 0, *_: Any) -> Any:
        self.asked.append((name, port))
        receiver.resolutionBegan(self)
        self.receivers.append(receiver)
        if not self.slow:
            self.answer()
        return self

    resolveHostName = resolve  # noqa: N815 - Twisted's name

    def answer(self) -> None:
        """Answer the oldest question."""
        receiver = self.receivers.pop(0)
        for address in self.addresses:
            kind: Any = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, 2195))
        receiver.resolutionComplete()


class AddressCase(TestCase):
    """A reactor that notes connections, and endpoints of one lane."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.names = Names(A, B, C)
        self.rest = Rest(self.reactor, rest_seconds=120)
        self.bind: str | None = None
        self.timeout_seconds = 30

    def dial(self, host: str = HOST) -> Deferred[Any]:
        """One attempt, by an endpoint of its own."""
        resolver: Any = self.names
        means = Means(
            self.reactor,
            resolver,
            self.reactor,
            Always(),
            self.rest,
            self.timeout_seconds,
            self.bind,
        )
        endpoint = RotatingEndpoint(host, 2195, means)
        return endpoint.connect(Factory.forProtocol(Protocol))

    @property
    def dialled(self) -> list[str]:
        """Addresses that were connected to, in order."""
        return [client[0] for client in self.reactor.tcpClients]

    def let(self, at: int = -1) -> None:
        """The connection is made."""
        factory = self.reactor.tcpClients[at][2]
        protocol: Any = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())

    def refuse(self, error: Exception | None = None) -> None:
        """The last connection is refused."""
        factory: Any = self.reactor.tcpClients[-1][2]
        reason = Failure(error or ConnectionRefusedError())
        factory.clientConnectionFailed(self.reactor.connectors[-1], reason)

    def fail(self, host: str = HOST) -> str:
        """One attempt that is refused; its text."""
        failing = self.dial(host)
        self.refuse()
        return self.failureResultOf(failing, ConnectError).getErrorMessage()
