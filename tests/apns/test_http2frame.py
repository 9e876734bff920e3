"""Frames cut apart, padding taken off, errors named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.http2frame import (
    FrameCutter,
    Violation,
    encode_frame,
    error_name,
    without_padding,
    without_priority,
)
from tests.apns.peer import frame
from tests.support.case import TestCase, readable


FRAMES = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 2**31 - 1),
        st.one_of(st.binary(max_size=30), st.just(b"x" * 16384)),
    ),
    max_size=5,
)


class FrameCutterTests(TestCase):
    @readable
    @given(FRAMES, st.lists(st.integers(0, 200), max_size=8))
    def test_any_cut(
        self, frames: list[tuple[int, int, int, bytes]], cuts: list[int]
    ) -> None:
        """Cut anywhere, the same frames come out, and nothing is kept."""
        data = b"".join(encode_frame(*each) for each in frames)
        cutter, found, start = FrameCutter(), [], 0
        for cut in [*sorted(cuts), len(data)]:
            found += list(cutter.feed(data[start:cut]))
            start = max(start, min(cut, len(data)))
        found += list(cutter.feed(data[start:]))
        self.assertEqual(found, frames)
        self.assertEqual(cutter.pending, 0)

    def test_byte_by_byte(self) -> None:
        """One at a time, with at most one frame kept."""
        data = frame(1, 5, 3, b"abc") + frame(0, 1, 3, b"") + frame(8, 0, 0, bytes(4))
        cutter, found = FrameCutter(), []
        for octet in data:
            found += list(cutter.feed(bytes((octet,))))
            self.assertLess(cutter.pending, 13)
        self.assertEqual(
            found, [(1, 5, 3, b"abc"), (0, 1, 3, b""), (8, 0, 0, bytes(4))]
        )

    def test_reserved_bit(self) -> None:
        """The first bit of the stream is ignored."""
        self.assertEqual(
            list(FrameCutter().feed(frame(0, 0, 2**31 + 7))), [(0, 0, 7, b"")]
        )

    def test_too_long(self) -> None:
        """A frame that is too long is refused by its head alone."""
        cutter = FrameCutter()
        data = cutter.feed(frame(6) + b"\x00\x40\x01" + bytes(6))
        self.assertEqual(next(data), (6, 0, 0, b""))
        self.assertRaises(Violation, next, data)


class PaddingTests(TestCase):
    def test_table(self) -> None:
        """Flags, payload, and what is inside; None is a broken rule."""
        for flags, payload, inside in (
            (0, b"\x05abc", b"\x05abc"),
            (8, b"\x00abc", b"abc"),
            (8, b"\x02abc", b"a"),
            (8, b"\x03abc", b""),
            (8, b"\x04abc", None),
            (8, b"\x00", b""),
            (8, b"\x01", None),
            (8, b"", None),
        ):
            if inside is None:
                self.assertRaises(Violation, without_padding, flags, payload)
            else:
                self.assertEqual(without_padding(flags, payload), inside)

    def test_priority(self) -> None:
        """Five octets in front, if the flag says so."""
        self.assertEqual(without_priority(0, b"abc"), b"abc")
        self.assertEqual(without_priority(0x20, b"12345abc"), b"abc")
        self.assertEqual(without_priority(0x20, b"12345"), b"")
        self.assertRaises(Violation, without_priority, 0x20, b"1234")


class NameTests(TestCase):
    def test_names(self) -> None:
        """As RFC 9113, section 7, names them."""
        for code, name in (
            (0, "NO_ERROR"),
            (7, "REFUSED_STREAM"),
            (8, "CANCEL"),
            (13, "HTTP_1_1_REQUIRED"),
            (14, "ERROR_14"),
            (2**32 - 1, "ERROR_4294967295"),
        ):
            self.assertEqual(error_name(code), name)
