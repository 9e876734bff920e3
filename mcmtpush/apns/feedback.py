"""The feedback service's records: tokens that Apple gave up, and since when.

Bytes only.  Records stand back to back until the server closes:

    offset  size
    0       4     seconds since the epoch, big-endian
    4       2     token length T
    6       T     token

Source: Apple, "Binary Provider API", section on the feedback service.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import NamedTuple

from mcmtpush.errors import LocalProtocolError


_HEAD = Struct(">IH")


class FeedbackRecord(NamedTuple):
    """One token that is gone.  `gone_at` is whole seconds since the epoch."""

    gone_at: int
    token: bytes


def encode_feedback(records: Iterable[FeedbackRecord]) -> bytes:
    """The records back to back; `LocalProtocolError` when a value does not fit."""
    try:
        return b"".join(
            _HEAD.pack(record.gone_at, len(record.token)) + record.token
            for record in records
        )
    except StructError as error:
        raise LocalProtocolError(f"a feedback record does not fit: {error}") from error


class FeedbackReader:
    """Bytes in any cut to records, in order; every sequence of bytes is readable."""

    def __init__(self) -> None:
        self._carry = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of an unfinished record: not 0 at the end means it was cut off."""
        return len(self._carry)

    def feed(self, data: bytes) -> list[FeedbackRecord]:
        """All records that became whole."""
        self._carry += data
        records = []
        start, end = 0, len(self._carry)
        while end - start >= _HEAD.size:
            gone_at, size = _HEAD.unpack_from(self._carry, start)
            token_at = start + _HEAD.size
            if end - token_at < size:
                break
            start = token_at + size
            records.append(FeedbackRecord(gone_at, bytes(self._carry[token_at:start])))
        del self._carry[:start]
        return records
