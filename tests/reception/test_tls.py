"""Tests: TLS on a listener, with real handshakes in memory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from mcmtpush.config.views import TlsServerSettings
from mcmtpush.errors import ConfigError
from mcmtpush.reception.tls import ServerContexts, offered_versions
from tests.reception.scene import PLAIN, Scene, settings
from tests.support.case import TestCase


def make_certificate(folder: Path, name: str, issuer: Any = None) -> tuple[Any, Any]:
    """A key and a certificate, signed by itself or by (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        .sign(issuer[1] if issuer else key, SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return certificate, key


class Talk(Protocol):
    """A client that remembers what it was told."""

    def __init__(self) -> None:
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def lines(self) -> list[str]:
        heard, self.heard = self.heard, b""
        return heard.decode().split("\r\n")[:-1]


class TlsWire(StringTransport):
    """A server's transport that can put TLS below its protocol, as Twisted's do."""

    protocol: Any = None
    tls: Any = None

    def startTLS(self, context: Any) -> None:
        factory = TLSMemoryBIOFactory(context, False, None)
        self.tls = TLSMemoryBIOProtocol(factory, self.protocol, False)
        self.getHandle = self.tls.getHandle
        self.below = StringTransport()
        self.tls.makeConnection(self.below)

    def write(self, data: bytes) -> None:
        if self.tls is None:
            super().write(data)
        else:
            self.tls.write(data)


class TlsClient:
    """A client and a server with a wire between them."""

    def __init__(self, scene: Scene, context: Any) -> None:
        peer = IPv4Address("TCP", "192.0.2.1", 40000)
        self.wire = TlsWire(peerAddress=peer)
        self.server = scene.factory.buildProtocol(peer)
        self.wire.protocol = self.server
        self.server.makeConnection(self.wire)
        self.context = context
        self.talk = Talk()

    def handshake(self) -> None:
        """Put TLS on the client's side and let both talk until they rest."""
        factory = TLSMemoryBIOFactory(self.context, True, None)
        self.tls = TLSMemoryBIOProtocol(factory, self.talk)
        self.below = StringTransport()
        self.tls.makeConnection(self.below)
        self.pump()

    def pump(self) -> None:
        for _ in range(10):
            for one, other in (
                (self.below, self.wire.tls),
                (self.wire.below, self.tls),
            ):
                data = one.value()
                one.clear()
                if data:
                    other.dataReceived(data)

    def say(self, data: bytes) -> list[str]:
        self.tls.write(data)
        self.pump()
        return self.talk.lines()

    def clear_text(self, data: bytes) -> list[str]:
        self.server.dataReceived(data)
        text = self.wire.value().decode()
        self.wire.clear()
        return text.split("\r\n")[:-1]


@implementer(IOpenSSLClientConnectionCreator)
class ClientContext:
    def __init__(self, certificate: str = "", key: str = "") -> None:
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if certificate:
            self.context.use_certificate_file(certificate)
            self.context.use_privatekey_file(key)

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


class TlsCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        authority = make_certificate(self.folder, "ca")
        make_certificate(self.folder, "server", authority)
        make_certificate(self.folder, "client", authority)
        make_certificate(self.folder, "stranger")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def tls(self, **changes: Any) -> TlsServerSettings:
        return TlsServerSettings(
            **{
                "certificate": self.path("server.pem"),
                "key": self.path("server.key"),
                **changes,
            }
        )

    def client(
        self, tls: TlsServerSettings, certificate: str = "", **options: Any
    ) -> tuple[Scene, TlsClient]:
        files = [self.path(f"{certificate}.{end}") for end in ("pem", "key")]
        scene = Scene(settings(tls=tls, **options))
        context = ClientContext(*files) if certificate else ClientContext()
        return scene, TlsClient(scene, context)


class StartTlsTests(TlsCase):
    def secured(self, *arguments: Any, **options: Any) -> tuple[Scene, TlsClient]:
        scene, client = self.client(*arguments, **options)
        client.clear_text(b"EHLO me\r\n")
        self.assertEqual(
            client.clear_text(b"STARTTLS\r\n"), ["220 2.0.0 ready to start TLS"]
        )
        client.handshake()
        return scene, client

    def test_dialogue(self) -> None:
        """STARTTLS is offered before and not after, and all is forgotten."""
        scene, client = self.client(self.tls(), require_ehlo=True, open_relay=True)
        self.assertIn("250 STARTTLS", client.clear_text(b"EHLO me\r\n"))
        client.clear_text(b"MAIL FROM:<a@b>\r\n")
        client.clear_text(b"STARTTLS\r\n")
        client.handshake()
        self.assertEqual(client.talk.lines(), [])
        self.assertEqual(
            client.say(b"MAIL FROM:<a@b>\r\n"),
            ["550 5.5.1 RFC2821 HELO/EHLO needed"],
        )
        lines = client.say(b"EHLO again\r\n")
        self.assertEqual(lines[-1], "250 ENHANCEDSTATUSCODES")
        self.assertEqual(
            client.say(b"STARTTLS\r\n"), ["503 5.5.1 bad sequence of commands"]
        )
        envelope = b"MAIL FROM:<a@b>\r\nRCPT TO:<1@apn_a>\r\nDATA\r\n"
        lines = client.say(envelope + PLAIN + b".\r\n")
        self.assertRegex(lines[-1], "^250 ")
        [submission] = scene.submissions
        context = submission.messages[0].connection_context
        self.assertEqual((context["tls"], context["ehlo_domain"]), ("on", "again"))
        self.assertTrue(context["tls_cipher"])
        self.assertIn(context["tls_cipher_usebits"], {"128", "256"})
        self.assertIn(b" with ESMTPS id ", submission.mail)
        self.assertNotIn("tls_client_verified", context)

    def test_verified_client(self) -> None:
        """A certificate of the authority is verified and may relay if that is set."""
        tls = self.tls(client_ca=self.path("ca.pem"))
        for allowed in (False, True):
            _scene, client = self.secured(
                tls, "client", tls_verified_peer_can_relay=allowed
            )
            lines = client.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@apn_a>\r\n")
            self.assertEqual(lines[-1][:3], "250" if allowed else "550")
            facts = client.server.session.tls
            self.assertEqual(facts["tls_client_verified"], "yes")
            self.assertEqual(facts["tls_client_cert_subject_cn"], "client")
            self.assertEqual(facts["tls_client_cert_issuer_cn"], "ca")
            self.assertEqual(facts["tls_client_cert_subject"], "/CN=client")
            self.assertEqual(facts["tls_client_cert_issuer"], "/CN=ca")

    def test_unverified_client(self) -> None:
        """A certificate of nobody ends nothing and earns nothing."""
        for mode in (None, "require"):
            tls = self.tls(client_ca=self.path("ca.pem"), verify_mode=mode)
            _, client = self.secured(tls, "stranger", tls_verified_peer_can_relay=True)
            lines = client.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@apn_a>\r\n")
            self.assertEqual(lines[-1], "550 5.7.1 relaying denied")
            facts = client.server.session.tls
            self.assertEqual(facts["tls_client_cert_subject_cn"], "stranger")
            self.assertNotIn("tls_client_verified", facts)

    def test_no_certificate(self) -> None:
        """Without a certificate the handshake fails only where one is required."""
        ca = self.path("ca.pem")
        for mode, works in ((None, True), ("none", True), ("require", False)):
            _, client = self.secured(self.tls(client_ca=ca, verify_mode=mode))
            self.assertEqual(client.say(b"NOOP\r\n"), ["250 2.0.0 OK"] if works else [])

    def test_certificate_is_ignored(self) -> None:
        """Under `none` no certificate is asked for."""
        tls = self.tls(client_ca=self.path("ca.pem"), verify_mode="none")
        _, client = self.secured(tls, "client")
        self.assertNotIn("tls_client_cert_subject", client.server.session.tls)

    def test_injection(self) -> None:
        """Commands in clear text behind STARTTLS: refused, dropped, or obeyed."""
        for policy, expected in (("ignore", []), ("allow", ["250 2.0.0 OK"])):
            _, client = self.client(self.tls(), starttls_injection_policy=policy)
            client.clear_text(b"EHLO me\r\n")
            self.assertEqual(
                client.clear_text(b"STARTTLS\r\nNOOP\r\n"),
                ["220 2.0.0 ready to start TLS"],
            )
            client.handshake()
            self.assertEqual(client.talk.lines(), expected)
        scene, client = self.client(self.tls())
        client.clear_text(b"EHLO me\r\n")
        self.assertEqual(
            client.clear_text(b"STARTTLS\r\nNOOP\r\n"),
            ["554 5.7.0 commands behind STARTTLS in clear text"],
        )
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(scene.counters.get("reception.starttls_injections"), 1)

    def test_handshake_that_does_not_come(self) -> None:
        """A client that stops in the middle of the handshake is cut off."""
        scene, client = self.client(self.tls(), idle_seconds=60)
        client.clear_text(b"EHLO me\r\nSTARTTLS\r\n")
        scene.clock.advance(60)
        self.assertTrue(client.wire.disconnected)

    def test_transport_that_does_not_tell(self) -> None:
        """The first bytes that come through TLS end the handshake as well."""
        scene = Scene(settings(tls=self.tls()))
        client = scene.greeted()
        client.wire.startTLS = lambda _: None  # type: ignore[attr-defined]
        client.say(b"STARTTLS\r\n")
        lines = client.say(b"EHLO me\r\n")
        self.assertEqual(lines[-1], "250 ENHANCEDSTATUSCODES")
        self.assertEqual(client.server.session.tls, {"tls": "on"})

    def test_draining_in_the_handshake(self) -> None:
        """A session in its handshake is idle, and cannot be told."""
        scene, client = self.client(self.tls())
        client.clear_text(b"STARTTLS\r\n")
        scene.factory.drain()
        self.assertTrue(client.wire.disconnected)


class TlsFirstTests(TlsCase):
    def test_dialogue(self) -> None:
        """Under use_ssl the banner comes behind the handshake; there is no STARTTLS."""
        _, client = self.client(self.tls(use_ssl=True))
        self.assertEqual(client.wire.value(), b"")
        client.handshake()
        self.assertRegex(client.talk.lines()[0], "^220 mx.example.net ESMTP ")
        self.assertEqual(client.say(b"EHLO me\r\n")[-1], "250 ENHANCEDSTATUSCODES")
        self.assertEqual(client.server.session.word, "ESMTPS")

    def test_broken(self) -> None:
        """Without a certificate that works nothing is said and a diagnostic is left."""
        scene, client = self.client(TlsServerSettings(use_ssl=True))
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(client.wire.value(), b"")
        with self.assertRaises(ConfigError):
            scene.factory.prepare()


class ContextTests(TlsCase):
    def test_once(self) -> None:
        """Equal settings share a context; the certificate file may hold the key."""
        contexts = ServerContexts()
        self.assertIs(contexts.make(self.tls()), contexts.make(self.tls()))
        both = self.folder / "both.pem"
        both.write_text(
            Path(self.path("server.pem")).read_text()
            + Path(self.path("server.key")).read_text()
        )
        contexts.make(TlsServerSettings(str(both)))

    def test_replaced(self) -> None:
        """With others in their place nothing is left of what was made before."""
        contexts, others = ServerContexts(), ServerContexts()
        old = contexts.make(self.tls())
        contexts.prepare(TlsServerSettings())
        others.prepare(self.tls())
        contexts.replace(others)
        made = contexts.make(self.tls())
        self.assertIs(made, others.make(self.tls()))
        self.assertIsNot(made, old)
        contexts.replace(ServerContexts())
        self.assertIsNot(contexts.make(self.tls()), made)
        with self.assertRaises(ConfigError):
            others.prepare(TlsServerSettings(use_ssl=True))

    def test_faults(self) -> None:
        """Every file that does not serve is named."""
        junk = self.path("junk")
        Path(junk).write_text("junk")
        for changes, place, text in [
            ({"certificate": junk}, junk, "as a certificate"),
            ({"certificate": "/nowhere"}, "/nowhere", "as a certificate"),
            ({"key": junk}, junk, "as the key"),
            ({"key": self.path("client.key")}, self.path("client.key"), "as the key"),
            ({"client_ca": junk}, junk, "as tls_client_ca"),
            ({"ciphers": "NONSENSE"}, "tls_ciphers", "NONSENSE"),
            ({"protocols": "+TLSv1.1"}, "tls_protocols", "leaves nothing on"),
            ({"certificate": None}, "tls_certificate", "TLS needs"),
        ]:
            with self.assertRaises(ConfigError) as caught:
                ServerContexts().make(self.tls(**changes))
            self.assertEqual(caught.exception.file, place)
            self.assertIn(text, caught.exception.message)

    def test_versions(self) -> None:
        """Nothing older than TLS 1.2 is ever on."""
        two, three = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
        for protocols, expected in [
            ("+ALL", [two, three]),
            ("+ALL -TLSv1.3", [two]),
            ("+ALL:-TLSv1.2", [three]),
            ("+TLSv1.2", [two]),
            ("+SSLv3,+TLSv1.0,+TLSv1.2", [two]),
            ("+all -SSLv2 -SSLv3", [two, three]),
        ]:
            self.assertEqual(offered_versions(protocols), expected, protocols)
        for protocols in ("", "-ALL", "+SSLv3", "+ALL -TLSv1.2 -TLSv1.3", "+NONE"):
            with self.assertRaises(ConfigError):
                offered_versions(protocols)
