"""Development certificates: what they are, that they last, that they mend."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
import warnings
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID
from OpenSSL import SSL

from mcmtpush.errors import ConfigError
from mcmtpush.simulator.certificates import (
    CLIENT_NAME,
    KEY_ID,
    TEAM_ID,
    TOPIC,
    CertificatePaths,
    make_development_certificates,
    make_development_key,
    server_context,
)
from mcmtpush.simulator.provider.trust import read_key
from tests.support.case import TestCase


NOW = 1_700_000_000.0
DAY = 86400.0
DEVELOPMENT = x509.ObjectIdentifier("1.2.840.113635.100.6.3.1")

FOREIGN = b"""\
-----BEGIN CERTIFICATE-----
MIIBIzCByaADAgECAgEBMAoGCCqGSM49BAMCMBsxGTAXBgNVBAMMEGEgcmVhbCBh
dXRob3JpdHkwHhcNMjMwMTAxMDAwMDAwWhcNNDMwMTAxMDAwMDAwWjAbMRkwFwYD
VQQDDBBhIHJlYWwgYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
B9cFWGRK80n/ZxqF7bEhOXRfGXnJnJ3mM3D9W2i+YDBJt3LRJforqFYmAE7D2W70
GFtXLwY1f+iBo82kzBvZHDAKBggqhkjOPQQDAgNJADBGAiEAzfa6yeZfZjAPJDoW
/+KCYHBOduq1wCntkjp0+KtMuE0CIQCQu/Mbq1EsB8JYYjGenbQCXdAjswKYTdt+
CkmwTEbPcg==
-----END CERTIFICATE-----
"""


def load(path: str) -> x509.Certificate:
    """One certificate."""
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def shake_hands(context: Any, client: ssl.SSLContext, name: str) -> str:
    """A handshake in memory; the TLS version that came out of it."""
    server = context.serverConnectionForTLS(None)
    server.set_accept_state()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = client.wrap_bio(incoming, outgoing, server_hostname=name)
    for _ in range(4):
        for step in (side.do_handshake, server.do_handshake):
            with contextlib.suppress(ssl.SSLWantReadError, SSL.WantReadError):
                step()
            if sent := outgoing.read():
                server.bio_write(sent)
            with contextlib.suppress(SSL.WantReadError):
                incoming.write(server.bio_read(65536))
    return str(side.version())


class KeyTests(TestCase):
    def test_made_once(self) -> None:
        """Its name tells its id; what is there is left alone, what is broken is not."""
        folder = Path(self.mktemp()).absolute()
        path = Path(make_development_key(str(folder)))
        self.assertEqual(path, folder / f"AuthKey_{KEY_ID}.p8")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        content = path.read_bytes()
        read_key(content, KEY_ID, TEAM_ID, None)
        make_development_key(str(folder))
        self.assertEqual(path.read_bytes(), content)
        path.write_bytes(content[:50])
        make_development_key(str(folder))
        read_key(path.read_bytes(), KEY_ID, TEAM_ID, None)

    def test_ids(self) -> None:
        """They have the length of Apple's."""
        self.assertEqual((len(KEY_ID), len(TEAM_ID)), (10, 10))


class MakeTests(TestCase):
    def setUp(self) -> None:
        self.folder = str(Path(self.mktemp()).absolute())

    def make(self, at: float = NOW) -> CertificatePaths:
        return make_development_certificates(self.folder, lambda: at)

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path(self.folder).iterdir()}

    def test_files_and_modes(self) -> None:
        """Five files under fixed names; keys and folder are private."""
        old = os.umask(0)
        try:
            paths = self.make()
        finally:
            os.umask(old)
        names = ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"]
        expected = [str(Path(self.folder) / name) for name in names]
        found = [paths.ca, paths.server, paths.server_key]
        self.assertEqual([*found, paths.client, paths.client_key], expected)
        modes = {
            path.name: path.stat().st_mode & 0o777
            for path in Path(self.folder).iterdir()
        }
        self.assertEqual(
            modes,
            {
                "ca.pem": 0o644,
                "server.pem": 0o644,
                "client.pem": 0o644,
                "server.key": 0o600,
                "client.key": 0o600,
            },
        )
        self.assertEqual(Path(self.folder).stat().st_mode & 0o777, 0o700)

    def test_what_they_say(self) -> None:
        """The server is this machine, the client looks like one of Apple's."""
        paths = self.make()
        server, client = load(paths.server), load(paths.client)
        names = server.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["localhost"])
        self.assertEqual(
            [str(ip) for ip in names.get_values_for_type(x509.IPAddress)],
            ["127.0.0.1", "::1"],
        )
        (common,) = client.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        self.assertEqual(common.value, CLIENT_NAME)
        (user,) = client.subject.get_attributes_for_oid(NameOID.USER_ID)
        self.assertEqual(user.value, TOPIC)
        self.assertTrue(client.extensions.get_extension_for_oid(DEVELOPMENT))
        for leaf in (server, client):
            leaf.verify_directly_issued_by(load(paths.ca))
            key = leaf.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            self.assertEqual(key.curve.name, "secp256r1")
            constraint = leaf.extensions.get_extension_for_oid(
                ExtensionOID.BASIC_CONSTRAINTS
            )
            self.assertEqual(
                constraint.value, x509.BasicConstraints(ca=False, path_length=None)
            )

    def test_made_once(self) -> None:
        """What is there and good stays as it is."""
        self.make()
        before = self.content()
        self.make(NOW + 400 * DAY)
        self.assertEqual(self.content(), before)

    def test_renewed_before_they_end(self) -> None:
        """Expired ones, and those with less than a week to go, are made anew."""
        self.make()
        before = self.content()
        self.make(NOW + 819 * DAY)
        after = self.content()
        self.assertEqual({name for name in after if after[name] == before[name]}, set())
        self.make(NOW - 5 * DAY)
        self.assertNotEqual(self.content(), after)

    def test_mended(self) -> None:
        """A missing, damaged or foreign piece makes all anew, and they fit."""
        self.make()
        other = make_development_certificates(self.mktemp(), lambda: NOW)
        folder = Path(self.folder)
        damages = {
            "server.key": Path(other.server_key).read_bytes(),
            "client.pem": b"",
            "ca.pem": Path(other.ca).read_bytes(),
            "client.key": b"-----BEGIN PRIVATE KEY-----\n",
        }
        for name, damage in damages.items():
            (folder / name).write_bytes(damage)
            paths = self.make()
            for leaf in (paths.server, paths.client):
                load(leaf).verify_directly_issued_by(load(paths.ca))
            server_context(paths.server, paths.server_key)
            server_context(paths.client, paths.client_key)
            (folder / name).unlink()
            self.make()
            self.assertTrue((folder / name).exists())
        self.assertEqual(len(self.content()), 5)

    def test_keys_become_private_again(self) -> None:
        """A key that was opened to others is closed again."""
        paths = self.make()
        Path(paths.client_key).chmod(0o644)
        self.make()
        self.assertEqual(Path(paths.client_key).stat().st_mode & 0o777, 0o600)

    def test_real_certificates_are_not_touched(self) -> None:
        """A folder with certificates from elsewhere is refused and left alone."""
        folder = Path(self.folder)
        folder.mkdir(mode=0o755)
        (folder / "server.pem").write_bytes(FOREIGN)
        with self.assertRaises(ConfigError) as caught:
            self.make()
        self.assertIn("choose another folder", str(caught.exception))
        self.assertEqual(self.content(), {"server.pem": FOREIGN})
        self.assertEqual(folder.stat().st_mode & 0o777, 0o755)


class ServerContextTests(TestCase):
    def setUp(self) -> None:
        # The standard library's client looks at the real clock.
        self.paths = make_development_certificates(self.mktemp(), time.time)
        self.context = server_context(self.paths.server, self.paths.server_key)

    def test_verified_by_name(self) -> None:
        """A client that trusts the authority is satisfied with every local name."""
        for name in ("localhost", "127.0.0.1", "::1"):
            client = ssl.create_default_context(cafile=self.paths.ca)
            self.assertEqual(shake_hands(self.context, client, name), "TLSv1.3")

    def test_client_certificates_are_welcome(self) -> None:
        """Any client certificate will do, and TLS 1.2 as well."""
        client = ssl.create_default_context(cafile=self.paths.ca)
        client.load_cert_chain(self.paths.client, self.paths.client_key)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        self.assertEqual(shake_hands(self.context, client, "localhost"), "TLSv1.2")

    def test_old_tls_is_for_those_who_ask(self) -> None:
        """TLS 1.0 is refused, and accepted only where it was asked for."""
        client = ssl.create_default_context(cafile=self.paths.ca)
        client.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client.minimum_version = ssl.TLSVersion.TLSv1
            client.maximum_version = ssl.TLSVersion.TLSv1
        with self.assertRaises((ssl.SSLError, SSL.Error)):
            shake_hands(self.context, client, "localhost")
        old = server_context(self.paths.server, self.paths.server_key, old_tls=True)
        self.assertEqual(shake_hands(old, client, "localhost"), "TLSv1")

    def test_unusable_files(self) -> None:
        """Files that are missing, no PEM, or do not belong together are named."""
        junk = Path(self.mktemp())
        junk.write_bytes(b"junk")
        for certificate, key, text in (
            ("/nonexistent", None, "/nonexistent: error: cannot be used: No such"),
            (str(junk), None, "no such PEM block"),
            (self.paths.server, None, "no such PEM block"),
            (self.paths.server, self.paths.client_key, "does not belong"),
        ):
            with self.assertRaises(ConfigError) as caught:
                server_context(certificate, key)
            self.assertIn(text, str(caught.exception))

    def test_key_with_the_certificate(self) -> None:
        """One file may hold both."""
        both = Path(self.mktemp())
        both.write_bytes(
            Path(self.paths.server).read_bytes()
            + Path(self.paths.server_key).read_bytes()
        )
        client = ssl.create_default_context(cafile=self.paths.ca)
        context = server_context(str(both))
        self.assertEqual(shake_hands(context, client, "localhost"), "TLSv1.3")
