"""Addresses and keys as the command line names them."""

from __future__ import annotations

from mcmtpush.simulator.argument import Address, KeyFile, read_address, read_key_file
from tests.support.case import TestCase


class AddressTests(TestCase):
    def test_forms(self) -> None:
        """All forms of an address are read, and written back."""
        for text, host, port in (
            ("127.0.0.1:2195", "127.0.0.1", 2195),
            (":2195", "", 2195),
            ("[::1]:2195", "::1", 2195),
            ("[::]:0", "::", 0),
            ("localhost:1", "localhost", 1),
        ):
            self.assertEqual(read_address(text), Address(host, port))
            self.assertEqual(str(read_address(text)), text)

    def test_what_is_none(self) -> None:
        """Whatever else there is, is refused."""
        for text in ("", "2195", "host:", "host:x", "host:65536", ":-1", "[::1]", ":٣"):
            with self.assertRaises(ValueError):
                read_address(text)
        with self.assertRaises(ValueError) as caught:
            read_address("::1:2195")
        self.assertIn("wants brackets", str(caught.exception))


class KeyFileTests(TestCase):
    def test_forms(self) -> None:
        """A file, the ids of key and team, and maybe an environment."""
        for text, expected in (
            ("k.p8:A:B", KeyFile("k.p8", "A", "B")),
            ("/a:b/k.p8:A:B", KeyFile("/a:b/k.p8", "A", "B")),
            ("k.p8:A:B:production", KeyFile("k.p8", "A", "B", "production")),
        ):
            self.assertEqual(read_key_file(text), expected)

    def test_what_is_none(self) -> None:
        """Whatever else there is, is refused."""
        for text in ("", "k.p8", "k.p8:A", ":A:B", "k.p8::B", "A:B:development"):
            with self.assertRaises(ValueError):
                read_key_file(text)
