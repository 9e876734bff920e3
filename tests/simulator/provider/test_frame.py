"""Frames in our own words, read by hyperframe."""

from __future__ import annotations

from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.frame import header_frames
from tests.support.case import TestCase, readable


def frames_in(data: bytes) -> list[Frame]:
    found = []
    while data:
        frame, size = Frame.parse_frame_header(memoryview(data[:9]), strict=True)
        frame.parse_body(memoryview(data[9 : 9 + size]))
        found.append(frame)
        data = data[9 + size :]
    return found


class HeaderFrameTests(TestCase):
    def test_golden_bytes(self) -> None:
        """As RFC 9113 has them."""
        for block, end, limit, *expected in (
            (b"\x88", True, 16384, "000001 01 05 00000007 88"),
            (b"\x88", False, 16384, "000001 01 04 00000007 88"),
            (
                b"\x88\x89\x8a",
                True,
                2,
                "000002 01 01 00000007 8889",
                "000001 09 04 00000007 8a",
            ),
        ):
            found = header_frames(7, block, end=end, limit=limit)
            self.assertEqual(found, bytes.fromhex("".join(expected)))

    @readable
    @given(st.binary(max_size=99), st.booleans(), st.integers(1, 40))
    def test_any_length(self, block: bytes, end: bool, limit: int) -> None:
        """The block in pieces; the last of them says so, the first how it ends."""
        first, *more = frames = frames_in(header_frames(3, block, end=end, limit=limit))
        self.assertIsInstance(first, HeadersFrame)
        self.assertTrue(all(isinstance(each, ContinuationFrame) for each in more))
        self.assertEqual(b"".join(each.data for each in frames), block)
        self.assertEqual({each.stream_id for each in frames}, {3})
        self.assertTrue(all(each.body_len <= limit for each in more))
        self.assertEqual("END_STREAM" in first.flags, end)
        ends = ["END_HEADERS" in each.flags for each in frames]
        self.assertEqual(ends, [False] * (len(frames) - 1) + [True])
