"""Replies that leave at once, and those that have to wait."""

from __future__ import annotations

import socket

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.reception.outflow import Outflow
from tests.support.case import TestCase


class PlainTransport(StringTransport):
    """A transport over one end of a real socket pair."""

    def __init__(self, handle: socket.socket) -> None:
        super().__init__()
        self.handle = handle
        self.lost: Failure | None = None

    def getHandle(self) -> socket.socket:
        """The socket, as TCP transports give it."""
        return self.handle

    def connectionLost(self, reason: Failure) -> None:
        """What the reactor says to a transport that is at its end."""
        self.lost = reason


class OutflowTests(TestCase):
    def setUp(self) -> None:
        """A connected pair of sockets."""
        self.ours, self.theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        for end in (self.ours, self.theirs):
            end.setblocking(False)
        self.transport = PlainTransport(self.ours)
        self.outflow = Outflow(self.transport, self)

    def test_at_once(self) -> None:
        """What the system takes never touches the transport."""
        self.outflow.write(b"250 ok\r\n")
        self.assertEqual(self.theirs.recv(100), b"250 ok\r\n")
        self.assertEqual(self.transport.value(), b"")
        self.assertIsNone(self.transport.producer)
        self.assertTrue(self.outflow.direct)

    def test_a_full_pipe_diverts(self) -> None:
        """The rest of what does not fit, and all behind it, goes by the transport."""
        big = b"x" * 10_000_000
        self.outflow.write(big)
        self.outflow.write(b"behind")
        received = b""
        while True:
            try:
                received += self.theirs.recv(1_000_000)
            except BlockingIOError:
                break
        self.assertGreater(len(received), 0)
        self.assertEqual(received + self.transport.value(), big + b"behind")

    def test_a_broken_pipe_is_left_to_the_transport(self) -> None:
        """An error is not raised: the transport will meet it."""
        self.theirs.close()
        self.ours.close()
        self.outflow.write(b"late")
        self.assertEqual(self.transport.value(), b"late")

    def test_diverted(self) -> None:
        """Once diverted, as for TLS, everything goes by the transport."""
        self.outflow.divert()
        self.outflow.divert()
        self.assertIs(self.transport.producer, self)
        self.assertFalse(self.outflow.direct)
        self.outflow.write(b"secret")
        self.assertEqual(self.transport.value(), b"secret")

    def test_close_at_once(self) -> None:
        """Where nothing waits, the transport ends within the call."""
        self.outflow.write(b"221 bye\r\n")
        self.outflow.close()
        self.assertIsNotNone(
            self.transport.lost and self.transport.lost.check(ConnectionDone)
        )
        self.assertFalse(self.transport.disconnecting)

    def test_close_behind(self) -> None:
        """Where something waits, the transport sends it and hangs up then."""
        self.outflow.divert()
        self.outflow.write(b"221 bye\r\n")
        self.outflow.close()
        self.assertIsNone(self.transport.lost)
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)
        self.assertEqual(self.transport.value(), b"221 bye\r\n")

    def test_no_garbage(self) -> None:
        """At its end it lets go of the dialogue, which holds it."""
        self.assertIn(self, vars(self.outflow).values())
        self.outflow.end()
        self.assertNotIn(self, vars(self.outflow).values())
        self.assertFalse(self.outflow.direct)

    def test_a_transport_without_socket(self) -> None:
        """Transports in memory are written to as always."""
        transport = StringTransport()
        Outflow(transport, self).write(b"220 hi\r\n")
        self.assertEqual(transport.value(), b"220 hi\r\n")
