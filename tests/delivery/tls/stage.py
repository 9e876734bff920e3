"""A TLS server, a client of given settings, and the handshake between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter
from zope.interface import implementer

from mcmtpush.config.views import DeliverySettings, Route, TlsClientSettings
from mcmtpush.delivery.connector import Connector, connector
from mcmtpush.delivery.tls.context import SharedContexts
from mcmtpush.delivery.tls.expiry import Expiries
from tests.delivery.stage import NOW, Always
from tests.delivery.tls.paper import Paper, issue, openssl
from tests.support.case import TestCase


def make(reactor: Any, settings: DeliverySettings) -> Connector:
    """A connector whose warnings nobody minds."""
    shared = SharedContexts(Expiries(lambda: NOW), reactor)
    return connector(reactor, settings, Always(), shared)


@implementer(IHandshakeListener)
class Peer(Protocol):
    """Notes what happens to it; also what the other side showed."""

    def __init__(self) -> None:
        self.shaken = False
        self.received = b""
        self.reason: Any = None
        self.seen: list[str] = []
        self.version = ""
        self.server_name: bytes | None = None

    def handshakeCompleted(self) -> None:
        self.shaken = True
        handle = self.transport.getHandle()  # type: ignore[union-attr]
        leaf = handle.get_peer_certificate()
        chain = handle.get_peer_cert_chain() or []
        if leaf is not None:  # a server is told the chain without it
            self.seen = [each.get_subject().CN for each in (leaf, *chain)]
        self.version = handle.get_protocol_version_name()
        self.server_name = handle.get_servername()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason


@implementer(IOpenSSLServerConnectionCreator)
@define
class Server:
    """A TLS server that asks for a client certificate and believes anything."""

    paper: Paper
    chain: tuple[Paper, ...] = ()
    versions: tuple[int, int] = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
    built: list[Peer] = field(factory=list)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(self.versions[0])
        context.set_max_proto_version(self.versions[1])
        context.use_certificate(openssl(self.paper))
        for each in self.chain:
            context.add_extra_chain_cert(openssl(each))
        key: Any = self.paper.key
        context.use_privatekey(crypto.PKey.from_cryptography_key(key))
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_session_id(b"test")
        return SSL.Connection(context, None)

    def build(self) -> Peer:
        peer = Peer()
        self.built.append(peer)
        return peer


class TlsCase(TestCase):
    """An authority, and a client's files in a folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.authority = issue("authority", authority=True)
        self.write("ca.pem", self.authority.pem)

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def shake(
        self,
        server: Server,
        host: str = "gateway.example",
        client: Any = None,
        **tls: Any,
    ) -> tuple[Any, Peer]:
        """Connect a client of these settings to the server, as far as it goes."""
        reactor = MemoryReactorClock()
        settings = DeliverySettings(tls=TlsClientSettings(**tls))
        endpoint = make(reactor, settings)(Route("apn", host, 2195, 10))
        reactor.listenTCP(
            2195,
            TLSMemoryBIOFactory(
                server, False, Factory.forProtocol(server.build), reactor
            ),
        )
        client = client or Peer()
        connected = endpoint.connect(Factory.forProtocol(lambda: client))
        pump = ConnectionCompleter(reactor).succeedOnce()
        assert pump is not None
        self.assertIs(self.successResultOf(connected), client)
        pump.flush()
        return client, server.built[0]
