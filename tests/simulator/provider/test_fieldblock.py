"""Field blocks: the short way says what hpack says, or leaves the word to it."""

from __future__ import annotations

from typing import Any

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.hpack import encode_integer
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.requestblock import BlockWriter
from mcmtpush.apns.requests import Request
from mcmtpush.simulator.provider.fieldblock import (
    BY_HPACK,
    ROUND,
    Field,
    PlainDecoder,
    PlainEncoder,
    read_plain,
    write_plain,
)
from tests.support.case import TestCase, readable


NAMES = st.sampled_from(
    [
        b":status",
        b":path",
        b"apns-id",
        b"apns-unique-id",
        b"authorization",
        b"date",
        b"",
        b"n" * 130,
    ]
) | st.binary(max_size=20)
VALUES = st.sampled_from(
    [b"200", b"404", b"503", b"", b"v" * 126, b"v" * 127, b"v" * 255]
) | st.binary(max_size=300)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)

ANSWER = [
    (b":status", b"200"),
    (b"apns-id", b"123e4567-e89b-12d3-a456-42665544000a"),
    (b"date", b"Tue, 14 Nov 2023 22:13:20 GMT"),
]
REFUSAL = [(b":status", b"410"), (b"apns-request-id", b"r")]


def length(size: int) -> bytes:
    return bytes(encode_integer(size, 7))


@st.composite
def pieces(draw: Any) -> bytes:
    """What may stand in a block: representations of every kind, whole or nearly."""
    kind = draw(st.sampled_from([0x80, 0x40, 0x20, 0x10, 0x00]))
    bits = {0x80: 7, 0x40: 6, 0x20: 5, 0x10: 4, 0x00: 4}[kind]
    index = draw(st.integers(0, 70) | st.sampled_from([127, 128, 4096, 1 << 20]))
    head = encode_integer(index, bits)
    head[0] |= kind
    if draw(st.booleans()) and len(head) > 1:  # a longer form of the same number
        head[-1] |= 0x80
        head.append(0)
    block = bytes(head)
    for _ in range(0 if kind in (0x80, 0x20) else 1 + (not index)):
        text = draw(st.binary(max_size=6) | VALUES)
        huffman = draw(st.sampled_from([0, 0, 0x80]))
        if huffman:
            text = Encoder().huffman_coder.encode(text)
        size = bytearray(length(len(text) + draw(st.sampled_from([0] * 9 + [1]))))
        size[0] |= huffman
        block += bytes(size) + text
    return block


BLOCKS = st.lists(
    st.lists(pieces(), max_size=6).map(b"".join)
    | st.binary(max_size=30)
    | FIELDS.map(write_plain),
    max_size=6,
)


def said(decoder: Decoder, block: bytes) -> Any:
    """What a decoder makes of it: fields, or the kind of error."""
    try:
        return [tuple(field) for field in decoder.decode(block, raw=True)]
    except HPACKError as error:
        return type(error)


class PlainDecoderTests(TestCase):
    @readable
    @given(BLOCKS, st.sampled_from([0, 100, 4096]), st.sampled_from([200, 65536]))
    def test_as_hpack(self, blocks: list[bytes], table: int, most: int) -> None:
        """The same fields, the same errors, the same table behind every block."""
        ours, theirs = PlainDecoder(most), Decoder(most)
        for decoder in (ours, theirs):
            decoder.max_allowed_table_size = table
        for block in blocks:
            found = said(ours, block)
            self.assertEqual(found, said(theirs, block))
            self.assertEqual(
                ours.header_table.dynamic_entries, theirs.header_table.dynamic_entries
            )
            if isinstance(found, type):
                return

    @readable
    @given(st.lists(FIELDS, max_size=6), st.booleans(), st.booleans())
    def test_hpacks_own_blocks(
        self, blocks: list[list[Field]], huffman: bool, sensitive: bool
    ) -> None:
        """Whatever an encoder does with its table and with Huffman's code."""
        encoder, ours, theirs = Encoder(), PlainDecoder(), Decoder()
        for fields in blocks:
            given = [
                NeverIndexedHeaderTuple(*field) if sensitive else field
                for field in fields
            ]
            block = encoder.encode(given, huffman)
            self.assertEqual(said(ours, block), fields)
            self.assertEqual(said(theirs, block), fields)

    @readable
    @given(FIELDS, st.integers(0, 400))
    def test_cut_short(self, fields: list[Field], end: int) -> None:
        """A plain block that ends too early is judged by hpack."""
        block = write_plain(fields)[:end]
        self.assertEqual(said(PlainDecoder(), block), said(Decoder(), block))

    def test_what_is_not_plain(self) -> None:
        """It is left to hpack, row by row."""
        for block in (
            b"\x80",  # entry 0
            b"\xbe",  # the dynamic table
            b"\x7e\x01b",
            b"\x0f\x2f\x01b",
            b"\x0f\x80\x00\x01b",  # a number of more octets
            b"\x40\x01a\x01b",  # to be entered
            b"\x20\x01a\x01b",  # a table size
            b"\x00\x81\x1f\x01b",  # Huffman's code
            b"\x00\x01a\x81\x1f",
            b"\x00\x01a\x80\x00" + b"v" * 128,
            b"\x00\x01a\x7f\x80\x80\x01" + b"v" * 16510,
            b"\x00\x02a",  # cut short
            b"\x00\x01a",
            b"\x00\x01a\x02b",
            b"\x00\x01a\x7f",
        ):
            self.assertIsNone(read_plain(block))
            self.assertEqual(said(PlainDecoder(), block), said(Decoder(), block))

    def test_too_much(self) -> None:
        """A list that is larger than the limit is refused by hpack."""
        with self.assertRaises(OversizedHeaderListError):
            PlainDecoder(100).decode(b"\x88\x88\x88", raw=True)

    def test_text_is_hpacks(self) -> None:
        """Whoever asks for text gets it from there."""
        self.assertEqual(PlainDecoder().decode(b"\x88"), [(":status", "200")])

    def test_a_table_that_must_shrink(self) -> None:
        """A peer that has not said that it did is told so, by a plain block too."""
        decoder = PlainDecoder()
        decoder.max_allowed_table_size = 0
        self.assertRaises(HPACKError, decoder.decode, b"\x88", raw=True)

    def test_the_gateways_requests_are_plain(self) -> None:
        """But for the first, which empties the table."""
        writer = BlockWriter(b"localhost")
        request = Request(
            b"/3/device/" + b"0f" * 32,
            ((b"apns-topic", b"com.example.app"), (b"apns-priority", b"10")),
            ((b"apns-id", b"i" * 36), (b"apns-collapse-id", b"c" * 64)),
            b"{}",
            "i",
        )
        found = [
            read_plain(writer.write(request, b"bearer " + b"x" * 200)) for _ in "ab"
        ]
        self.assertIsNone(found[0])
        self.assertEqual(len(found[1] or ()), 9)


class WriteTests(TestCase):
    def test_golden_bytes(self) -> None:
        """As RFC 7541 has them: entries 8 and 33, names written out."""
        self.assertEqual(
            write_plain(ANSWER),
            b"\x88"
            b"\x00\x07apns-id\x24123e4567-e89b-12d3-a456-42665544000a"
            b"\x0f\x12\x1dTue, 14 Nov 2023 22:13:20 GMT",
        )
        self.assertEqual(
            write_plain(REFUSAL), b"\x08\x03410\x00\x0fapns-request-id\x01r"
        )

    def test_long_values(self) -> None:
        """Lengths of every form; what takes more than three octets is left to hpack."""
        for size in (126, 127, 128, 254, 255, 16510, 16511, 60000):
            fields = [(b"apns-id", b"v" * size)]
            block = write_plain(fields)
            self.assertEqual(said(Decoder(), block), fields)
            self.assertEqual(said(PlainDecoder(), block), fields)
            self.assertEqual(read_plain(block) is None, size > 16510)

    @readable
    @given(FIELDS)
    def test_read_back(self, fields: list[Field]) -> None:
        """What was written is read by hpack, whose table stays empty."""
        decoder, block = Decoder(), write_plain(fields)
        self.assertEqual(said(decoder, block), fields)
        self.assertEqual(len(decoder.header_table.dynamic_entries), 0)
        self.assertEqual(read_plain(block), fields)


class PlainEncoderTests(TestCase):
    def test_turns(self) -> None:
        """Of every round the first are hpack's to the octet; the rest is plain."""
        ours, theirs, decoder = PlainEncoder(), Encoder(), Decoder()
        for number in range(ROUND + BY_HPACK):
            fields = [*ANSWER, (b"apns-unique-id", b"%d" % number)]
            block = ours.encode(fields)
            self.assertEqual(said(decoder, block), fields)
            by_hpack = number % ROUND < BY_HPACK
            expected = theirs.encode(fields) if by_hpack else write_plain(fields)
            self.assertEqual(block, expected)

    @readable
    @given(
        st.sampled_from([0, BY_HPACK - 1, BY_HPACK, BY_HPACK + 1]),
        st.lists(FIELDS | st.sampled_from([0, 50, 100, 4096, 8192]), max_size=12),
    )
    def test_table_sizes(self, before: int, steps: list[Any]) -> None:
        """A size that the client sets is heeded and told, whoever's turn it is."""
        encoder, decoder = PlainEncoder(), Decoder()
        for _ in range(before):
            said(decoder, encoder.encode(ANSWER))
        for step in steps:
            if isinstance(step, int):
                encoder.header_table_size = decoder.max_allowed_table_size = step
            else:
                self.assertEqual(said(decoder, encoder.encode(step)), step)
