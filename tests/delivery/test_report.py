"""What the feedback service said, handed over to a log."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.delivery.report import LogReport
from tests.delivery.polling import RECORDS
from tests.support.case import TestCase, readable


class Log:
    """Keeps what it cannot write, and writes it before anything else."""

    def __init__(self, *moods: bool) -> None:
        self.moods = list(moods)  # whether each attempt in turn works; then all do
        self.lines: list[FeedbackRecord] = []
        self.kept: list[FeedbackRecord] = []

    def write(self, records: Sequence[FeedbackRecord]) -> str | None:
        assert records
        self.kept += records
        return self.flush()

    def flush(self) -> str | None:
        if self.moods and not self.moods.pop(0):
            return "disk full"
        self.lines += self.kept
        self.kept = []
        return None


class LogReportTests(TestCase):
    def test_written(self) -> None:
        """What is offered is written at once, the same again when it comes again."""
        log = Log()
        report = LogReport(log.write, log.flush)
        for _ in range(2):
            self.assertIsNone(report(RECORDS))
        self.assertEqual(log.lines, RECORDS * 2)

    def test_says_why(self) -> None:
        """The log's reason is passed on, while it keeps what it was given."""
        log = Log(False, False)
        report = LogReport(log.write, log.flush)
        for answer in ("disk full", "disk full", None):
            self.assertEqual(report(RECORDS), answer)
        self.assertEqual(log.lines, RECORDS)

    @readable
    @given(
        st.lists(st.booleans(), max_size=20), st.lists(st.integers(1, 4), max_size=6)
    )
    def test_nothing_twice(self, moods: list[bool], sizes: list[int]) -> None:
        """However the disk fails while more is offered: every record once, in order."""
        log = Log(*moods)
        report = LogReport(log.write, log.flush)
        everything = [FeedbackRecord(at, bytes([at + 1])) for at in range(sum(sizes))]
        held: list[FeedbackRecord] = []
        end = 0
        for size in sizes:
            held += everything[end : end + size]
            end += size
            if report(tuple(held)) is None:
                self.assertEqual(log.kept, [])
                held = []
        while held and report(tuple(held)) is not None:
            pass
        self.assertEqual(log.lines, everything)
