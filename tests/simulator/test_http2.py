"""The HTTP/2 half as a factory: TLS, who comes in by it, and who without."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, IOPump, connect

from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.http2 import ALPN, PATIENCE_SECONDS, ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.identity import Authority, Identity
from mcmtpush.simulator.provider.trust import Keyring
from mcmtpush.simulator.script import Action, Rule, Script
from tests.simulator.caller import KEY, NOW, TOPIC, Caller, a_jwt
from tests.support.case import TestCase


def make_factory(clock: Clock, journal: Journal, **more: Any) -> ApnsHttp2Factory:
    script = more.pop("script", Script())
    return ApnsHttp2Factory(
        script=script,
        journal=journal,
        clock=clock,
        now=lambda: NOW + clock.seconds(),
        dice=Random(script.seed),
        **more,
    )


class PlainTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.journal = Journal(keep=100)

    def test_provider_tokens(self) -> None:
        """Without TLS a client is who its token says."""
        factory = make_factory(self.clock, self.journal, keyring=Keyring([KEY]))
        caller = Caller(factory.buildProtocol(None))
        heard = caller.push(authorization=f"bearer {a_jwt()}")
        self.assertEqual((heard.status, heard.ended, heard.body), (200, True, b""))
        heard = caller.push()
        self.assertEqual((heard.status, heard.reason), (403, "MissingProviderToken"))
        self.assertEqual([line.auth for line in self.journal.lines], ["token"] * 2)

    def test_identity(self) -> None:
        """Or who the test says that a certificate said."""
        identity = Identity((TOPIC,))
        factory = make_factory(self.clock, self.journal, identity=identity)
        caller = Caller(factory.buildProtocol(None))
        self.assertEqual(caller.limits, [1000])
        self.assertEqual(caller.push(apns_topic=None).status, 200)
        (line,) = self.journal.lines
        self.assertEqual((line.auth, line.topic), ("certificate", TOPIC))

    def test_disconnect(self) -> None:
        """Whoever is connected is cut off."""
        factory = make_factory(self.clock, self.journal)
        callers = [Caller(factory.buildProtocol(None)) for _ in range(2)]
        callers[0].hang_up()
        factory.disconnect()
        self.assertEqual([caller.aborted for caller in callers], [False, True])

    def test_a_client_that_does_not_read(self) -> None:
        """Nothing is read from it either, whatever else it is paused for."""
        script = Script(rules=(Rule(action=Action.STALL, after=1, seconds=5),))
        identity = Identity((TOPIC,))
        factory = make_factory(
            self.clock, self.journal, identity=identity, script=script
        )
        caller = Caller(factory.buildProtocol(None))
        caller.producer.pauseProducing()
        self.assertTrue(caller.paused)
        caller.producer.resumeProducing()
        self.assertFalse(caller.paused)
        caller.push()
        caller.producer.pauseProducing()
        caller.producer.resumeProducing()
        self.assertTrue(caller.paused)
        self.clock.advance(5)
        self.assertFalse(caller.paused)

    def test_a_client_that_does_not_close(self) -> None:
        """It is cut off; one that does is not."""
        script = Script(rules=(Rule(action=Action.CLOSE, after=0),))
        factory = make_factory(self.clock, self.journal, script=script)
        callers = [Caller(factory.buildProtocol(None)) for _ in range(2)]
        callers[0].hang_up()
        self.clock.advance(PATIENCE_SECONDS)
        self.assertEqual([caller.closed for caller in callers], [True, True])
        self.assertEqual([caller.aborted for caller in callers], [False, True])

    def test_der_is_told_of_once(self) -> None:
        """A signature in the wrong form is let pass with a warning."""
        factory = make_factory(self.clock, self.journal, keyring=Keyring([KEY]))
        caller = Caller(factory.buildProtocol(None))
        with capturedLogs() as events:
            for _ in range(2):
                bearer = f"bearer {a_jwt(der=True)}"
                self.assertEqual(caller.push(authorization=bearer).status, 200)
        said = [formatEvent(event) for event in events]
        self.assertEqual(len(said), 1)
        self.assertIn(
            "connection 1: a provider token has its signature in DER", said[0]
        )
        self.assertTrue(all(line.der_signature for line in self.journal.lines))


class Ears(Protocol):
    """Keeps what comes."""

    def connectionMade(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class TlsTests(TestCase):
    def setUp(self) -> None:
        folder = str(Path(self.mktemp()).absolute())
        self.paths = make_development_certificates(folder, lambda: NOW)
        self.clock = Clock()
        self.journal = Journal(keep=100)
        ca = Path(self.paths.ca).read_bytes()
        self.factory = make_factory(
            self.clock, self.journal, authority=Authority(ca), keyring=Keyring([KEY])
        )
        self.identities: list[Identity | None] = []
        make = self.factory.connect

        def remember(identity: Identity | None, transport: Any) -> Any:
            self.identities.append(identity)
            return make(identity, transport)

        self.factory.connect = remember  # type: ignore[method-assign]

    def connect(
        self, *, alpn: bytes | None = ALPN, certificate: tuple[str, str] | None = None
    ) -> tuple[Any, Any, IOPump]:
        """A client and the server's side of it, after the handshake."""
        context = server_context(self.paths.server, self.paths.server_key, alpn=ALPN)
        server_side = TLSMemoryBIOFactory(context, False, self.factory, self.clock)
        more: dict[str, Any] = {}
        if certificate is not None:
            pem = "".join(Path(path).read_text() for path in certificate)
            loaded = PrivateCertificate.loadPEM(pem)
            more = {
                "certificate": loaded.original,
                "privateKey": loaded.privateKey.original,
            }
        if alpn is not None:
            more["acceptableProtocols"] = [alpn]
        options = CertificateOptions(**more)
        ears = Factory.forProtocol(Ears)
        client_side = TLSMemoryBIOFactory(options, True, ears, self.clock)
        client = client_side.buildProtocol(None)
        server = server_side.buildProtocol(None)
        assert client is not None
        pump = connect(
            server,
            FakeTransport(server, isServer=True),
            client,
            FakeTransport(client, isServer=False),
        )
        for _ in range(20):
            self.clock.advance(0)
            pump.flush()
        return client, server, pump

    def test_a_client_with_a_certificate(self) -> None:
        """Its topic is known, and that it is for development."""
        self.connect(certificate=(self.paths.client, self.paths.client_key))
        identity = Identity((TOPIC,), frozenset({"development"}), trusted=True)
        self.assertEqual(self.identities, [identity])

    def test_a_certificate_from_elsewhere(self) -> None:
        """It is let in, and not believed."""
        other = make_development_certificates(
            str(Path(self.mktemp()).absolute()), lambda: NOW
        )
        self.connect(certificate=(other.client, other.client_key))
        (identity,) = self.identities
        assert identity is not None
        self.assertFalse(identity.trusted)

    def test_a_certificate_that_is_out_of_date(self) -> None:
        """The clock that counts is the simulator's."""
        self.clock.advance(1000 * 86400)
        self.connect(certificate=(self.paths.client, self.paths.client_key))
        (identity,) = self.identities
        assert identity is not None
        self.assertFalse(identity.trusted)

    def test_a_client_without(self) -> None:
        """It has provider tokens, or nothing."""
        client, _, _ = self.connect()
        self.assertEqual(self.identities, [None])
        self.assertEqual(client.wrappedProtocol.received[3:4], b"\x04")

    def test_no_alpn(self) -> None:
        """A client that does not ask for HTTP/2 gets nothing."""
        for alpn in (None, b"http/1.1"):
            client, _, _ = self.connect(alpn=alpn)
            self.assertIsNone(client.wrappedProtocol)  # the connection is gone
        self.assertEqual(self.identities, [])
        self.assertEqual(self.factory.connected, set())

    def test_no_handshake(self) -> None:
        """A client that says nothing is not waited for."""
        context = server_context(self.paths.server, self.paths.server_key, alpn=ALPN)
        side = TLSMemoryBIOFactory(context, False, self.factory, self.clock)
        protocol = side.buildProtocol(None)
        transport = FakeTransport(protocol, isServer=True)
        assert protocol is not None
        protocol.makeConnection(transport)
        self.clock.advance(PATIENCE_SECONDS)
        self.assertTrue(transport.disconnecting or transport.disconnected)
