"""Sockets that a parent opens and workers accept from."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorCore
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from mcmtpush.config.views import ListenSettings
from mcmtpush.errors import ConfigError
from mcmtpush.reception.listener import Listener
from mcmtpush.reception.opening import PAUSE_SECONDS, HeldSocket, adopt, hold
from tests.support.case import TestCase


@implementer(IReactorCore)
class Reactor(MemoryReactorClock):
    """Knows who would be called; calls nobody."""


class Greeter(Protocol):
    """Says which worker it is."""

    def connectionMade(self) -> None:
        name = self.factory.name  # type: ignore[union-attr]
        assert self.transport is not None
        self.transport.socket.send(name)  # type: ignore[attr-defined]


class OpeningCase(TestCase):
    def held(self, settings: ListenSettings) -> HeldSocket:
        """Open, until the test ends."""
        held = hold(settings)
        self.addCleanup(held.close)
        return held

    def tcp(self) -> ListenSettings:
        """A port that is free."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return ListenSettings(f"127.0.0.1:{port}", host="127.0.0.1", port=port)

    def unix(self, **named: Any) -> ListenSettings:
        """A path, which must be short."""
        path = os.path.relpath(self.mktemp())
        return ListenSettings(path, path=path, **named)


class HoldTests(OpeningCase):
    def test_tcp(self) -> None:
        """It listens, does not wait, and is gone when closed."""
        settings = self.tcp()
        held = self.held(settings)
        self.assertFalse(held.socket.getblocking())
        with socket.create_connection(("127.0.0.1", settings.port or 0)):
            pass
        held.close()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", settings.port or 0))

    def test_in_use(self) -> None:
        """The address and the reason are told."""
        settings = self.tcp()
        self.held(settings)
        with self.assertRaisesRegex(
            ConfigError, f"{settings.address}: error: cannot listen: Address already in"
        ):
            hold(settings)

    def test_ipv6_wildcard(self) -> None:
        """It leaves IPv4 alone."""
        try:
            held = self.held(ListenSettings("[*]:0", host="::", port=0))
        except ConfigError:
            self.skipTest("no IPv6 here")
        only = held.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        self.assertEqual((only, held.socket.family), (1, socket.AF_INET6))

    def test_unix(self) -> None:
        """With its mode, in the place of one left behind; the path goes with it."""
        settings = self.unix(file_mode=0o600)
        path = Path(settings.path or "")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        held = self.held(settings)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        held.close()
        self.assertFalse(path.exists())

    def test_unix_in_the_way(self) -> None:
        """A file is nobody's to remove."""
        settings = self.unix()
        Path(settings.path or "").write_text("precious")
        self.assertRaises(ConfigError, hold, settings)
        self.assertEqual(Path(settings.path or "").read_text(), "precious")


class AdoptTests(OpeningCase):
    ahead = False

    def setUp(self) -> None:
        self.waiting: set[Callable[[], None]] = set()

    def is_ahead(self) -> bool:
        """What the next port that asks is told, once."""
        ahead, self.ahead = self.ahead, False
        return ahead

    def worker(self, held: HeldSocket, name: bytes) -> Any:
        """A port of one worker, which accepts when its `doRead` is called."""
        factory: Any = Factory.forProtocol(Greeter)
        factory.name = name
        descriptor = os.dup(held.fileno())
        port: Any = adopt(Reactor(), held.settings, descriptor, factory, self)
        with self.assertRaises(OSError):
            os.fstat(descriptor)
        return port

    def connect(self, held: HeldSocket, count: int) -> list[socket.socket]:
        """So many clients."""
        address: Any = held.socket.getsockname()
        clients = []
        for _ in range(count):
            client = socket.socket(held.socket.family)
            client.connect(address)
            self.addCleanup(client.close)
            clients.append(client)
        return clients

    def assert_shared(self, held: HeldSocket) -> None:
        """Each takes one at a time; what is left is the others'."""
        clients = self.connect(held, 6)
        one, two = self.worker(held, b"1"), self.worker(held, b"2")
        for port in (one, one, two, one, two):
            port.doRead()
        self.assertEqual(
            [client.recv(9) for client in clients[:5]], [b"1", b"1", b"2", b"1", b"2"]
        )
        one.connectionLost(None)
        two.doRead()
        self.assertEqual(clients[5].recv(9), b"2")
        two.connectionLost(None)

    def test_tcp(self) -> None:
        """Two workers on one port."""
        self.assert_shared(self.held(self.tcp()))

    def test_who_is_ahead(self) -> None:
        """It leaves the next one to others for a moment, and takes it then."""
        held = self.held(self.tcp())
        one, two = self.worker(held, b"1"), self.worker(held, b"2")
        clients = self.connect(held, 3)
        self.ahead = True
        one.doRead()
        self.assertNotIn(one, one.reactor.getReaders())
        two.doRead()
        one.reactor.advance(PAUSE_SECONDS)
        self.assertIn(one, one.reactor.getReaders())
        self.assertEqual([client.recv(9) for client in clients[:2]], [b"2", b"1"])
        self.ahead = True
        one.doRead()
        (again,) = self.waiting
        self.ahead = True
        again()
        self.assertNotIn(one, one.reactor.getReaders())
        again()  # a session has ended, and it is ahead no more
        self.assertEqual((clients[2].recv(9), self.waiting), (b"1", set()))
        self.assertIn(one, one.reactor.getReaders())
        self.ahead = True
        one.doRead()
        one.connectionLost(None)
        self.assertEqual((one.reactor.getDelayedCalls(), self.waiting), ([], set()))
        two.connectionLost(None)

    def test_unix(self) -> None:
        """Two workers on one path, which is there when both are gone."""
        settings = self.unix(file_mode=0o600)
        held = self.held(settings)
        self.assert_shared(held)
        path = Path(settings.path or "")
        self.assertTrue(path.is_socket())
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_listener(self) -> None:
        """It adopts what is inherited, and lets go of it."""
        held = self.held(self.tcp())

        class Sessions(Factory):
            def prepare(self) -> None:
                """Nothing to do."""

        factory: Any = Sessions()
        descriptor = os.dup(held.fileno())
        listener = Listener(
            Reactor(),
            [(held.settings, factory)],
            {held.settings.address: descriptor},
        )
        self.successResultOf(listener.start())
        (port,) = listener._ports
        self.assertEqual(port.getHost().port, held.settings.port)
        self.addCleanup(port.connectionLost, None)  # type: ignore[attr-defined]
        self.assertNotEqual(port.fileno(), descriptor)  # type: ignore[attr-defined]
