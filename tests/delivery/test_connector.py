"""How a queue reaches its routes."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from mcmtpush.config.views import (
    DeliverySettings,
    KeySettings,
    ProxySettings,
    Route,
    TlsClientSettings,
)
from mcmtpush.errors import ConfigError
from tests.delivery.tls.stage import Peer, make
from tests.support.case import TestCase


A, B = "192.0.2.1", "192.0.2.2"


class LiteralResolver:
    """Resolves every name to these addresses, and notes the name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.names: list[str] = []

    def resolve(self, receiver: Any, name: str, *_: Any, **__: Any) -> Any:
        self.names.append(name)
        receiver.resolutionBegan(None)
        for address in self.addresses:
            receiver.addressResolved(IPv4Address("TCP", address, 2195))
        receiver.resolutionComplete()

    resolveHostName = resolve  # noqa: N815 - Twisted's name


class ConnectorTests(TestCase):
    def dial(self, route: Route, **settings: Any) -> Any:
        self.reactor = MemoryReactorClock()
        connect = make(self.reactor, DeliverySettings(**settings))
        connect(route).connect(Factory.forProtocol(Peer))
        return self.reactor.tcpClients[0]

    def test_defaults(self) -> None:
        """Without a port it is Apple's; without bind_address any of ours."""
        host, port, _, timeout, bind = self.dial(Route("apn", "gw.example", None, 1))
        self.assertEqual((host, port), ("127.0.0.1", 2195))
        self.assertEqual((timeout, bind), (300, None))

    def test_options(self) -> None:
        """Port, bind_address and connect_timeout reach the socket."""
        _, port, _, timeout, bind = self.dial(
            Route("apn", "gw.example", 4444, 1),
            connect_timeout_seconds=7,
            bind_address="192.0.2.9",
        )
        self.assertEqual((port, timeout, bind), (4444, 7, ("192.0.2.9", 0)))

    def test_http2(self) -> None:
        """Its port is another; with a key no certificate is looked for."""
        key = KeySettings("/nowhere/AuthKey.p8", "KEY0000001", "TEAM000001")
        tls = TlsClientSettings(certificate="/nowhere/cert.pem")
        route = Route("apn2", "gw.example", None, 1)
        self.assertEqual(self.dial(route, key=key, tls=tls)[:2], ("127.0.0.1", 443))
        with self.assertRaisesRegex(ConfigError, "cert.pem cannot be read"):
            self.dial(route, tls=tls)

    def test_proxy(self) -> None:
        """Routes over HTTP/2 go through it, the binary interface does not."""
        proxy = ProxySettings("192.0.2.7", 3128)
        for scheme, expected in (
            ("apn2", ("192.0.2.7", 3128)),
            ("apn", ("192.0.2.8", 2195)),
        ):
            route = Route(scheme, "192.0.2.8", None, 1)
            self.assertEqual(self.dial(route, proxy=proxy)[:2], expected)

    def test_ipv6_literal(self) -> None:
        """An address in brackets is dialled without them, and not looked up."""
        reactor = MemoryReactorClock()
        resolver: Any = LiteralResolver()
        reactor.installNameResolver(resolver)
        connect = make(reactor, DeliverySettings())
        connect(Route("apn", "[::1]", 2195, 1)).connect(Factory.forProtocol(Peer))
        self.assertEqual(resolver.names, [])
        self.assertEqual(reactor.tcpClients[0][:2], ("::1", 2195))

    def test_addresses_take_turns(self) -> None:
        """The addresses of a name take turns; one that failed rests as configured."""
        reactor = MemoryReactorClock()
        resolver: Any = LiteralResolver("192.0.2.1", "192.0.2.2")
        reactor.installNameResolver(resolver)
        connect = make(reactor, DeliverySettings(host_failure_retry_seconds=9))

        def dial() -> str:
            route = Route("apn", "gw.example", 2195, 1)
            connect(route).connect(Factory.forProtocol(Peer))
            host: str = reactor.tcpClients[-1][0]
            return host

        self.assertEqual([dial() for _ in range(3)], [A, B, A])
        connect.fail(B)
        self.assertEqual([dial() for _ in range(2)], [A, A])
        reactor.advance(9)
        self.assertEqual([dial() for _ in range(2)], [B, A])
        self.assertEqual(resolver.names, ["gw.example"] * 7)
