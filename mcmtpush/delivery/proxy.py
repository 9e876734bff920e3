"""Connecting through an HTTP proxy: CONNECT, and then as if there were none.

The tunnel is a stream like any other; TLS is spoken through it with the gateway,
whose name the proxy resolves.  Source: RFC 9110, 9.3.6.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer


HEADER_LIMIT: Final = 16384
"""Longest answer of a proxy, up to its empty line."""

_VERSION: Final = b"HTTP/1."
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_UNFIT = re.compile(r"[^ -~]")


class ProxyError(ConnectError):
    """The proxy would not, or could not; the text says why."""


@implementer(IStreamClientEndpoint)
@frozen
class ProxyEndpoint:
    """Connects to `host:port` by way of a proxy.

    Attributes:
        proxy: connects to the proxy itself.
        authorization: the value of Proxy-Authorization; None sends none.
    """

    proxy: IStreamClientEndpoint
    host: str
    port: int
    authorization: str | None

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the factory's protocol once the tunnel is there."""
        tunnel = _Tunnel(self._request(), factory)
        connecting: Deferred[Any] = self.proxy.connect(_TunnelFactory(tunnel))
        connecting.addCallback(tunnel.wait)
        return connecting

    def _request(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"CONNECT {host}:{self.port} HTTP/1.1",
            f"Host: {host}:{self.port}",
        ]
        if self.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Tunnel(Protocol):
    """Speaks with the proxy until it says 200, then hands its transport over."""

    transport: Any

    def __init__(self, request: bytes, factory: IProtocolFactory) -> None:
        self._request = request
        self._factory = factory
        self._received = b""
        self._inner: Any = None
        self._done: Deferred[IProtocol] = Deferred(self._cancel)

    def wait(self, _: object) -> Deferred[IProtocol]:
        """The proxy is connected; fires when the tunnel is."""
        return self._done

    def _cancel(self, _: object) -> None:
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """Ask for the tunnel."""
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """The answer; behind its empty line the gateway speaks."""
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._received += data
        head, gap, rest = self._received.partition(b"\r\n\r\n")
        if gap:
            self._judge(head + gap, rest)
        elif not _VERSION.startswith(self._received[: len(_VERSION)]):
            self._fail("its answer is not HTTP/1")
        elif len(self._received) > HEADER_LIMIT:
            self._fail("its answer has no end")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever has the transport now is told."""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        else:
            self._fail("it closed the connection before it answered CONNECT")

    def _judge(self, head: bytes, rest: bytes) -> None:
        status = _STATUS.match(head)
        if status is None:
            self._fail("its answer is not HTTP/1")
        elif status[1][:1] == b"2":
            self._hand_over(rest)
        else:
            words = (status[1] + b" " + (status[2] or b"")).decode("latin-1")
            hint = (
                "; check user and password in apn_proxy" if status[1] == b"407" else ""
            )
            self._fail(
                f"it answered CONNECT with {_UNFIT.sub('?', words).strip()}{hint}"
            )

    def _hand_over(self, rest: bytes) -> None:
        inner: Any = self._factory.buildProtocol(self.transport.getPeer())
        if inner is None:
            self._fail("the tunnel is not wanted any more")
            return
        self._inner = inner
        # Twisted's own transports let their protocol be replaced; others get it
        # through this one.
        self.transport.protocol = inner
        inner.makeConnection(self.transport)
        self._fire(inner)
        if rest:
            inner.dataReceived(rest)

    def _fail(self, why: str) -> None:
        self.transport.abortConnection()
        self._fire(Failure(ProxyError(string=f"the proxy: {why}")))

    def _fire(self, result: Any) -> None:
        if not self._done.called:
            self._done.callback(result)


class _TunnelFactory(Factory):
    """Builds the one tunnel that is there already."""

    noisy = False

    def __init__(self, tunnel: _Tunnel) -> None:
        self._tunnel = tunnel

    def buildProtocol(self, _addr: IAddress | None) -> _Tunnel:
        """Twisted has a transport for it."""
        return self._tunnel
