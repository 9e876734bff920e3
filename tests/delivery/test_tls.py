"""TLS towards gateways: who is believed, who we are, and what files may go wrong."""

from __future__ import annotations

import datetime as dt
import gc
import os
import weakref
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import ConnectionCompleter
from zope.interface import implementer

from mcmtpush.config.views import (
    DeliverySettings,
    KeySettings,
    ProxySettings,
    Route,
    TlsClientSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.delivery.expiry import Expiries
from mcmtpush.delivery.resumption import LASTS_SECONDS
from mcmtpush.delivery.tls import (
    GLANCE_SECONDS,
    Connector,
    SharedContexts,
    TlsContexts,
    connector,
    read_protocols,
)
from mcmtpush.errors import ConfigError
from tests.delivery.stage import NOW, Always
from tests.support.case import TestCase


A, B = "192.0.2.1", "192.0.2.2"
DAY = dt.timedelta(days=1)
TODAY = dt.datetime.now(dt.UTC)


def make(reactor: Any, settings: DeliverySettings) -> Connector:
    """A connector whose warnings nobody minds."""
    shared = SharedContexts(Expiries(lambda: NOW), reactor)
    return connector(reactor, settings, Always(), shared)


@frozen
class Paper:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, phrase: bytes | None = None) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(phrase)
            if phrase
            else serialization.NoEncryption(),
        )


def issue(
    name: str,
    issuer: Paper | None = None,
    *hosts: str,
    until: dt.datetime = TODAY + 100 * DAY,
    authority: bool = False,
) -> Paper:
    """A certificate for `hosts`; without issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(TODAY - 200 * DAY)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if hosts:
        names = [_general_name(host) for host in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    signer = issuer.key if issuer else key
    return Paper(builder.sign(signer, hashes.SHA256()), key)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@implementer(IHandshakeListener)
class Peer(Protocol):
    """Notes what happens to it; also what the other side showed."""

    def __init__(self) -> None:
        self.shaken = False
        self.received = b""
        self.reason: Any = None
        self.seen: list[str] = []
        self.version = ""
        self.server_name: bytes | None = None

    def handshakeCompleted(self) -> None:
        self.shaken = True
        handle = self.transport.getHandle()  # type: ignore[union-attr]
        leaf = handle.get_peer_certificate()
        chain = handle.get_peer_cert_chain() or []
        if leaf is not None:  # a server is told the chain without it
            self.seen = [each.get_subject().CN for each in (leaf, *chain)]
        self.version = handle.get_protocol_version_name()
        self.server_name = handle.get_servername()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason


@implementer(IOpenSSLServerConnectionCreator)
@define
class Server:
    """A TLS server that asks for a client certificate and believes anything."""

    paper: Paper
    chain: tuple[Paper, ...] = ()
    versions: tuple[int, int] = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
    built: list[Peer] = field(factory=list)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(self.versions[0])
        context.set_max_proto_version(self.versions[1])
        context.use_certificate(_openssl(self.paper))
        for each in self.chain:
            context.add_extra_chain_cert(_openssl(each))
        key: Any = self.paper.key
        context.use_privatekey(crypto.PKey.from_cryptography_key(key))
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_session_id(b"test")
        return SSL.Connection(context, None)

    def build(self) -> Peer:
        peer = Peer()
        self.built.append(peer)
        return peer


def _openssl(paper: Paper) -> Any:
    return crypto.X509.from_cryptography(paper.certificate)


class LiteralResolver:
    """Resolves every name to these addresses, and notes the name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.names: list[str] = []

    def resolve(self, receiver: Any, name: str, *_: Any, **__: Any) -> Any:
        self.names.append(name)
        receiver.resolutionBegan(None)
        for address in self.addresses:
            receiver.addressResolved(IPv4Address("TCP", address, 2195))
        receiver.resolutionComplete()

    resolveHostName = resolve  # noqa: N815 - Twisted's name


class TlsCase(TestCase):
    """An authority, and a client's files in a folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.authority = issue("authority", authority=True)
        self.write("ca.pem", self.authority.pem)

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def shake(
        self,
        server: Server,
        host: str = "gateway.example",
        client: Any = None,
        **tls: Any,
    ) -> tuple[Any, Peer]:
        """Connect a client of these settings to the server, as far as it goes."""
        reactor = MemoryReactorClock()
        settings = DeliverySettings(tls=TlsClientSettings(**tls))
        endpoint = make(reactor, settings)(Route("apn", host, 2195, 10))
        reactor.listenTCP(
            2195,
            TLSMemoryBIOFactory(
                server, False, Factory.forProtocol(server.build), reactor
            ),
        )
        client = client or Peer()
        connected = endpoint.connect(Factory.forProtocol(lambda: client))
        pump = ConnectionCompleter(reactor).succeedOnce()
        assert pump is not None
        self.assertIs(self.successResultOf(connected), client)
        pump.flush()
        return client, server.built[0]


class VerifyTests(TlsCase):
    def assert_accepted(self, server: Server, **options: Any) -> None:
        client, peer = self.shake(server, **options)
        self.assertTrue(client.shaken, client.reason)
        self.assertTrue(peer.shaken)
        self.assertIsNone(client.reason)

    def assert_refused(self, text: str, server: Server, **options: Any) -> None:
        client, _ = self.shake(server, **options)
        self.assertFalse(client.shaken)
        self.assertIn(text, client.reason.getErrorMessage())

    def test_no(self) -> None:
        """Anybody is believed: a stranger's certificate, expired and for others."""
        stranger = issue("stranger", None, "other.example", until=TODAY - DAY)
        self.assert_accepted(Server(stranger), verify="no")

    def test_ca(self) -> None:
        """A certificate of the authority is believed whatever name it has."""
        server = Server(issue("x", self.authority, "other.example"))
        self.assert_accepted(server, verify="ca", ca=self.path("ca.pem"))

    def test_ca_with_a_chain(self) -> None:
        """So is one with an authority in between."""
        middle = issue("middle", self.authority, authority=True)
        server = Server(issue("x", middle, "other.example"), (middle,))
        self.assert_accepted(server, verify="ca", ca=self.path("ca.pem"))

    def test_ca_refuses_foreign(self) -> None:
        """Another authority's certificate is not, nor one signed by itself."""
        foreign = issue("foreign", authority=True)
        options = {"verify": "ca", "ca": self.path("ca.pem")}
        server = Server(issue("x", foreign, "gateway.example"))
        self.assert_refused("issuer is not in tls_ca", server, **options)
        server = Server(issue("x", None, "gateway.example"))
        self.assert_refused("self-signed", server, **options)

    def test_ca_refuses_expired(self) -> None:
        """An expired one is refused, and the reason says so."""
        paper = issue("x", self.authority, "gateway.example", until=TODAY - DAY)
        options = {"verify": "ca", "ca": self.path("ca.pem")}
        self.assert_refused("has expired", Server(paper), **options)

    def test_host(self) -> None:
        """The name of the route has to be in the certificate; wildcards count."""
        options = {"verify": "host", "ca": self.path("ca.pem")}
        for name in ("a.push.example", "*.push.example"):
            server = Server(issue("x", self.authority, "b.example", name))
            self.assert_accepted(server, host="a.push.example", **options)

    def test_host_refuses_wrong_name(self) -> None:
        """A certificate of the right authority for somebody else is refused."""
        server = Server(issue("gateway.example", self.authority, "other.example"))
        options = {"verify": "host", "ca": self.path("ca.pem")}
        self.assert_refused("not for gateway.example", server, **options)

    def test_host_refuses_foreign_and_expired(self) -> None:
        """The right name alone is worth nothing."""
        options = {"verify": "host", "ca": self.path("ca.pem")}
        foreign = issue("foreign", authority=True)
        server = Server(issue("x", foreign, "gateway.example"))
        self.assert_refused("issuer is not in tls_ca", server, **options)
        paper = issue("x", self.authority, "gateway.example", until=TODAY - DAY)
        self.assert_refused("has expired", Server(paper), **options)

    def test_host_by_address(self) -> None:
        """A route by address needs the address in the certificate, as an address."""
        options = {"verify": "host", "ca": self.path("ca.pem"), "host": "127.0.0.1"}
        server = Server(issue("x", self.authority, "127.0.0.1"))
        self.assert_accepted(server, **options)
        server = Server(issue("x", self.authority, "127.0.0.2"))
        self.assert_refused("not for 127.0.0.1", server, **options)

    def test_system_authorities(self) -> None:
        """Without tls_ca the system's authorities count, which know nothing of ours."""
        server = Server(issue("x", self.authority, "gateway.example"))
        self.assert_refused("issuer is not in tls_ca", server, verify="ca")

    def test_impossible_identity(self) -> None:
        """A host that no certificate can name is refused before connecting."""
        settings = TlsClientSettings(verify="host", ca=self.path("ca.pem"))
        error = self.assertRaises(ConfigError, TlsContexts(settings).creator, "a..b")
        self.assertEqual(error.option, "tls_verify")


class HandshakeTests(TlsCase):
    def connection(self) -> tuple[BinaryConnection, list[str]]:
        told: list[str] = []

        class Owner:
            def __getattr__(self, name: str) -> Any:
                return lambda *_: told.append(name)

        connection = BinaryConnection(
            Owner(),
            settings=DeliverySettings(),
            clock=MemoryReactorClock(),
            now=lambda: NOW,
            counters=Counters(),
        )
        return connection, told

    def test_connected_after_the_handshake(self) -> None:
        """A connection is ready when the gateway's certificate has been judged."""
        connection, told = self.connection()
        server = Server(issue("x", self.authority, "gateway.example"))
        self.shake(server, client=connection, verify="host", ca=self.path("ca.pem"))
        self.assertEqual(told, ["connected"])

    def test_never_connected_to_an_impostor(self) -> None:
        """Nothing could be written to a gateway that was not believed."""
        connection, told = self.connection()
        server = Server(issue("x", self.authority, "other.example"))
        self.shake(server, client=connection, verify="host", ca=self.path("ca.pem"))
        self.assertEqual(told, ["ended"])
        self.assertEqual(connection.room, 0)


class IdentityTests(TlsCase):
    """What the server learns of us."""

    def setUp(self) -> None:
        super().setUp()
        self.server = Server(issue("x", self.authority, "gateway.example"))
        self.app = issue("app", self.authority)
        self.write("app.pem", self.app.pem)
        self.write("app.key", self.app.key_pem())

    def test_certificate_and_key(self) -> None:
        """The certificate is shown, with the key from its own file."""
        _, peer = self.shake(
            self.server, certificate=self.path("app.pem"), key=self.path("app.key")
        )
        self.assertEqual(peer.seen, ["app"])

    def test_everything_in_one_file(self) -> None:
        """Key, certificate and chain may stand in one file, with text between."""
        middle = issue("middle", self.authority, authority=True)
        app = issue("app2", middle)
        path = self.write(
            "all.pem",
            b"Bag Attributes\n    friendlyName: app\n"
            + app.key_pem()
            + app.pem
            + b"subject=CN = middle\n"
            + middle.pem,
        )
        _, peer = self.shake(self.server, certificate=path)
        self.assertEqual(peer.seen, ["app2", "middle"])

    def test_none(self) -> None:
        """No certificate, and none that cancels an inherited one, show nothing."""
        for certificate in (None, "none"):
            self.server.built.clear()
            client, peer = self.shake(self.server, certificate=certificate)
            self.assertTrue(client.shaken)
            self.assertEqual(peer.seen, [])

    def test_server_name(self) -> None:
        """A host name is announced to the server, an address is not."""
        _, peer = self.shake(self.server)
        self.assertEqual(peer.server_name, b"gateway.example")
        self.server.built.clear()
        _, peer = self.shake(self.server, host="127.0.0.1")
        self.assertIsNone(peer.server_name)

    def test_versions(self) -> None:
        """tls_protocols decides between 1.2 and 1.3."""
        for protocols, expected in {
            "+ALL": "TLSv1.3",
            "+ALL:-TLSv1.3": "TLSv1.2",
            "+TLSv1.2": "TLSv1.2",
            "-TLSv1.2": "TLSv1.3",
        }.items():
            self.server.built.clear()
            _, peer = self.shake(self.server, protocols=protocols)
            self.assertEqual(peer.version, expected)

    def test_no_old_versions(self) -> None:
        """A server that speaks nothing newer than TLS 1.1 is not talked to."""
        self.server.versions = (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION)
        client, _ = self.shake(self.server, protocols="+ALL:+TLSv1.0")
        self.assertFalse(client.shaken)
        self.assertIsNotNone(client.reason)

    def test_ciphers(self) -> None:
        """tls_ciphers is OpenSSL's list; DEFAULT is as if it were not there."""
        for ciphers in ("DEFAULT", "ECDHE-ECDSA-AES128-GCM-SHA256:HIGH"):
            self.server.built.clear()
            client, _ = self.shake(self.server, ciphers=ciphers)
            self.assertTrue(client.shaken)


class FileTests(TlsCase):
    """Files that cannot be used are told by option and path."""

    def setUp(self) -> None:
        super().setUp()
        self.app = issue("app", self.authority)
        self.good = self.write("good.pem", self.app.pem)
        self.key = self.write("good.key", self.app.key_pem())

    def assert_fault(self, option: str, path: str, text: str, **tls: Any) -> None:
        contexts = TlsContexts(TlsClientSettings(**tls))
        error = self.assertRaises(ConfigError, contexts.creator, "gateway.example")
        self.assertEqual(error.option, option)
        self.assertIn(option, error.message)
        self.assertIn(text, error.message)
        self.assertIn(path, error.message)

    def test_missing_files(self) -> None:
        """A file that is not there, for each of the options."""
        gone = self.path("gone.pem")
        text = "No such file"
        self.assert_fault("tls_certificate", gone, text, certificate=gone)
        self.assert_fault("tls_key", gone, text, certificate=self.good, key=gone)
        self.assert_fault("tls_ca", gone, text, verify="ca", ca=gone)

    def test_files_of_something_else(self) -> None:
        """A file that holds no PEM, for each of the options."""
        junk = self.write("junk.pem", b"\x30\x82 not PEM at all \xff")
        text = "holds no PEM"
        self.assert_fault("tls_certificate", junk, text, certificate=junk)
        self.assert_fault("tls_key", junk, text, certificate=self.good, key=junk)
        self.assert_fault("tls_ca", junk, text, verify="host", ca=junk)

    def test_broken_pem(self) -> None:
        """PEM around something that is no certificate."""
        broken = self.app.pem.replace(b"MII", b"AAA", 1)
        path = self.write("broken.pem", broken)
        self.assert_fault("tls_certificate", path, "no PEM", certificate=path)

    def test_key_nowhere(self) -> None:
        """Without tls_key the certificate's file has to hold the key."""
        self.assert_fault(
            "tls_key", self.good, "tls_key is not set", certificate=self.good
        )

    def test_key_of_another(self) -> None:
        """A key that does not belong to the certificate."""
        other = self.write("other.key", issue("y").key_pem())
        text = "does not belong"
        self.assert_fault("tls_key", other, text, certificate=self.good, key=other)

    def test_pass_phrase(self) -> None:
        """A key with a pass phrase: nobody could type it, and nobody is asked."""
        locked = self.write("locked.key", self.app.key_pem(b"secret"))
        text = "pass phrase"
        self.assert_fault("tls_key", locked, text, certificate=self.good, key=locked)

    def test_no_such_cipher(self) -> None:
        """A list of ciphers that OpenSSL does not know."""
        self.assert_fault("tls_ciphers", "ROT13", "names no cipher", ciphers="ROT13")

    def test_mended(self) -> None:
        """What was wrong is read again as soon as somebody connects again."""
        path = self.path("late.key")
        contexts = TlsContexts(TlsClientSettings(certificate=self.good, key=path))
        self.assertRaises(ConfigError, contexts.creator, "gateway.example")
        self.write("late.key", self.app.key_pem())
        contexts.creator("gateway.example")

    def test_cached_until_changed(self) -> None:
        """One context serves all connections, until a file is replaced."""
        contexts = TlsContexts(
            TlsClientSettings(certificate=self.good, key=self.key, verify="no")
        )
        first = contexts.creator("gateway.example").context  # type: ignore[attr-defined]
        again = contexts.creator("other.example").context  # type: ignore[attr-defined]
        self.assertIs(first, again)
        renewed = issue("renewed", self.authority)
        self.write("good.pem", renewed.pem)
        self.write("good.key", renewed.key_pem())
        os.utime(self.key, (1, 1))
        fresh = contexts.creator("gateway.example").context  # type: ignore[attr-defined]
        self.assertIsNot(first, fresh)


class RenewalTests(TlsCase):
    """Files that change while they are in use, and certificates that end."""

    def setUp(self) -> None:
        super().setUp()
        self.now = TODAY.timestamp()
        self.told: list[str] = []

        def observe(event: Any) -> None:
            if event.get("log_namespace") == "mcmtpush.delivery.tls":
                text = formatEvent(event).replace(str(self.folder), "")
                self.told.append(f"{event['log_level'].name}: {text}")

        publisher: Any = globalLogPublisher
        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)
        self.expiries = Expiries(lambda: self.now)
        self.app = issue("app", self.authority)
        self.certificate = self.write("app.pem", self.app.pem + self.app.key_pem())
        self.contexts = self.make()

    def make(self) -> TlsContexts:
        return TlsContexts(
            TlsClientSettings(certificate=self.certificate), self.expiries
        )

    def context(self) -> Any:
        creator: Any = self.contexts.creator("gateway.example")
        return creator.context

    def replace(self, content: bytes, stamp: int) -> None:
        """Write the file anew; the stamp makes sure that the change is seen."""
        self.write("app.pem", content)
        os.utime(self.certificate, (stamp, stamp))

    def test_bad_new_file(self) -> None:
        """What was read stays in use, and is complained about once a change."""
        old = self.context()
        self.replace(b"nonsense", 1)
        self.assertIs(self.context(), old)
        self.assertIs(self.context(), old)
        self.assertEqual(
            self.told,
            [
                (
                    "error: tls_certificate: /app.pem holds no PEM certificate; new "
                    "connections go on with what was read before, until the file is "
                    "corrected"
                )
            ],
        )
        Path(self.certificate).unlink()
        self.assertIs(self.context(), old)
        self.assertEqual(len(self.told), 2)
        self.assertIn("cannot be read", self.told[1])

    def test_good_after_bad(self) -> None:
        """A corrected file is used at once."""
        old = self.context()
        self.replace(b"nonsense", 1)
        self.context()
        fresh = issue("fresh", self.authority)
        self.replace(fresh.pem + fresh.key_pem(), 2)
        self.assertIsNot(self.context(), old)
        self.assertEqual(len(self.told), 1)

    def test_half_a_renewal(self) -> None:
        """A certificate without its key is not used until the key is there, too."""
        key = self.write("app.key", self.app.key_pem())
        tls = TlsClientSettings(certificate=self.certificate, key=key)
        self.contexts = TlsContexts(tls)
        old = self.context()
        fresh = issue("fresh", self.authority)
        self.replace(fresh.pem, 1)
        self.assertIs(self.context(), old)
        self.write("app.key", fresh.key_pem())
        os.utime(key, (2, 2))
        self.assertIsNot(self.context(), old)

    def test_expired_new_file(self) -> None:
        """One that is over already replaces nothing, but alone it is used."""
        old = self.context()
        over = issue("over", self.authority, until=TODAY - DAY)
        self.replace(over.pem + over.key_pem(), 1)
        self.assertIs(self.context(), old)
        self.assertEqual(len(self.told), 1)
        self.assertIn("/app.pem has expired", self.told[0])
        self.contexts = self.make()
        self.assertIsNot(self.context(), old)
        self.assertEqual(
            self.told[1:],
            ["warn: /app.pem: the certificate ended 1 days ago; renew it"],
        )

    def test_warned_from_thirty_days_on(self) -> None:
        """Once a day for each file, however many lanes and connections use it."""
        other = self.make()
        self.now += 69 * 86400
        for _ in range(3):
            self.context()
        self.assertEqual(self.told, [])
        self.now += 86400 + 3600
        for _ in range(3):
            self.context()
            other.creator("other.example")
        expected = "warn: /app.pem: the certificate ends in 29 days; renew it"
        self.assertEqual(self.told, [expected])
        self.now += 86400
        self.context()
        self.assertEqual(self.told[1:], [expected.replace("29", "28")])


@implementer(IOpenSSLServerConnectionCreator)
class Gate:
    """A server that resumes sessions, unless it was set up without a name for them."""

    def __init__(self, paper: Paper, session_id: bytes = b"gate") -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.use_certificate(_openssl(paper))
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


class ResumptionTests(TlsCase):
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

    def test_one_for_equal_settings(self) -> None:
        """As long as anybody has it."""
        tls = self.settings().tls
        one = self.shared.of(tls)
        self.assertIs(self.shared.of(evolve(tls)), one)
        self.assertIsNot(self.shared.of(tls, (b"h2",)), one)
        self.assertIsNot(self.shared.of(evolve(tls, verify="ca")), one)
        gone = weakref.ref(one)
        del one
        gc.collect()
        self.assertIsNone(gone())

    def test_files_are_looked_at_now_and_then(self) -> None:
        """Not for each of the connections of one moment."""
        contexts = self.shared.of(self.settings().tls)
        first: Any = contexts.creator("gateway.example")
        app = issue("renewed", self.authority)
        os.utime(self.write("one.pem", app.pem + app.key_pem()), (1, 1))
        same: Any = contexts.creator("gateway.example")
        self.assertIs(same.context, first.context)
        self.reactor.advance(GLANCE_SECONDS)
        fresh: Any = contexts.creator("gateway.example")
        self.assertIsNot(fresh.context, first.context)


class ProtocolsTests(TestCase):
    def test_lists(self) -> None:
        """Lists that mean something, and what of them cannot be had."""
        both = frozenset({"TLSv1.2", "TLSv1.3"})
        for text, names, retired in [
            ("+ALL", both, ()),
            ("", both, ()),
            ("ALL", both, ()),
            ("+all:-tlsv1.2", {"TLSv1.3"}, ()),
            ("-TLSv1.3", {"TLSv1.2"}, ()),
            ("-SSLv2:-SSLv3", both, ()),
            ("+TLSv1.2", {"TLSv1.2"}, ()),
            ("+TLSv1.0:+TLSv1.1:+TLSv1.2", {"TLSv1.2"}, ("TLSv1.0", "TLSv1.1")),
            ("+ALL : -SSLv3 : +SSLv2", both, ("SSLv2",)),
        ]:
            self.assertEqual(read_protocols(text), (frozenset(names), retired), text)

    def test_nothing_left(self) -> None:
        """Lists that leave nothing, and names nobody knows, are errors."""
        for text in ("-ALL", "+SSLv3", "+ALL:-TLSv1.2:-TLSv1.3", "+TLSv9"):
            error = self.assertRaises(ConfigError, read_protocols, text)
            self.assertEqual(error.option, "tls_protocols")


class ConnectorTests(TestCase):
    def dial(self, route: Route, **settings: Any) -> Any:
        self.reactor = MemoryReactorClock()
        connect = make(self.reactor, DeliverySettings(**settings))
        connect(route).connect(Factory.forProtocol(Peer))
        return self.reactor.tcpClients[0]

    def test_defaults(self) -> None:
        """Without a port it is Apple's; without bind_address any of ours."""
        host, port, _, timeout, bind = self.dial(Route("apn", "gw.example", None, 1))
        self.assertEqual((host, port), ("127.0.0.1", 2195))
        self.assertEqual((timeout, bind), (300, None))

    def test_options(self) -> None:
        """Port, bind_address and connect_timeout reach the socket."""
        _, port, _, timeout, bind = self.dial(
            Route("apn", "gw.example", 4444, 1),
            connect_timeout_seconds=7,
            bind_address="192.0.2.9",
        )
        self.assertEqual((port, timeout, bind), (4444, 7, ("192.0.2.9", 0)))

    def test_http2(self) -> None:
        """Its port is another; with a key no certificate is looked for."""
        key = KeySettings("/nowhere/AuthKey.p8", "KEY0000001", "TEAM000001")
        tls = TlsClientSettings(certificate="/nowhere/cert.pem")
        route = Route("apn2", "gw.example", None, 1)
        self.assertEqual(self.dial(route, key=key, tls=tls)[:2], ("127.0.0.1", 443))
        with self.assertRaisesRegex(ConfigError, "cert.pem cannot be read"):
            self.dial(route, tls=tls)

    def test_proxy(self) -> None:
        """Routes over HTTP/2 go through it, the binary interface does not."""
        proxy = ProxySettings("192.0.2.7", 3128)
        for scheme, expected in (
            ("apn2", ("192.0.2.7", 3128)),
            ("apn", ("192.0.2.8", 2195)),
        ):
            route = Route(scheme, "192.0.2.8", None, 1)
            self.assertEqual(self.dial(route, proxy=proxy)[:2], expected)

    def test_ipv6_literal(self) -> None:
        """An address in brackets is dialled without them, and not looked up."""
        reactor = MemoryReactorClock()
        resolver: Any = LiteralResolver()
        reactor.installNameResolver(resolver)
        connect = make(reactor, DeliverySettings())
        connect(Route("apn", "[::1]", 2195, 1)).connect(Factory.forProtocol(Peer))
        self.assertEqual(resolver.names, [])
        self.assertEqual(reactor.tcpClients[0][:2], ("::1", 2195))

    def test_addresses_take_turns(self) -> None:
        """The addresses of a name take turns; one that failed rests as configured."""
        reactor = MemoryReactorClock()
        resolver: Any = LiteralResolver("192.0.2.1", "192.0.2.2")
        reactor.installNameResolver(resolver)
        connect = make(reactor, DeliverySettings(host_failure_retry_seconds=9))

        def dial() -> str:
            route = Route("apn", "gw.example", 2195, 1)
            connect(route).connect(Factory.forProtocol(Peer))
            host: str = reactor.tcpClients[-1][0]
            return host

        self.assertEqual([dial() for _ in range(3)], [A, B, A])
        connect.fail(B)
        self.assertEqual([dial() for _ in range(2)], [A, A])
        reactor.advance(9)
        self.assertEqual([dial() for _ in range(2)], [B, A])
        self.assertEqual(resolver.names, ["gw.example"] * 7)
