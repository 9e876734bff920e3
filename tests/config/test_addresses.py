"""Addresses as configurations write them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.addresses import (
    ListenAddress,
    client_address,
    parse_listen,
    parse_peer,
    parse_port,
    parse_route,
    read_routes,
    same_listen,
)
from mcmtpush.config.views import Route
from tests.support.case import TestCase, readable


class ListenTests(TestCase):
    """What may stand behind `listen`."""

    def test_documented_forms(self) -> None:
        """Every form that the language documents."""
        for text, expected in {
            ":2525": ListenAddress("", 2525),
            "*:2525": ListenAddress("", 2525),
            "127.0.0.1:2525": ListenAddress("127.0.0.1", 2525),
            "[::1]:2525": ListenAddress("::1", 2525),
            "[2001:DB8:0::1]:25": ListenAddress("2001:db8::1", 25),
            "[*]:25": ListenAddress("::", 25),
            "[::]:40000": ListenAddress("::", 40000),
            "/run/mcmtpush/in.sock": ListenAddress(path="/run/mcmtpush/in.sock"),
            "/run/../run/./in.sock": ListenAddress(path="/run/in.sock"),
        }.items():
            self.assertEqual(parse_listen(text), expected, text)

    def test_refused_forms(self) -> None:
        """Everything else is refused, in a text of one short line."""
        for text in (
            "", "2525", ":", ":0", ":65536", ":x", "::1:25", "[127.0.0.1]:25",
            "localhost:25", "[::1]25", "[::1", "1.2.3:25", "1.2.3.4:+5", "run/in.sock",
            "*:٢٥", ":" + "9" * 5000, ":000070000",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=text) as caught:
                parse_listen(text)
            self.assertIn('"', str(caught.exception))
            self.assertLess(len(str(caught.exception)), 200)

    def test_same_socket(self) -> None:
        """Spellings are compared by what they mean."""
        self.assertTrue(same_listen(":25", "*:25"))
        self.assertTrue(same_listen("[::0]:25", "[*]:25"))
        self.assertFalse(same_listen(":25", "[*]:25"))
        self.assertTrue(same_listen("nonsense", "nonsense"))
        self.assertFalse(same_listen("nonsense", "rubbish"))

    def test_port(self) -> None:
        """Ports above 32767 are ports."""
        self.assertEqual(parse_port("65535"), 65535)
        self.assertEqual(parse_port("1"), 1)

    @readable
    @given(st.text(max_size=30))
    def test_garbage(self, text: str) -> None:
        """Whatever is written, the answer is an address or a ValueError."""
        for parse in (parse_listen, parse_peer, lambda t: parse_route(t, 0)):
            try:
                parse(text)
            except ValueError as error:
                self.assertTrue(str(error))


class PeerTests(TestCase):
    """Blocks and clients."""

    def test_blocks(self) -> None:
        """A bare host is a block of one; bits below the prefix are cut."""
        self.assertEqual(parse_peer("192.0.2.0/24"), ip_network("192.0.2.0/24"))
        self.assertEqual(parse_peer("192.0.2.9/24"), ip_network("192.0.2.0/24"))
        self.assertEqual(parse_peer("192.0.2.9"), ip_network("192.0.2.9/32"))
        self.assertEqual(parse_peer("2001:DB8::/32"), ip_network("2001:db8::/32"))
        self.assertEqual(parse_peer("[::1]"), ip_network("::1/128"))

    def test_refused_blocks(self) -> None:
        """Host names and impossible prefixes are refused."""
        for text in ("", "localhost", "192.0.2.0/33", "192.0.2", "*"):
            with self.assertRaisesRegex(ValueError, "CIDR"):
                parse_peer(text)

    def test_clients(self) -> None:
        """Mapped addresses are IPv4, Unix clients loopback, the rest nobody."""
        self.assertEqual(client_address("192.0.2.1", ":25"), ip_address("192.0.2.1"))
        self.assertEqual(
            client_address("::ffff:192.0.2.1", None), ip_address("192.0.2.1")
        )
        self.assertEqual(client_address("::1", None), ip_address("::1"))
        self.assertEqual(client_address("", "/run/x"), ip_address("127.0.0.1"))
        self.assertIsNone(client_address("", ":25"))
        self.assertIsNone(client_address("unix", None))


class RouteTests(TestCase):
    """Items of `routes`."""

    def test_documented_forms(self) -> None:
        """Every form that the language documents."""
        for text, expected in {
            "apn://gateway.push.apple.com?port=2195": Route(
                "apn", "gateway.push.apple.com", 2195, 7
            ),
            "gateway.example.com:2195": Route("", "gateway.example.com", 2195, 7),
            "gateway": Route("", "gateway", None, 7),
            "192.0.2.1": Route("", "192.0.2.1", None, 7),
            "[2001:DB8::1]": Route("", "2001:db8::1", None, 7),
            "[::1]:2195": Route("", "::1", 2195, 7),
            "apn://[::1]?port=2195&pref=10": Route("apn", "::1", 2195, 10),
            "APN://Gateway:2195/path?pref=0&ttl=60&type=mx": Route(
                "apn", "gateway", 2195, 0
            ),
            "apn://127.0.0.1:1?PORT=2": Route("apn", "127.0.0.1", 2, 7),
            "__mx__": Route("", "__mx__", None, 7),
            "APN2://api.push.apple.com": Route("apn2", "api.push.apple.com", 443, 7),
            "apn2://[::1]?port=2197": Route("apn2", "::1", 2197, 7),
        }.items():
            self.assertEqual(parse_route(text, 7), expected, text)

    def test_refused_forms(self) -> None:
        """Everything else is refused with a text that names the route or the word."""
        for text, word in {
            "": "host",
            "apn://": "host",
            "apn://?port=1": "host",
            "::1": "brackets",
            "[::1": "]",
            "[::1]x": "]",
            "[1.2.3.4]": "IPv6",
            "host:": "port",
            "host:x": "port",
            "host:0": "port",
            "host?port=65536": "65536",
            "host?pref=high": "pref",
            "host?ttl=-1": "ttl",
            "host?type=b": "type",
            "host?prot=1": "prot",
            "a b": "host",
            "-host": "host",
        }.items():
            with self.assertRaises(ValueError, msg=text) as caught:
                parse_route(text, 0)
            self.assertIn(word, str(caught.exception))


class RoutesTests(TestCase):
    """The order of routes."""

    def test_preference_then_position(self) -> None:
        """Lower preferences first; without pref the position in the list."""
        routes = read_routes(["a?pref=9", "b", "c?pref=1", "d"])
        self.assertEqual([route.host for route in routes], ["b", "c", "d", "a"])
        self.assertEqual([route.preference for route in routes], [1, 1, 3, 9])
        self.assertEqual(read_routes(None), ())
