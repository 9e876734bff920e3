"""The feedback service's records, against bytes written by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.feedback import FeedbackReader, FeedbackRecord, encode_feedback
from mcmtpush.errors import LocalProtocolError
from tests.support.case import TestCase, readable


GOLDEN = bytes.fromhex(
    "65 53 f1 00  00 20"
    "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
    "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f"
)
RECORD = FeedbackRecord(1_700_000_000, bytes(range(32)))
SHORT = FeedbackRecord(1, b"")

records = st.lists(
    st.builds(FeedbackRecord, st.integers(0, 0xFFFFFFFF), st.binary(max_size=100)),
    max_size=6,
)


class FeedbackTests(TestCase):
    def test_golden_record(self) -> None:
        """A record of a usual token has 38 bytes, both ways."""
        self.assertEqual(encode_feedback([RECORD]), GOLDEN)
        self.assertEqual(len(GOLDEN), 38)
        self.assertEqual(FeedbackReader().feed(GOLDEN), [RECORD])

    def test_byte_by_byte_with_trailing(self) -> None:
        """Records come out with their last byte; a begun one is counted."""
        reader = FeedbackReader()
        data = GOLDEN + encode_feedback([SHORT]) + GOLDEN[:5]
        found = [
            (at, record)
            for at in range(len(data))
            for record in reader.feed(data[at : at + 1])
        ]
        self.assertEqual(found, [(37, RECORD), (43, SHORT)])
        self.assertEqual(reader.pending, 5)

    def test_truncated_anywhere_is_no_record(self) -> None:
        """A record without its end is kept, not read."""
        for size in range(len(GOLDEN)):
            reader = FeedbackReader()
            self.assertEqual(reader.feed(GOLDEN[:size]), [])
            self.assertEqual(reader.pending, size)

    def test_refuses_values_that_do_not_fit(self) -> None:
        """A time beyond 32 bits or a token beyond 16 is our own mistake."""
        for record in (FeedbackRecord(1 << 32, b""), FeedbackRecord(0, bytes(65536))):
            with self.assertRaises(LocalProtocolError):
                encode_feedback([record])

    @readable
    @given(records, st.lists(st.integers(0, 700), max_size=8))
    def test_any_cut_gives_the_same(
        self, given: list[FeedbackRecord], places: list[int]
    ) -> None:
        """However the stream is cut, what was encoded is read."""
        data = encode_feedback(given)
        reader = FeedbackReader()
        found: list[FeedbackRecord] = []
        start = 0
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            found += reader.feed(data[start:end])
            start = end
        self.assertEqual(found, given)
        self.assertEqual(reader.pending, 0)

    @readable
    @given(st.binary(max_size=200))
    def test_garbage_never_raises(self, data: bytes) -> None:
        """Every sequence of bytes is records and a beginning of one."""
        reader = FeedbackReader()
        found = reader.feed(data)
        self.assertEqual(encode_feedback(found), data[: len(data) - reader.pending])
