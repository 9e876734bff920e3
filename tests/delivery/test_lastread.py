"""The gateway's last word is read although the write failed; on real sockets."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.delivery.lastread import read_before_loss
from tests.support.case import TestCase


class Idle:
    """A reactor that watches nothing: the test says what is ready."""

    def __init__(self) -> None:
        self.later: list[Any] = []

    def addReader(self, _: Any) -> None:  # noqa: N802 - Twisted's name
        pass

    addWriter = removeReader = removeWriter = addReader

    def callLater(self, _: float, call: Any, *args: Any) -> None:
        self.later.append((call, args))


class Hearing(Protocol):
    """Notes what it is told, and maybe hangs up at the first word."""

    hangs_up = False

    def __init__(self) -> None:
        self.heard: list[bytes | str] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        if self.hangs_up:
            self.transport.abortConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard.append("lost")


class LastReadTests(TestCase):
    def setUp(self) -> None:
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.create_connection(listener.getsockname())
        self.theirs, _ = listener.accept()
        self.addCleanup(self.theirs.close)
        ours.setblocking(False)
        self.addCleanup(ours.close)
        self.reactor = Idle()
        self.protocol = Hearing()
        watcher: Any = self.reactor
        self.transport: Any = Connection(ours, self.protocol, watcher)
        self.transport.logstr = "test"
        self.transport.connected = 1
        self.protocol.makeConnection(self.transport)

    def answer_and_reset(self) -> None:
        """Six bytes, then RST, with our bytes unread."""
        self.theirs.sendall(b"answer")
        linger = struct.pack("ii", 1, 0)
        self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.theirs.close()

    def write(self) -> None:
        """The operating system says that it takes bytes; what a reactor does then."""
        self.transport.write(b"more")
        for _ in range(1000):
            result = self.transport.doWrite()
            if result is not None:
                self.assertIsInstance(result, ConnectionLost)
                self.transport.connectionLost(Failure(result))
                return
            self.transport.write(b"more")
        self.fail("writing to a closed connection did not fail")

    def test_plain_twisted(self) -> None:
        """Without help the answer is lost: the trap is there."""
        self.answer_and_reset()
        self.write()
        self.assertEqual(self.protocol.heard, ["lost"])

    def test_read_before_loss(self) -> None:
        """With it the answer is heard first, and the end still comes."""
        read_before_loss(self.transport)
        self.answer_and_reset()
        self.write()
        self.assertEqual(self.protocol.heard, [b"answer", "lost"])

    def test_hanging_up_meanwhile(self) -> None:
        """Who hangs up because of the answer is told of the end once."""
        read_before_loss(self.transport)
        self.protocol.hangs_up = True
        self.answer_and_reset()
        self.write()
        for call, args in self.reactor.later:
            call(*args)
        self.assertEqual(self.protocol.heard, [b"answer", "lost"])

    def test_nothing_said(self) -> None:
        """A reset without a word is a loss as ever."""
        read_before_loss(self.transport)
        linger = struct.pack("ii", 1, 0)
        self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.theirs.close()
        self.write()
        self.assertEqual(self.protocol.heard, ["lost"])

    def test_writing_that_works(self) -> None:
        """What can be written is written, and nothing is read for it."""
        read_before_loss(self.transport)
        self.theirs.sendall(b"answer")
        self.transport.write(b"frames")
        self.assertIsNone(self.transport.doWrite())
        self.assertEqual(self.theirs.recv(100), b"frames")
        self.assertEqual(self.protocol.heard, [])

    def test_other_transports(self) -> None:
        """A transport that is no socket is left alone."""
        transport = StringTransport()
        read_before_loss(transport)
        transport.write(b"frames")
        self.assertEqual(transport.value(), b"frames")
