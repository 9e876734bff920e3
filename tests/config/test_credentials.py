"""Certificates and keys that will not serve."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.credentials import Credentials
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.errors import ConfigError
from tests.config.keys import certificate, day, key
from tests.config.samples import MemoryFiles, tree
from tests.support.case import TestCase, readable


def setting(name: str, path: str) -> Setting:
    """`name = path`."""
    return Setting(OPTIONS[name], path, Place("gw.conf", 7, 3))


def pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """As a file holds it."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """A key of the other kind."""
    return rsa.generate_private_key(65537, 2048)


def lines(findings: Iterable[ConfigError]) -> list[str]:
    """Severity and message of each."""
    return [f"{finding.severity}: {finding.message}" for finding in findings]


class CredentialsCase(TestCase):
    """Files below /c, looked at on day 10 of 90."""

    def check_file(
        self, name: str, content: bytes | None, *, at: float = 10, mode: int = 0o600
    ) -> list[str]:
        """The findings about a scope that names one file."""
        files = MemoryFiles({} if content is None else {"/c": content}, {"/c": mode})
        scope = Scope("domain", "e.com")
        scope.settings[name] = [setting(name, "/old"), setting(name, "/c")]
        found = list(Credentials(files, day(at), None).check_files(scope))
        self.assertTrue(all(finding.line == 7 for finding in found))
        return lines(found)

    def check_pair(
        self, cert: bytes, private: bytes | None, *, complete: bool = True
    ) -> list[str]:
        """The findings about a pair; without a key it must be in the certificate."""
        files = MemoryFiles({"/c": cert}, {"/c": 0o644, "/k": 0o600})
        if private is not None:
            files.contents["/k"] = private
        return lines(
            Credentials(files, day(10), None).check_pair(
                setting("tls_certificate", "/c"),
                None if private is None else setting("tls_key", "/k"),
                complete=complete,
            )
        )


class FileTests(CredentialsCase):
    """One file by itself."""

    def test_good_files(self) -> None:
        """What serves draws no finding."""
        self.assertEqual(self.check_file("tls_certificate", certificate()), [])
        self.assertEqual(self.check_file("tls_key", key()), [])
        self.assertEqual(
            self.check_file("tls_ca", certificate() + b"\nmore", at=99), []
        )
        bundle = b"first a comment\n" + certificate() + certificate("two") + key()
        self.assertEqual(self.check_file("tls_certificate", bundle), [])

    def test_missing_file(self) -> None:
        """Each kind of file is missed by its option's name."""
        for name in ("tls_certificate", "tls_key", "tls_ca", "tls_client_ca"):
            self.assertEqual(
                self.check_file(name, None),
                [f"error: {name} /c cannot be read: No such file or directory"],
            )

    def test_none_is_no_file(self) -> None:
        """A certificate that is cancelled is not looked for."""
        scope = Scope("domain", "e.com")
        scope.settings["tls_certificate"] = [setting("tls_certificate", "none")]
        checks = Credentials(MemoryFiles({}), day(10), None)
        self.assertEqual(list(checks.check_files(scope)), [])
        cancelled = scope.settings["tls_certificate"][0]
        self.assertEqual(list(checks.check_pair(cancelled, None, complete=True)), [])
        self.assertEqual(list(checks.check_pair(None, None, complete=True)), [])

    def test_expiry(self) -> None:
        """Expired is an error, within thirty days a warning, with the date."""
        cert = certificate()
        self.assertEqual(self.check_file("tls_certificate", cert, at=59.9), [])
        self.assertEqual(
            self.check_file("tls_certificate", cert, at=60.5),
            ["warning: certificate /c expires on 2026-04-01, in 29 days"],
        )
        self.assertEqual(
            self.check_file("tls_certificate", cert, at=89.9),
            ["warning: certificate /c expires on 2026-04-01, in 0 days"],
        )
        self.assertEqual(
            self.check_file("tls_certificate", cert, at=90.1),
            ["error: certificate /c expired on 2026-04-01"],
        )

    def test_not_yet_valid(self) -> None:
        """A certificate of tomorrow is a warning."""
        self.assertEqual(
            self.check_file("tls_certificate", certificate(), at=-1),
            ["warning: certificate /c is not valid before 2026-01-01 00:00 UTC"],
        )

    def test_readable_by_everybody(self) -> None:
        """A key that everybody can read is a warning; a certificate may be."""
        self.assertEqual(
            self.check_file("tls_key", key(), mode=0o644),
            ["warning: key /c is readable by everybody (mode 0644): chmod 600"],
        )
        self.assertEqual(self.check_file("tls_key", key(), mode=0o640), [])
        self.assertEqual(
            self.check_file("tls_certificate", certificate(), mode=0o644), []
        )

    def test_key_of_provider_tokens(self) -> None:
        """It is on the curve P-256, unlike the key of a certificate may be."""
        self.assertEqual(self.check_file("apn_key_file", key()), [])
        for other in (ec.generate_private_key(ec.SECP384R1()), rsa_key()):
            found = self.check_file("apn_key_file", pem(other))
            text = "/c is no key on the curve P-256, which provider tokens need"
            self.assertEqual(found, [f"error: {text}"])
            self.assertEqual(self.check_file("tls_key", pem(other)), [])
        self.assertEqual(
            self.check_file("apn_key_file", key(), mode=0o644),
            ["warning: key /c is readable by everybody (mode 0644): chmod 600"],
        )
        self.assertEqual(
            self.check_file("apn_key_file", None),
            ["error: apn_key_file /c cannot be read: No such file or directory"],
        )

    def test_passphrase(self) -> None:
        """Nobody is there to type a passphrase."""
        (found,) = self.check_file("tls_key", key(passphrase=b"secret"))
        self.assertIn("error: /c has a passphrase", found)

    def test_wrong_content(self) -> None:
        """A file that holds something else is named."""
        cut = key()[:60] + b"\n-----END PRIVATE KEY-----\n"
        for name, content, text in (
            ("tls_certificate", key(), "error: /c holds no certificate in PEM form"),
            ("tls_certificate", b"", "error: /c holds no certificate in PEM form"),
            ("tls_key", certificate(), "error: /c holds no private key in PEM form"),
            ("tls_key", cut, "error: /c holds a private key that cannot be read"),
            ("tls_ca", key(), "error: /c holds no certificates in PEM form"),
        ):
            self.assertEqual(self.check_file(name, content), [text])

    @readable
    @given(st.binary(max_size=200), st.sampled_from(["tls_certificate", "tls_key"]))
    def test_garbage(self, noise: bytes, name: str) -> None:
        """Whatever a file holds, there is a finding and no exception."""
        for content in (
            noise,
            b"-----BEGIN CERTIFICATE-----\n" + noise + b"\n-----END CERTIFICATE-----\n",
            b"-----BEGIN PRIVATE KEY-----\n" + noise + b"\n-----END PRIVATE KEY-----\n",
        ):
            self.assertEqual(len(self.check_file(name, content)), 1)


class PairTests(CredentialsCase):
    """A certificate and its key."""

    def test_pair(self) -> None:
        """A key that belongs to its certificate."""
        self.assertEqual(self.check_pair(certificate(), key()), [])

    def test_foreign_key(self) -> None:
        """A key that belongs to another certificate."""
        self.assertEqual(
            self.check_pair(certificate(), key("two")),
            ["error: key /k does not belong to /c"],
        )

    def test_key_in_the_certificate_file(self) -> None:
        """The file of the certificate may hold the key, and is then a secret."""
        secret = "warning: key /c is readable by everybody (mode 0644): chmod 600"
        self.assertEqual(self.check_pair(certificate() + key(), None), [secret])
        self.assertEqual(
            self.check_pair(certificate() + key("two"), None),
            [secret, "error: key /c does not belong to /c"],
        )

    def test_no_key(self) -> None:
        """A certificate without a key, unless something nearer may have it."""
        self.assertEqual(
            self.check_pair(certificate(), None),
            ["error: /c holds no private key and tls_key is not set"],
        )
        self.assertEqual(self.check_pair(certificate(), None, complete=False), [])

    def test_broken_halves(self) -> None:
        """What is wrong with one file is not said again of the pair."""
        self.assertEqual(self.check_pair(b"", key()), [])
        self.assertEqual(self.check_pair(certificate(), b""), [])


class TopicTests(CredentialsCase):
    """Whether a certificate says which app it is for."""

    def check(self, content: bytes) -> list[str]:
        """The findings about a certificate by which topics are to be known."""
        checks = Credentials(MemoryFiles({"/c": content}), day(10), None)
        return lines(checks.check_topic(setting("tls_certificate", "/c")))

    def test_topic(self) -> None:
        """Apple's do; of others every message must say it."""
        self.assertEqual(self.check(certificate("app", "com.example.app")), [])
        (found,) = self.check(certificate())
        self.assertIn("warning: /c names no app and apn_topic is not set", found)
        self.assertEqual(self.check(b"no certificate"), [])


class DevelopmentTests(TestCase):
    """Files that the program makes by itself."""

    CERT = "/s/development/client.pem"

    def check(self, text: str) -> list[str]:
        """The findings about a certificate below the spool."""
        checks = Credentials.of(tree(f'spoolbase = "/s" {text}'), MemoryFiles({}), 0)
        scope = Scope("domain", "e.com")
        scope.settings["tls_certificate"] = [setting("tls_certificate", self.CERT)]
        (given,) = scope.settings["tls_certificate"]
        return lines(
            [
                *checks.check_files(scope),
                *checks.check_pair(given, None, complete=True),
            ]
        )

    def test_made_on_first_start(self) -> None:
        """With the embedded simulator they may be missing."""
        self.assertEqual(self.check("apns_simulator {}"), [])

    def test_not_made(self) -> None:
        """Without it, they are files like others."""
        reason = "cannot be read: No such file or directory"
        missing = f"error: tls_certificate {self.CERT} {reason}"
        self.assertEqual(self.check(""), [missing])
        self.assertEqual(self.check("apns_simulator { enabled = false }"), [missing])
