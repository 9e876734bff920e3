"""What hosts are called."""

from __future__ import annotations

from mcmtpush.config.views import TlsClientSettings
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.errors import ConfigError
from tests.delivery.tls.paper import issue
from tests.delivery.tls.stage import Server, TlsCase


class IdentityTests(TlsCase):
    def test_server_name(self) -> None:
        """A host name is announced to the server, an address is not."""
        server = Server(issue("x", self.authority, "gateway.example"))
        _, peer = self.shake(server)
        self.assertEqual(peer.server_name, b"gateway.example")
        server.built.clear()
        _, peer = self.shake(server, host="127.0.0.1")
        self.assertIsNone(peer.server_name)

    def test_impossible_identity(self) -> None:
        """A host that no certificate can name is refused before connecting."""
        settings = TlsClientSettings(verify="host", ca=self.path("ca.pem"))
        error = self.assertRaises(ConfigError, TlsContexts(settings).creator, "a..b")
        self.assertEqual(error.option, "tls_verify")
