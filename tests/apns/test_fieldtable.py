"""HPACK blocks against the hpack package, with examples from the standard."""

from __future__ import annotations

from hpack import Decoder, Encoder, HPACKError
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.fieldtable import STATIC_TABLE, FieldTable
from tests.support.case import TestCase, readable


FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b":status", b"apns-id", b"date", b"x", b"long" * 40]),
        st.one_of(st.sampled_from([b"200", b"", b"a" * 500]), st.binary(max_size=12)),
        st.booleans(),
    ),
    max_size=6,
)


RESPONSES = (
    bytes.fromhex(
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
        "6e919d29ad171863c78f0b97c8e9ae82ae43d3"
    ),
    bytes.fromhex("4883640effc1c0bf"),
    bytes.fromhex(
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94"
        "e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c0"
        "03ed4ee5b1063d5007"
    ),
)


def their_fields(decoder: Decoder, block: bytes) -> list[tuple[bytes, bytes]] | None:
    try:
        return [(bytes(a), bytes(b)) for a, b in decoder.decode(block, raw=True)]
    except (HPACKError, IndexError):
        return None


def our_fields(table: FieldTable, block: bytes) -> list[tuple[bytes, bytes]] | None:
    try:
        return table.read(block)
    except (ValueError, IndexError):
        return None


class GoldenTests(TestCase):
    def test_static_table(self) -> None:
        """It is the standard's."""
        self.assertEqual(STATIC_TABLE, HeaderTable.STATIC_TABLE)

    def test_responses(self) -> None:
        """RFC 7541, appendix C.6, with a table of 256 bytes that evicts."""
        table = FieldTable()
        table.read(b"\x3f\xe1\x01")
        found = [table.read(block) for block in RESPONSES]
        date = b"Mon, 21 Oct 2013 20:13:21 GMT"
        place = (b"location", b"https://www.example.com")
        private = (b"cache-control", b"private")
        self.assertEqual(
            found[0], [(b":status", b"302"), private, (b"date", date), place]
        )
        self.assertEqual(
            found[1], [(b":status", b"307"), private, (b"date", date), place]
        )
        self.assertEqual(
            found[2],
            [
                (b":status", b"200"),
                private,
                (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
                place,
                (b"content-encoding", b"gzip"),
                (
                    b"set-cookie",
                    b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                ),
            ],
        )

    def test_bomb(self) -> None:
        """A block that unpacks to megabytes is refused before it does."""
        table = FieldTable()
        table.read(b"\x40\x01a\x7f\x81\x1e" + b"b" * 3968)
        self.assertRaises(ValueError, table.read, b"\xbe" * 100_000)

    def test_numbers(self) -> None:
        """A number that never ends, or is absurd, is none."""
        for block in (b"\xff" * 20, b"\xff\x80\x80\x80\x80\x80\x80\x01", b"\x7f"):
            self.assertRaises((ValueError, IndexError), FieldTable().read, block)

    def test_changes(self) -> None:
        """The table says when a block may have changed it."""
        table = FieldTable()
        for block, changed in (
            (b"\x88", False),
            (b"\x88\x00\x01a\x01b", False),
            (b"\x10\x01a\x01b", False),
            (b"\x40\x01a\x01b", True),
            (b"\xbe", False),
            (b"\x20\x88", True),
        ):
            before = table.changes
            table.read(block)
            self.assertEqual(table.changes != before, changed, block)


class AgainstThePackageTests(TestCase):
    @readable
    @given(
        st.lists(
            st.tuples(FIELDS, st.booleans(), st.sampled_from([None, 0, 50, 300, 4096])),
            max_size=8,
        )
    )
    def test_encoded(self, blocks: list[tuple[object, bool, int | None]]) -> None:
        """Whatever the package's encoder writes is read, through every eviction."""
        encoder, table = Encoder(), FieldTable()
        for fields, huffman, size in blocks:
            if size is not None:
                encoder.header_table_size = size
            block = encoder.encode(fields, huffman=huffman)
            self.assertEqual(
                table.read(block), [(name, value) for name, value, _ in fields]
            )

    @readable
    @given(st.lists(st.one_of(st.binary(max_size=25), FIELDS), max_size=6))
    def test_any_octets(self, pieces: list[object]) -> None:
        """Any octets mean the same to both, or nothing to either."""
        encoder, table, decoder = Encoder(), FieldTable(), Decoder()
        for piece in pieces:
            block = piece if isinstance(piece, bytes) else encoder.encode(piece)
            theirs = their_fields(decoder, block)
            self.assertEqual(our_fields(table, block), theirs, block)
            if theirs is None:
                return

    @readable
    @given(FIELDS, st.data())
    def test_truncated(self, fields: list[object], data: st.DataObject) -> None:
        """Cut short anywhere, it is the same to both."""
        block = Encoder().encode(fields)
        cut = block[: data.draw(st.integers(0, len(block)))]
        self.assertEqual(our_fields(FieldTable(), cut), their_fields(Decoder(), cut))
