"""Tests: sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from mcmtpush.config.views import ListenSettings, TlsServerSettings
from mcmtpush.errors import ConfigError
from mcmtpush.reception.listener import Listener
from mcmtpush.reception.opening import remove_stale_socket
from tests.reception.scene import Scene, settings
from tests.support.case import TestCase


@define
class Sessions:
    """A factory that only remembers what it is told."""

    fault: ConfigError | None = None
    drained: Deferred[None] = field(factory=lambda: succeed(None))
    aborted: int = 0

    def prepare(self) -> None:
        if self.fault is not None:
            raise self.fault

    def drain(self) -> Deferred[None]:
        return self.drained

    def abort(self) -> None:
        self.aborted += 1
        self.drained.callback(None)


class Port:
    """An open port that knows whether it is open."""

    opened: list[Port] = []  # noqa: RUF012 - of one test

    def __init__(self) -> None:
        self.opened.append(self)

    def stopListening(self) -> None:  # noqa: N802 - Twisted's name
        self.opened.remove(self)


class Reactor(MemoryReactorClock):
    """A reactor whose ports are seen to close, and which can refuse one."""

    refused = ""
    error = OSError(98, "Address already in use")

    def __init__(self) -> None:
        super().__init__()
        Port.opened = []

    def listenTCP(  # noqa: N802 - Twisted's name
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        super().listenTCP(port, factory, backlog, interface)
        if interface and interface == self.refused:
            raise CannotListenError(interface, port, self.error)
        return Port()

    def listenUNIX(self, *arguments: Any, **named: Any) -> Any:  # noqa: N802 - Twisted's name
        super().listenUNIX(*arguments, **named)
        return Port()


class StartTests(TestCase):
    def test_every_kind_of_socket(self) -> None:
        """IPv4, IPv6 and Unix listens are opened with backlog and mode."""
        reactor, sessions, path = Reactor(), Sessions(), self.mktemp()
        listens = [
            ListenSettings(":25", host="", port=25),
            ListenSettings("127.0.0.1:26", host="127.0.0.1", port=26, backlog=7),
            ListenSettings("[::1]:27", host="::1", port=27),
            ListenSettings(path, path=path, file_mode=0o600, backlog=9),
        ]
        listener = Listener(reactor, [(each, sessions) for each in listens])
        self.successResultOf(listener.start())
        self.assertEqual(
            [(port, backlog, host) for port, _, backlog, host in reactor.tcpServers],
            [(25, 500, ""), (26, 7, "127.0.0.1"), (27, 500, "::1")],
        )
        [(address, factory, backlog, mode, _)] = reactor.unixServers
        self.assertEqual((address, backlog, mode), (path, 9, 0o600))
        self.assertIs(factory, sessions)
        self.assertEqual(len(Port.opened), 4)
        self.successResultOf(listener.stop())
        self.assertEqual(Port.opened, [])

    def test_ipv6_wildcard_leaves_ipv4_alone(self) -> None:
        """Every IPv6 address is a socket of its own beside every IPv4 address."""
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("::", 0))
            except OSError:
                self.skipTest("no IPv6 here")
            port = probe.getsockname()[1]
        taken: list[int] = []

        class Adopting(Reactor):
            def adoptStreamPort(  # noqa: N802 - Twisted's name
                self, fileno: int, family: int, _: Any
            ) -> Any:
                with socket.socket(fileno=os.dup(fileno)) as own:
                    taken.append(
                        own.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                    )
                    taken.append(own.getsockname()[1])
                taken.append(family)
                return Port()

        listen = ListenSettings("[*]:25", host="::", port=port)
        self.successResultOf(Listener(Adopting(), [(listen, Sessions())]).start())
        self.assertEqual(taken, [1, port, socket.AF_INET6])

    def test_address_in_use(self) -> None:
        """A refused address is named, and what was open is closed again."""
        reactor, sessions = Reactor(), Sessions()
        reactor.refused = "192.0.2.1"
        listens = [
            ListenSettings(":25", host="", port=25),
            ListenSettings("192.0.2.1:26", host="192.0.2.1", port=26),
        ]
        listener = Listener(reactor, [(each, sessions) for each in listens])
        error = self.failureResultOf(listener.start(), ConfigError).value
        self.assertEqual(
            str(error),
            "192.0.2.1:26: error: cannot listen: Address already in use; "
            "is another program using this address?",
        )
        self.assertEqual(Port.opened, [])

    def test_not_permitted(self) -> None:
        """A low port is another matter than a high one."""
        for port, told in ((25, True), (1023, True), (1024, False)):
            reactor = Reactor()
            reactor.refused, reactor.error = (
                "192.0.2.1",
                OSError(13, "Permission denied"),
            )
            listen = ListenSettings(f"192.0.2.1:{port}", host="192.0.2.1", port=port)
            failed = Listener(reactor, [(listen, Sessions())]).start()
            text = str(self.failureResultOf(failed, ConfigError).value)
            self.assertIn("cannot listen: Permission denied", text)
            self.assertEqual("conf/mcmtpush.service" in text, told)

    def test_broken_preparation(self) -> None:
        """What would make every session fail is found before the socket opens."""
        reactor = Reactor()
        broken = Sessions(ConfigError("cannot be read", "/etc/cert.pem"))
        listen = ListenSettings(":25", host="", port=25)
        failed = Listener(reactor, [(listen, broken)]).start()
        error = self.failureResultOf(failed, ConfigError).value
        self.assertEqual(error.file, "/etc/cert.pem")
        self.assertEqual(reactor.tcpServers, [])

    def test_esmtp_factory_is_prepared(self) -> None:
        """A listener's missing certificate is reported at start."""
        scene = Scene(settings(tls=TlsServerSettings("/nowhere/cert.pem")))
        listen = ListenSettings(":25", host="", port=25)
        failed = Listener(Reactor(), [(listen, scene.factory)]).start()
        error = self.failureResultOf(failed, ConfigError).value
        self.assertEqual(error.file, "/nowhere/cert.pem")


class StaleSocketTests(TestCase):
    def path(self) -> str:
        # A Unix socket's path must be short.
        path = os.path.relpath(self.mktemp())
        self.addCleanup(Path(path).unlink, missing_ok=True)
        return path

    def test_nobody_listens(self) -> None:
        """A socket that was left behind is removed."""
        path = self.path()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(path)
        self.assertTrue(Path(path).is_socket())
        remove_stale_socket(path)
        self.assertFalse(Path(path).exists())

    def test_somebody_listens(self) -> None:
        """A socket in use is left, even when its backlog is full."""
        path = self.path()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
            taken.bind(path)
            taken.listen(0)
            for _ in range(3):
                remove_stale_socket(path)
            self.assertTrue(Path(path).exists())

    def test_other_files(self) -> None:
        """A file that is no socket is left, and a missing one is no fault."""
        path = self.path()
        remove_stale_socket(path)
        Path(path).write_text("precious")
        remove_stale_socket(path)
        self.assertTrue(Path(path).exists())


class DrainTests(TestCase):
    def listener(self, sessions: Sessions) -> tuple[Reactor, Listener]:
        reactor = Reactor()
        listen = ListenSettings(":25", host="", port=25)
        listener = Listener(reactor, [(listen, sessions)])
        self.successResultOf(listener.start())
        return reactor, listener

    def test_sessions_finish(self) -> None:
        """Draining closes the ports, waits for the sessions and leaves no timer."""
        sessions = Sessions(drained=Deferred())
        reactor, listener = self.listener(sessions)
        draining = listener.drain(30)
        self.assertEqual(Port.opened, [])
        self.assertNoResult(draining)
        sessions.drained.callback(None)
        self.successResultOf(draining)
        self.assertEqual(reactor.getDelayedCalls(), [])
        self.assertEqual(sessions.aborted, 0)

    def test_sessions_do_not_finish(self) -> None:
        """After the given time they are cut off."""
        sessions = Sessions(drained=Deferred())
        reactor, listener = self.listener(sessions)
        draining = listener.drain(30)
        reactor.advance(29)
        self.assertNoResult(draining)
        reactor.advance(1)
        self.successResultOf(draining)
        self.assertEqual(sessions.aborted, 1)

    def test_nobody_there(self) -> None:
        """Without sessions it is done at once."""
        reactor, listener = self.listener(Sessions())
        self.successResultOf(listener.drain(30))
        self.assertEqual(reactor.getDelayedCalls(), [])
