"""Tests: who may relay."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.errors import MessageRejected
from mcmtpush.reception.address import NULL, Address
from mcmtpush.reception.relay import can_relay, check_relaying, is_relay_host, matches
from tests.reception.scene import LOOPBACK
from tests.support.case import TestCase, readable


SENDER = Address("a", "sender.example")
RECIPIENT = Address("4711", "APN_Example.com")


class MatchesTests(TestCase):
    def test_table(self) -> None:
        """Left globs cover what ends as they do, anything else only itself."""
        for domain, pattern, expected in [
            ("apn_example.com", "apn_example.com", True),
            ("APN_Example.com", "apn_EXAMPLE.com", True),
            ("x.example.com", "example.com", False),
            ("x.example.com", "*.example.com", True),
            ("example.com", "*.example.com", False),
            ("example.com", "*example.com", True),
            ("badexample.com", "*example.com", True),
            ("badexample.com", "*.example.com", False),
            ("anything", "*", True),
            ("example.com.evil", "example.com", False),
        ]:
            self.assertIs(matches(domain, [pattern]), expected, (domain, pattern))
        self.assertFalse(matches("a", []))

    @readable
    @given(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3))
    def test_without_globs(self, domain: str, patterns: list[str]) -> None:
        """Without a star only equality counts."""
        patterns = [pattern for pattern in patterns if not pattern.startswith("*")]
        lowered = [pattern.lower() for pattern in patterns]
        self.assertIs(matches(domain, patterns), domain.lower() in lowered)


class RelayHostTests(TestCase):
    def test_networks(self) -> None:
        """An address counts if a network of its own version holds it."""
        for peer, expected in [
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("128.0.0.1", False),
            ("::2", False),
            ("0.0.0.0", False),
            ("fe80::1%eth0", False),
            ("nonsense", False),
        ]:
            self.assertIs(is_relay_host(peer, LOOPBACK), expected, peer)

    def test_no_networks(self) -> None:
        """Without networks nobody is trusted."""
        self.assertFalse(is_relay_host("127.0.0.1", ()))


class RelayingTests(TestCase):
    def allowed(
        self,
        peer: str = "192.0.2.1",
        *,
        sender: Address = SENDER,
        verified: bool = False,
        **options: object,
    ) -> bool:
        settings = ReceptionSettings(**options)  # type: ignore[arg-type]
        if can_relay(settings, peer, verified=verified):
            return True
        try:
            check_relaying(settings, sender, RECIPIENT)
        except MessageRejected as refused:
            self.assertEqual(str(refused), "550 5.7.1 relaying denied")
            return False
        return True

    def test_table(self) -> None:
        """Nobody may relay unless one of the rules says so."""
        network = (ip_network("192.0.2.0/24"),)
        for expected, options in [
            (False, {}),
            (True, {"open_relay": True}),
            (True, {"relay_hosts": network}),
            (False, {"relay_hosts": network, "peer": "198.51.100.1"}),
            (False, {"relay_hosts": LOOPBACK}),
            (True, {"relay_hosts": LOOPBACK, "peer": "127.0.0.1"}),
            (True, {"relay_domains": ("apn_example.com",)}),
            (True, {"relay_domains": ("*_example.com",)}),
            (False, {"relay_domains": ("example.com", "*.example.com")}),
            (True, {"relay_for_sending_domains": ("sender.example",)}),
            (True, {"relay_for_sending_domains": ("*.example",)}),
            (False, {"relay_for_sending_domains": ("apn_example.com",)}),
            (True, {"relay_for_sending_domains": ()}),
            (False, {"relay_for_sending_domains": (), "sender": NULL}),
            (False, {"relay_for_sending_domains": ("*",), "sender": NULL}),
            (False, {"relay_for_sending_domains": None}),
            (False, {"sender": NULL}),
            (True, {"sender": NULL, "relay_domains": ("apn_example.com",)}),
            (False, {"verified": True}),
            (False, {"tls_verified_peer_can_relay": True}),
            (True, {"tls_verified_peer_can_relay": True, "verified": True}),
        ]:
            self.assertIs(self.allowed(**options), expected, options)  # type: ignore[arg-type]
