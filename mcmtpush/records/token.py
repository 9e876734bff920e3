"""Token events: device tokens that must not be used again, as JSON lines.

Knows the format of a line; how it gets to the disk is `logfile`'s business.  Every
event given is written: what was reported before is not remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal

import orjson
from attrs import frozen

from mcmtpush.records.fields import one_line
from mcmtpush.records.logfile import ALONE, LogFile
from mcmtpush.values import Record


@frozen
class TokenEvent:
    """The service said that a token is of no use any more.

    Attributes:
        at: since when, where the service tells that (a 410, the feedback service);
            else when it said so.
        token: as injected; from the feedback service, lower-case hexadecimal.
        domain: the routing domain that it was used or polled for.
        reason: a few words, such as the text of the status.
        source: an answer to a notification, or the feedback service.
    """

    at: float
    token: str
    domain: str
    reason: str
    source: Literal["status", "feedback"]


def event_of(record: Record) -> TokenEvent:
    """What a refusal says about its token."""
    native = record.native
    gone_at = native.timestamp if native is not None else None
    return TokenEvent(
        record.at if gone_at is None else gone_at / 1000,
        record.token,
        record.message.key.domain,
        record.detail,
        "status",
    )


def event_line(event: TokenEvent) -> bytes:
    """One event as its line, line feed included; never more than one line."""
    return orjson.dumps(
        {
            "time": int(event.at),
            "token": one_line(event.token),
            "domain": one_line(event.domain),
            "reason": one_line(event.reason),
            "source": event.source,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


class TokenEvents:
    """The file of token events; without a path, everything is taken and nothing done.

    Verbs and answers are those of `RecordLogs`: None, or the reason of a failure;
    what could not be written is kept, in order, and goes first the next time.

    Args:
        path: absolute, or None when no file is configured.
        mode: permission bits of the file.
        lock: where several processes append to the file, the one that they share.
    """

    def __init__(
        self, path: str | None, mode: int, lock: AbstractContextManager[object] = ALONE
    ) -> None:
        self._file = None if path is None else LogFile(path, mode, lock)

    def write(self, events: Sequence[TokenEvent]) -> str | None:
        """Append these, one write to the system; None, or why they are kept.

        After a failure the caller must see `flush` return None before it treats
        them as written, and not go on collecting.
        """
        if self._file is None:
            return None
        return self._file.append(b"".join(map(event_line, events)))

    def flush(self) -> str | None:
        """Try again to write what is kept: None, or the reason it is still kept."""
        return None if self._file is None else self._file.flush()

    def reopen(self) -> str | None:
        """Open what the path leads to now: at the start, and after a rotation.

        What was kept goes first, to the old file if that takes it.
        """
        return None if self._file is None else self._file.open()

    def close(self) -> str | None:
        """Write what is kept and close; None, or why events were lost."""
        return None if self._file is None else self._file.close()
