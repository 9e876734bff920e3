"""Who is believed, and when a connection may be written to."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import BinaryConnection
from tests.delivery.stage import NOW
from tests.delivery.tls.paper import DAY, TODAY, issue
from tests.delivery.tls.stage import Server, TlsCase


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
