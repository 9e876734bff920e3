"""Which session is offered to whom, and what comes of it over real handshakes."""

from __future__ import annotations

import gc
import os
import weakref
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import ConnectionCompleter
from zope.interface import implementer

from mcmtpush.config.views import DeliverySettings, Route, TlsClientSettings
from mcmtpush.delivery.connector import connector
from mcmtpush.delivery.tls.context import GLANCE_SECONDS, SharedContexts
from mcmtpush.delivery.tls.expiry import Expiries
from mcmtpush.delivery.tls.resumption import LASTS_SECONDS, MOST_FAILURES, Resumption
from tests.delivery.stage import NOW, Always
from tests.delivery.tls.paper import Paper, issue, openssl
from tests.delivery.tls.stage import Peer, TlsCase
from tests.support.case import TestCase


class ResumptionTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resumption = Resumption(self.clock)

    def test_offered_for_an_hour(self) -> None:
        """The latest that was kept, and none before or long after."""
        self.assertIsNone(self.resumption.offer())
        for session in ("first", "second"):
            self.resumption.keep(session)
            self.assertEqual(self.resumption.offer(), session)
        self.clock.advance(LASTS_SECONDS - 1)
        self.assertEqual(self.resumption.offer(), "second")
        self.clock.advance(1)
        self.assertIsNone(self.resumption.offer())
        self.resumption.keep("third")
        self.assertEqual(self.resumption.offer(), "third")

    def test_a_failure(self) -> None:
        """One that failed is not offered again, however many connections had it."""
        self.resumption.keep("bad")
        for _ in range(9):
            self.resumption.failed("bad")
        self.assertIsNone(self.resumption.offer())
        self.resumption.keep("good")
        self.resumption.failed("bad")
        self.assertEqual(self.resumption.offer(), "good")

    def test_a_server_that_cannot(self) -> None:
        """When one after the other fails there are no more."""
        for number in range(MOST_FAILURES):
            self.resumption.keep(number)
            self.assertEqual(self.resumption.offer(), number)
            self.resumption.failed(number)
        self.resumption.keep("another")
        self.assertIsNone(self.resumption.offer())

    def test_a_server_in_trouble(self) -> None:
        """One that works now and then gets its sessions offered."""
        for number in range(3 * MOST_FAILURES):
            self.resumption.keep(number)
            self.assertEqual(self.resumption.offer(), number)
            self.resumption.worked()
            self.resumption.failed(number)


@implementer(IOpenSSLServerConnectionCreator)
class Gate:
    """A server that resumes sessions, unless it was set up without a name for them."""

    def __init__(self, paper: Paper, session_id: bytes = b"gate") -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.use_certificate(openssl(paper))
        key: Any = paper.key
        self.context.use_privatekey(crypto.PKey.from_cryptography_key(key))
        self.context.set_verify(SSL.VERIFY_PEER, self.judge)
        if session_id:
            self.context.set_session_id(session_id)
        self.judged = 0

    def judge(self, *_: Any) -> bool:
        self.judged += 1
        return True

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self.context, None)


class HandshakeTests(TlsCase):
    """Sessions of earlier connections, over real handshakes."""

    def setUp(self) -> None:
        super().setUp()
        self.gate = Gate(issue("x", self.authority, "gateway.example", "other.example"))
        for name in ("one", "two"):
            app = issue(name, self.authority)
            self.write(f"{name}.pem", app.pem + app.key_pem())
        self.reactor = MemoryReactorClock()
        self.shared = SharedContexts(Expiries(lambda: NOW), self.reactor)
        self.alive: list[Any] = []

    def settings(self, **changes: Any) -> DeliverySettings:
        options = {
            "certificate": self.path("one.pem"),
            "ca": self.path("ca.pem"),
            "verify": "host",
            **changes,
        }
        return DeliverySettings(tls=TlsClientSettings(**options))

    def connect(
        self, host: str = "gateway.example", port: int = 2195, **changes: Any
    ) -> tuple[Peer, bool]:
        """One more queue connects; whether its certificate was looked at."""
        settings = self.settings(**changes)
        reactor = self.reactor
        lane = connector(reactor, settings, Always(), self.shared)
        reactor.tcpServers.clear()
        reactor.tcpClients.clear()
        reactor.listenTCP(
            port,
            TLSMemoryBIOFactory(self.gate, False, Factory.forProtocol(Peer), reactor),
        )
        peer, judged = Peer(), self.gate.judged
        endpoint = lane(Route("apn", host, port, 10))
        connected = endpoint.connect(Factory.forProtocol(lambda: peer))
        pump = ConnectionCompleter(reactor).succeedOnce()
        assert pump is not None
        self.successResultOf(connected)
        pump.flush()
        self.alive += [lane, peer]
        return peer, self.gate.judged > judged

    def test_another_queue_with_equal_settings(self) -> None:
        """Its handshake is the short one; the server knows who it is all the same."""
        self.assertEqual(self.connect()[1], True)
        for _ in range(3):
            peer, full = self.connect()
            self.assertTrue(peer.shaken)
            self.assertFalse(full)

    def test_never_for_others(self) -> None:
        """Not with another certificate, way of verifying, host or port."""
        self.connect()
        for changes in (
            {"certificate": self.path("two.pem")},
            {"verify": "ca"},
            {"verify": "no"},
            {"ciphers": "HIGH"},
            {"host": "other.example"},
            {"port": 2196},
        ):
            peer, full = self.connect(**changes)
            self.assertTrue(peer.shaken)
            self.assertTrue(full, changes)
        self.assertFalse(self.connect()[1])

    def test_new_certificate(self) -> None:
        """Nor once the file holds another one."""
        for full in (True, False):
            self.assertEqual(self.connect()[1], full)
        app = issue("renewed", self.authority)
        path = self.write("one.pem", app.pem + app.key_pem())
        os.utime(path, (1, 1))
        self.reactor.advance(GLANCE_SECONDS)
        for full in (True, False):
            self.assertEqual(self.connect()[1], full)

    def test_full_again_after_an_hour(self) -> None:
        """However many connections there were meanwhile."""
        self.connect()
        for _ in range(3):
            self.reactor.advance(LASTS_SECONDS / 4)
            self.assertFalse(self.connect()[1])
        self.reactor.advance(LASTS_SECONDS / 4)
        self.assertTrue(self.connect()[1])

    def test_tls_1_2(self) -> None:
        """Where no ticket comes behind the handshake, when the connection is closed."""
        options = {"protocols": "TLSv1.2"}
        peer, full = self.connect(**options)
        self.assertTrue(full)
        transport: Any = peer.transport
        transport.loseConnection()
        self.assertFalse(self.connect(**options)[1])

    def test_dropped_connection(self) -> None:
        """Its session is as good as that of one that was closed in peace."""
        peer, _ = self.connect()
        transport: Any = peer.transport
        handle = weakref.ref(transport.getHandle())
        transport.abortConnection()
        transport.connectionLost(Failure(ConnectionDone()))
        del peer, transport, self.alive[-1]
        self.reactor.tcpClients.clear()
        self.reactor.connectors.clear()
        gc.collect()
        self.assertIsNone(handle())
        self.assertFalse(self.connect()[1])

    def test_server_that_breaks_off(self) -> None:
        """It costs two connections, and then no more sessions are offered."""
        self.gate = Gate(issue("x", self.authority, "gateway.example"), b"")
        shaken = [self.connect()[0].shaken for _ in range(8)]
        self.assertEqual(shaken, [True, False, True, False] + [True] * 4)
