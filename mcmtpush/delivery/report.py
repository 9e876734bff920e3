"""How tokens that the feedback service gave up are handed over to be persisted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcmtpush.apns.feedback import FeedbackRecord


Report = Callable[[Sequence[FeedbackRecord]], str | None]
"""Persists these; None once they are, otherwise the reason they are not.

Behind a reason the same records are offered again, maybe with more behind them.
"""


class LogReport:
    """A `Report` on a log that keeps what it could not write and wants no repeats.

    `write` and `flush` are as in `ports.Records`.  One for each poller.
    """

    def __init__(self, write: Report, flush: Callable[[], str | None]) -> None:
        self._write = write
        self._flush = flush
        self._kept = 0  # of the records offered last, with the log

    def __call__(self, records: Sequence[FeedbackRecord]) -> str | None:
        """See `Report`."""
        reason = self._flush() if self._kept else None
        if reason is not None:
            return reason
        fresh, self._kept = records[self._kept :], 0
        reason = self._write(fresh) if fresh else None
        if reason is not None:
            self._kept = len(records)
        return reason
