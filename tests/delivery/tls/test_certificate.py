"""What the server learns of us, and what files may go wrong."""

from __future__ import annotations

from typing import Any

from mcmtpush.config.views import TlsClientSettings
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.errors import ConfigError
from tests.delivery.tls.paper import issue
from tests.delivery.tls.stage import Server, TlsCase


class ShownTests(TlsCase):
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
