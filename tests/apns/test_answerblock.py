"""Field blocks of answers: read strictly, and remembered only while they hold."""

from __future__ import annotations

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.answerblock import Block, BlockReader, read_fields
from mcmtpush.apns.http2frame import Violation
from tests.support.case import TestCase, readable


class ReadFieldsTests(TestCase):
    def test_good(self) -> None:
        """Status and fields; repeated ones are joined."""
        self.assertEqual(
            read_fields(
                [(b":status", b"429"), (b"a", b"1"), (b"b", b""), (b"a", b"2")]
            ),
            Block(429, {b"a": b"1, 2", b"b": b""}),
        )
        self.assertEqual(read_fields([(b"te", b"trailers")]).status, 0)

    def test_malformed(self) -> None:
        """What RFC 9113 calls malformed, row by row."""
        for fields in (
            [(b":status", b"200"), (b":status", b"200")],
            [(b"a", b"b"), (b":status", b"200")],
            [(b":status", b"20")],
            [(b":status", b"2000")],
            [(b":status", b"099")],
            [(b":path", b"/")],
            [(b"", b"x")],
            [(b"A", b"x")],
            [(b"a b", b"x")],
            [(b"a:", b"x")],
            [(b"\x80", b"x")],
            [(b"a", b"x\0")],
            [(b"a", b"x\r")],
            [(b"a", b"x\n")],
            [(b"a", b" x")],
            [(b"a", b"x\t")],
            [(b"connection", b"close")],
            [(b"keep-alive", b"1")],
            [(b"proxy-connection", b"1")],
            [(b"transfer-encoding", b"chunked")],
            [(b"upgrade", b"h2c")],
            [(b"te", b"gzip")],
        ):
            self.assertRaises(Violation, read_fields, fields)


class BlockReaderTests(TestCase):
    def test_table_moves_on(self) -> None:
        """The same octets mean another thing when the table changed."""
        reader = BlockReader()
        reader.read(b"\x88\x40\x01a\x01b")
        self.assertEqual(reader.read(b"\x88\xbe").fields, {b"a": b"b"})
        self.assertEqual(reader.read(b"\x88\xbe").fields, {b"a": b"b"})
        reader.read(b"\x88\x40\x01c\x01d")
        self.assertEqual(reader.read(b"\x88\xbe").fields, {b"c": b"d"})

    def test_a_block_that_changes(self) -> None:
        """A block that enters a field does so each time."""
        reader = BlockReader()
        for _ in range(3):
            reader.read(b"\x88\x40\x01a\x01b")
        self.assertEqual(reader.read(b"\x88\xc0").fields, {b"a": b"b"})
        self.assertRaises(Violation, reader.read, b"\x88\xc1")

    def test_shrinking(self) -> None:
        """A table that was emptied holds nothing, though a block was known."""
        reader = BlockReader()
        reader.read(b"\x40\x01a\x01b")
        reader.read(b"\xbe")
        reader.read(b"\x20")
        self.assertRaises(Violation, reader.read, b"\xbe")

    def test_bounded(self) -> None:
        """Not every block that ever came is remembered."""
        reader = BlockReader()
        for number in range(5000):
            reader.read(b"\x88\x00\x01a\x04%04d" % number)
        self.assertLessEqual(len(reader._known), 256)

    def test_malformed_is_not_remembered(self) -> None:
        """A block that was refused is refused again."""
        reader = BlockReader()
        for _ in range(2):
            self.assertRaises(Violation, reader.read, b"\x88\x00\x01A\x01b")

    @readable
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["200", "400", "410"]),
                st.lists(
                    st.tuples(
                        st.sampled_from(["apns-id", "date", "x"]),
                        st.sampled_from(["a", "b", "c" * 300]),
                        st.booleans(),
                    ),
                    max_size=3,
                ),
                st.sampled_from([None, None, None, 0, 100, 4096]),
            ),
            max_size=30,
        )
    )
    def test_in_step(self, answers: list[tuple[str, list[object], int | None]]) -> None:
        """Remembered or not, answers read as one without a memory reads them."""
        encoder, reader = Encoder(), BlockReader()
        for status, fields, size in answers:
            if size is not None:
                encoder.header_table_size = size
            block = encoder.encode([(":status", status), *fields])
            expected = [(b":status", status.encode())]
            expected += [(name.encode(), value.encode()) for name, value, _ in fields]
            self.assertEqual(reader.read(block), read_fields(expected))
