"""The simulator's journal: one line for every frame, whatever became of it.

Makes the lines; where they go is the caller's business (`write`).  A line is a
JSON object with the fields of `JournalLine`, which are promised to users; the
HTTP/2 half adds its own (`provider.line`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from mcmtpush.apns.frames import Frame, Malformed
from mcmtpush.simulator.verdict import Judgement, Verdict


Write = Callable[[bytes], None]

_VERDICTS: Final = {verdict.value: verdict for verdict in Verdict}


class JournalLine(NamedTuple):
    """What is told of one frame.

    Attributes:
        time: when it was judged, seconds since the epoch.
        connection: number of the connection on this server, from 1.
        command: 0, 1 or 2; for a malformed frame whatever its first byte was.
        identifier: 0 when the frame has none.
        token: hexadecimal text, empty when the frame has none.
        payload: as text; bytes that are no UTF-8 as a backslash, x and two digits.
        expiry: as in the frame, None when it has none.
        priority: as in the frame, 10 when it has none.
        verdict: accepted, refused or discarded.
        status: of a refusal; None otherwise.
        reason: why it was refused or discarded; None when accepted.
    """

    time: float
    connection: int
    command: int
    identifier: int
    token: str
    payload: str
    expiry: int | None
    priority: int | None
    verdict: str
    status: int | None
    reason: str | None


class Line(Protocol):
    """Any half's line: a NamedTuple that has at least a verdict."""

    @property
    def verdict(self) -> str:
        """What became of it."""

    def _asdict(self) -> dict[str, Any]:
        """Its fields by name."""


class Journal:
    """Collects lines in memory (the last `keep`, 0 for none) and writes them on.

    `write` is given whole lines, all of one piece of the stream at once.
    """

    def __init__(self, *, write: Write | None = None, keep: int = 0) -> None:
        self._write = write
        self.lines: deque[Any] = deque(maxlen=keep)
        self.counts: Final[dict[Verdict, int]] = dict.fromkeys(Verdict, 0)

    def note(
        self,
        at: float,
        connection: int,
        judged: Sequence[tuple[Frame | Malformed, Judgement]],
    ) -> None:
        """These were judged now, in this order."""
        self.put([_line(at, connection, *pair) for pair in judged])

    def put(self, lines: Sequence[Line]) -> None:
        """These lines, in this order."""
        if not lines:
            return
        for line in lines:
            self.counts[_VERDICTS[line.verdict]] += 1
        if self.lines.maxlen:
            self.lines.extend(lines)
        if self._write is not None:
            self._write(b"".join([_dump(line) for line in lines]))


def _dump(line: Line) -> bytes:
    return orjson.dumps(line._asdict(), option=orjson.OPT_APPEND_NEWLINE)


def _line(
    at: float, connection: int, frame: Frame | Malformed, judgement: Judgement
) -> JournalLine:
    verdict, status, reason, _ = judgement
    if isinstance(frame, Malformed):
        token, payload, expiry, priority = b"", b"", None, None
    else:
        token, payload = frame.token, frame.payload
        expiry, priority = frame.expiry, frame.priority
    return JournalLine(
        at,
        connection,
        frame.command,
        frame.identifier,
        token.hex(),
        payload.decode("utf-8", "backslashreplace"),
        expiry,
        priority,
        verdict.value,
        status,
        reason,
    )
