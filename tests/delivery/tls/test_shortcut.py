"""What leaves at once, and what has to wait."""

from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from mcmtpush.delivery.tls.shortcut import restore, shorten
from tests.support.case import TestCase, readable


class Reactor:
    """Remembers who wants to write."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        """Twisted's."""
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        """Twisted's."""
        self.writers.discard(writer)

    def removeReader(self, reader: Any) -> None:
        """Twisted's."""


class ShortenTests(TestCase):
    def setUp(self) -> None:
        """Twisted's own transport on one end of a pair of sockets."""
        self.begin()

    def begin(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)
        for end in (ours, self.theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.reactor = Reactor()
        self.transport: Any = Connection(ours, None, self.reactor)
        self.transport.connected = 1
        self.assertTrue(shorten(self.transport))

    def received(self) -> bytes:
        """All that is there now."""
        found = b""
        while True:
            try:
                piece = self.theirs.recv(1_000_000)
            except BlockingIOError:
                return found
            found += piece

    def test_at_once(self) -> None:
        """The reactor is not asked."""
        self.transport.write(b"a batch")
        self.assertEqual(self.received(), b"a batch")
        self.assertEqual(self.reactor.writers, set())

    def test_full(self) -> None:
        """What does not fit goes when there is room; then all is as before."""
        big = b"x" * 1_000_000
        self.transport.write(big)
        self.transport.write(b"behind")
        self.assertEqual(self.reactor.writers, {self.transport})
        found = self.received()
        self.assertLess(len(found), len(big))
        while self.reactor.writers:
            self.assertIsNone(self.transport.doWrite())
            found += self.received()
        self.assertEqual(found, big + b"behind")
        self.transport.write(b"again")
        self.assertEqual(self.received(), b"again")

    def test_broken(self) -> None:
        """Nothing is raised: the transport meets it at its turn."""
        self.theirs.close()
        self.transport.write(b"late")
        self.assertEqual(self.reactor.writers, {self.transport})

    def test_closing(self) -> None:
        """Behind the last words nothing is sent that Twisted would not send."""
        self.transport.loseConnection()
        self.transport.write(b"late")
        self.assertEqual(self.received(), b"")
        self.transport.connected = 0
        self.transport.write(b"later")
        self.assertEqual(self.received(), b"")

    def test_restored(self) -> None:
        """At the end the transport is Twisted's again, and refers to itself no more."""
        restore(self.transport)
        self.assertNotIn("write", vars(self.transport))
        self.transport.write(b"x")
        self.assertEqual(self.reactor.writers, {self.transport})
        restore(self.transport)

    def test_another_kind(self) -> None:
        """One without a socket is left as it is."""
        transport = StringTransport()
        self.assertFalse(shorten(transport))
        transport.write(b"x")
        self.assertEqual(transport.value(), b"x")

    def test_wrapper(self) -> None:
        """What would write past a wrapper is not let in: TLS would be left out."""
        wrapper: Any = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        wrapper.makeConnection(self.transport)
        self.assertFalse(shorten(wrapper))
        self.assertNotIn("write", vars(wrapper))

    @readable
    @given(st.lists(st.one_of(st.integers(1, 30_000), st.just(0)), max_size=20))
    def test_in_order(self, sizes: list[int]) -> None:
        """Whatever is written, and whenever the reactor has its turn (at each 0)."""
        self.begin()
        written = found = b""
        for number, size in enumerate(sizes):
            data = bytes([number]) * size
            written += data
            if size:
                self.transport.write(data)
            elif self.reactor.writers:
                found += self.received()
                self.transport.doWrite()
        while self.reactor.writers:
            found += self.received()
            self.transport.doWrite()
        self.assertEqual(found + self.received(), written)
