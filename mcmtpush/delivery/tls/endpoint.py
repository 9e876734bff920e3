"""TLS over any way to a host."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from mcmtpush.delivery.tls.handshake import TlsProtocol


class _TlsFactory(TLSMemoryBIOFactory):
    protocol = TlsProtocol


@implementer(IStreamClientEndpoint)
@frozen
class TlsEndpoint:
    """Connects with TLS; fires with the protocol once TCP is connected.

    The protocol is told of the finished handshake through `IHandshakeListener`.
    """

    endpoint: IStreamClientEndpoint
    creator: IOpenSSLClientConnectionCreator
    clock: IReactorTime

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted's interface: one connection attempt."""
        wrapping = _TlsFactory(self.creator, True, factory, self.clock)
        return self.endpoint.connect(wrapping).addCallback(_unwrap)


def _unwrap(protocol: Any) -> IProtocol:
    wrapped: IProtocol = protocol.wrappedProtocol
    return wrapped
