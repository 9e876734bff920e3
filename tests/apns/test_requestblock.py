"""Field blocks of requests, read back by the hpack package."""

from __future__ import annotations

from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.requestblock import BlockWriter, encode_size
from tests.apns.peer import a_request
from tests.support.case import TestCase, readable


PSEUDO = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a")]
TEXT = st.binary(max_size=300)
PAIRS = st.lists(
    st.tuples(st.sampled_from([b"apns-id", b"apns-collapse-id", b"x" * 200]), TEXT),
    max_size=4,
).map(tuple)


def decoded(decoder: Decoder, block: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)
    ]


class BlockWriterTests(TestCase):
    @readable
    @given(st.lists(st.tuples(TEXT, PAIRS, PAIRS, st.none() | TEXT), max_size=6))
    def test_read_back(self, requests: list[tuple[bytes, ..., ..., bytes]]) -> None:
        """Every block says what its request says, in the order of the standard."""
        writer, decoder = BlockWriter(b"a"), Decoder()
        for path, constant, varying, bearer in requests:
            request = a_request(path=path, constant=constant, varying=varying)
            credential = [] if bearer is None else [(b"authorization", bearer)]
            self.assertEqual(
                decoded(decoder, writer.write(request, bearer)),
                [*PSEUDO, (b":path", path), *constant, *credential, *varying],
            )
            self.assertEqual(len(decoder.header_table.dynamic_entries), 0)

    def test_methods(self) -> None:
        """Other methods are written out."""
        block = BlockWriter(b"a").write(a_request(method=b"DELETE"), None)
        self.assertIn((b":method", b"DELETE"), decoded(Decoder(), block))

    def test_table_size(self) -> None:
        """Only the first block, and the first after a word about it, empties it."""
        writer, request = BlockWriter(b"a"), a_request()
        first = writer.write(request, None)
        second = writer.write(request, None)
        self.assertEqual(first, b"\x20" + second)
        writer.empty_table()
        self.assertEqual(writer.write(request, None), first)

    def test_never_indexed(self) -> None:
        """No intermediary may put the credential into a table."""
        decoder = Decoder()
        block = BlockWriter(b"a").write(a_request(), b"bearer x")
        [field] = [
            field
            for field in decoder.decode(block, raw=True)
            if field[0] == b"authorization"
        ]
        self.assertFalse(field.indexable)

    def test_equal_is_enough(self) -> None:
        """Requests that are alike without sharing the object are written alike."""
        writer = BlockWriter(b"a")
        fields = [(b"t", b"1")]
        writer.write(a_request(), b"x")
        first = writer.write(a_request(constant=tuple(fields)), b"y")
        writer.write(a_request(), b"x")
        self.assertEqual(writer.write(a_request(constant=tuple(fields)), b"y"), first)

    def test_bounded(self) -> None:
        """Neither topics nor tokens that came and went pile up."""
        writer = BlockWriter(b"a")
        for number in range(3000):
            writer.write(a_request(), b"%d" % number)
        self.assertLessEqual(len(writer._shared), 1024)

    def test_sizes(self) -> None:
        """Integers as in RFC 7541, appendix C.1, with the prefix of strings."""
        for size, coded in (
            (0, "00"),
            (126, "7e"),
            (127, "7f00"),
            (128, "7f01"),
            (1337, "7fba09"),
            (40_000, "7fc1b702"),
        ):
            self.assertEqual(encode_size(size).hex(), coded)
