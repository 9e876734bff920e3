"""Huffman strings against the hpack package and by hand."""

from __future__ import annotations

from hpack import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman as reference
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.huffman import decode_huffman
from tests.support.case import TestCase, readable


ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def verdict(data: bytes) -> bytes | None:
    try:
        return decode_huffman(data)
    except ValueError:
        return None


def their_verdict(data: bytes) -> bytes | None:
    try:
        return bytes(reference(data))
    except HPACKDecodingError:
        return None


class HuffmanTests(TestCase):
    def test_golden(self) -> None:
        """The examples of RFC 7541, appendix C.4 and C.6."""
        for coded, text in (
            ("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"),
            ("a8eb10649cbf", b"no-cache"),
            ("6402", b"302"),
            ("aec3771a4b", b"private"),
            (
                "d07abe941054d444a8200595040b8166e082a62d1bff",
                b"Mon, 21 Oct 2013 20:13:21 GMT",
            ),
            ("", b""),
        ):
            self.assertEqual(decode_huffman(bytes.fromhex(coded)), text)

    def test_no_strings(self) -> None:
        """Padding that is too long, not of ones, or an end inside."""
        for coded in ("ff", "ffff", "00ff", "18", "64", "ffffffff", "fffffffc"):
            data = bytes.fromhex(coded)
            self.assertEqual(verdict(data), their_verdict(data), coded)
        for coded in ("ff", "1fff", "fffffffc", "18ffffffff"):
            self.assertIsNone(verdict(bytes.fromhex(coded)), coded)

    @readable
    @given(st.binary(max_size=80))
    def test_round_trip(self, text: bytes) -> None:
        """What is encoded is decoded."""
        self.assertEqual(decode_huffman(ENCODER.encode(text)), text)

    @readable
    @given(st.binary(max_size=20))
    def test_like_the_package(self, data: bytes) -> None:
        """Any octets have the same verdict as in the hpack package."""
        self.assertEqual(verdict(data), their_verdict(data))

    @readable
    @given(st.binary(max_size=20), st.integers(0, 8))
    def test_damaged_end(self, text: bytes, bits: int) -> None:
        """So do strings whose padding was changed."""
        coded = bytearray(ENCODER.encode(text) or b"\xff")
        coded[-1] ^= (1 << bits) & 0xFF
        self.assertEqual(verdict(bytes(coded)), their_verdict(bytes(coded)))
