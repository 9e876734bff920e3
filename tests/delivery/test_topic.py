"""Which app a connection is for."""

from __future__ import annotations

from twisted.internet.testing import StringTransport

from mcmtpush.delivery.topic import shown_topic
from tests.config.keys import certificate, key
from tests.delivery.tls.paper import issue
from tests.delivery.tls.stage import Server, TlsCase


class TopicTests(TlsCase):
    """After a handshake."""

    def test_certificate(self) -> None:
        """The app that our certificate names; none in others, none without one."""
        server = Server(issue("gateway", self.authority, "gateway.example"))
        for topic in ("com.example.app", None):
            pem = certificate("app", topic) + key("app")
            client, _ = self.shake(
                server, certificate=self.write("app.pem", pem), verify="no"
            )
            self.assertTrue(client.shaken)
            self.assertEqual(shown_topic(client.transport), topic)
        client, _ = self.shake(server, verify="no")
        self.assertTrue(client.shaken)
        self.assertIsNone(shown_topic(client.transport))

    def test_without_tls(self) -> None:
        """There is none, whatever the transport has for a handle."""
        plain = StringTransport()
        self.assertIsNone(shown_topic(plain))
        plain.getHandle = object  # type: ignore[attr-defined]
        self.assertIsNone(shown_topic(plain))
