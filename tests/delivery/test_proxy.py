"""Through a proxy: what is asked, what is made of the answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.delivery.proxy import HEADER_LIMIT, ProxyEndpoint, ProxyError
from tests.support.case import TestCase, readable


class Near:
    """An endpoint that connects when the test says so."""

    def __init__(self) -> None:
        self.done: Deferred[Any] = Deferred()
        self.transport = StringTransport()

    def connect(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        return self.done

    def accept(self) -> None:
        protocol = self.factory.buildProtocol(None)
        self.transport.protocol = protocol  # type: ignore[attr-defined]
        protocol.makeConnection(self.transport)
        self.done.callback(protocol)

    def say(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)  # type: ignore[attr-defined]


class Inner(Protocol):
    """What is to be spoken through the tunnel."""

    def __init__(self) -> None:
        self.received = b""
        self.ends = 0

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"<hello>")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, _reason: Any = None) -> None:
        self.ends += 1


class ProxyTests(TestCase):
    """CONNECT and what comes of it."""

    def setUp(self) -> None:
        self.begin()

    def begin(
        self, host: str = "api.example", authorization: str | None = None
    ) -> None:
        """A connection attempt, with the proxy reached."""
        self.near, self.inner = Near(), Inner()
        endpoint = ProxyEndpoint(self.near, host, 443, authorization)
        factory = Factory.forProtocol(lambda: self.inner)
        self.connected = endpoint.connect(factory)
        self.near.accept()

    def test_asks_for_the_gateway(self) -> None:
        """Host and port twice, and nothing of the gateway's before the answer."""
        self.assertEqual(
            self.near.transport.value(),
            b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n",
        )

    def test_names_user_and_password(self) -> None:
        """When the configuration does; addresses of IPv6 are in brackets."""
        self.begin("::1", "Basic dTpw")
        self.assertEqual(
            self.near.transport.value(),
            b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"
            b"Proxy-Authorization: Basic dTpw\r\n\r\n",
        )

    @readable
    @given(st.lists(st.integers(0, 60), max_size=6))
    def test_hands_over(self, cuts: list[int]) -> None:
        """What stands behind the answer is the gateway's, in whatever pieces."""
        self.begin()
        self.near.transport.clear()
        data = b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nfrom there"
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in pairwise(edges):
            if end > start:
                self.near.say(data[start:end])
        self.assertIs(self.successResultOf(self.connected), self.inner)
        self.assertEqual(self.inner.received, b"from there")
        self.assertEqual(self.near.transport.value(), b"<hello>")
        self.assertIs(self.near.transport.protocol, self.inner)  # type: ignore[attr-defined]

    def refused(self) -> str:
        """The text of the failure; the connection is dropped."""
        error = self.failureResultOf(self.connected, ProxyError)
        self.assertTrue(self.near.transport.disconnecting)
        return str(error.value)

    def test_refusals(self) -> None:
        """Each says what the proxy said; a password that is wrong says where it is."""
        for answer, text in (
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered CONNECT with 403 Forbidden"),
            (b"HTTP/1.0 407 Auth\x07\r\n\r\n", "407 Auth?; check user and password"),
            (b"HTTP/1.1 502\r\n\r\n", "with 502"),
            (b"SSH-2.0-x\r\n\r\n", "its answer is not HTTP/1"),
            (b"SSH-2.0-x\r\n", "its answer is not HTTP/1"),
            (b"\x15\x03\x01", "its answer is not HTTP/1"),
            (b"HTTP/1.1 200 " + b"x" * HEADER_LIMIT, "its answer has no end"),
        ):
            self.begin()
            self.near.say(answer)
            self.assertIn(text, self.refused())

    def test_closes_without_an_answer(self) -> None:
        """That is no connection either."""
        self.near.transport.protocol.connectionLost(Failure(ConnectionDone()))  # type: ignore[attr-defined]
        self.assertIn("closed the connection before", self.refused())

    def test_unreachable(self) -> None:
        """The failure of the proxy's own endpoint comes through."""
        near = Near()
        connected = ProxyEndpoint(near, "h", 1, None).connect(Factory())
        near.done.errback(Failure(ConnectError()))
        self.failureResultOf(connected, ConnectError)

    def test_cancelled(self) -> None:
        """While the proxy thinks: the connection is dropped."""
        self.connected.cancel()
        self.assertTrue(self.near.transport.disconnecting)
        self.failureResultOf(self.connected)
