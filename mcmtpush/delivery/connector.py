"""How a queue reaches its routes: by address, through a proxy, over TLS.

Keeps no connections, and knows no notifications.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve, frozen
from twisted.internet.interfaces import IStreamClientEndpoint

from mcmtpush.config.views import (
    DeliverySettings,
    ProxySettings,
    Route,
    TlsClientSettings,
)
from mcmtpush.delivery.address import EveryAddress, Means, RotatingEndpoint
from mcmtpush.delivery.proxy import ProxyEndpoint
from mcmtpush.delivery.rest import Rest
from mcmtpush.delivery.routes import HTTP2, port_of
from mcmtpush.delivery.tls.context import SharedContexts, TlsContexts
from mcmtpush.delivery.tls.endpoint import TlsEndpoint
from mcmtpush.ports import Dice


_HTTP2_PROTOCOL: Final = b"h2"
"""What is agreed on in the handshake (ALPN); RFC 9113, 3.1."""


@frozen
class Connector:
    """How one queue reaches its routes; `http2_contexts` are for their scheme.

    Only routes over HTTP/2 go through the `proxy`, if there is one.
    """

    contexts: TlsContexts
    http2_contexts: TlsContexts
    means: Means
    proxy: ProxySettings | None = None

    def __call__(self, route: Route) -> IStreamClientEndpoint:
        """For one connection; raises `ConfigError` when TLS files cannot be used."""
        host = route.host.strip("[]")
        if route.scheme != HTTP2:
            endpoint = self._reach(host, port_of(route))
            creator = self.contexts.creator(host, port_of(route))
        else:
            endpoint = self._tunnel(host, port_of(route))
            creator = self.http2_contexts.creator(host, port_of(route))
        return TlsEndpoint(endpoint, creator, self.means.reactor)

    def _reach(self, host: str, port: int) -> IStreamClientEndpoint:
        return EveryAddress(RotatingEndpoint(host, port, self.means))

    def _tunnel(self, host: str, port: int) -> IStreamClientEndpoint:
        proxy = self.proxy
        if proxy is None:
            return self._reach(host, port)
        near = self._reach(proxy.host, proxy.port)
        return ProxyEndpoint(near, host, port, proxy.authorization)

    def fail(self, address: str) -> None:
        """A connection to this IP address was worth nothing: let it rest."""
        self.means.rest.fail(address)


def connector(
    reactor: Any, settings: DeliverySettings, dice: Dice, shared: SharedContexts
) -> Connector:
    """How a queue reaches its routes: by name or address, over TLS.

    Names are looked up for every connection, IPv6 and IPv4; addresses take turns,
    and one that failed rests.
    """
    means = Means(
        reactor,
        reactor.nameResolver,
        reactor,
        dice,
        Rest(reactor, rest_seconds=settings.host_failure_retry_seconds),
        settings.connect_timeout_seconds,
        settings.bind_address,
    )
    return Connector(
        shared.of(settings.tls),
        shared.of(_http2_tls(settings), (_HTTP2_PROTOCOL,)),
        means,
        settings.proxy,
    )


def _http2_tls(settings: DeliverySettings) -> TlsClientSettings:
    """A client that shows a certificate is not asked for its tokens."""
    if settings.key is None:
        return settings.tls
    return evolve(settings.tls, certificate=None, key=None)
