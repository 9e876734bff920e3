"""Contexts made of settings and files, of files that change, and shared."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

from attrs import evolve
from OpenSSL import SSL
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher

from mcmtpush.config.views import TlsClientSettings
from mcmtpush.delivery.tls.context import GLANCE_SECONDS, SharedContexts, TlsContexts
from mcmtpush.delivery.tls.expiry import Expiries
from mcmtpush.errors import ConfigError
from tests.delivery.stage import NOW
from tests.delivery.tls.paper import DAY, TODAY, issue
from tests.delivery.tls.stage import Server, TlsCase


class OptionTests(TlsCase):
    """What a handshake is like."""

    def setUp(self) -> None:
        super().setUp()
        self.server = Server(issue("x", self.authority, "gateway.example"))

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

    def test_no_such_cipher(self) -> None:
        """A list of ciphers that OpenSSL does not know."""
        contexts = TlsContexts(TlsClientSettings(ciphers="ROT13"))
        error = self.assertRaises(ConfigError, contexts.creator, "gateway.example")
        self.assertEqual(error.option, "tls_ciphers")
        for text in ("tls_ciphers", "names no cipher", "ROT13"):
            self.assertIn(text, error.message)


class FileTests(TlsCase):
    """Files are read again when they have changed."""

    def setUp(self) -> None:
        super().setUp()
        self.app = issue("app", self.authority)
        self.good = self.write("good.pem", self.app.pem)
        self.key = self.write("good.key", self.app.key_pem())

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
            if event.get("log_namespace") == "mcmtpush.delivery.tls.context":
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


class SharedTests(TlsCase):
    """One for all who have equal settings."""

    def setUp(self) -> None:
        super().setUp()
        app = issue("one", self.authority)
        self.settings = TlsClientSettings(
            certificate=self.write("one.pem", app.pem + app.key_pem()),
            ca=self.path("ca.pem"),
            verify="host",
        )
        self.reactor = MemoryReactorClock()
        self.shared = SharedContexts(Expiries(lambda: NOW), self.reactor)

    def test_one_for_equal_settings(self) -> None:
        """As long as anybody has it."""
        tls = self.settings
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
        contexts = self.shared.of(self.settings)
        first: Any = contexts.creator("gateway.example")
        app = issue("renewed", self.authority)
        os.utime(self.write("one.pem", app.pem + app.key_pem()), (1, 1))
        same: Any = contexts.creator("gateway.example")
        self.assertIs(same.context, first.context)
        self.reactor.advance(GLANCE_SECONDS)
        fresh: Any = contexts.creator("gateway.example")
        self.assertIsNot(fresh.context, first.context)
