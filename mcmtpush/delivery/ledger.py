"""The requests of one HTTP/2 connection that wait for their answer.

Every request gets the same time, so the oldest is always the first to be late.
Times are seconds of one clock that is good for differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from mcmtpush.values import Attempt


class Ledger:
    """Attempts by the number of their stream, the oldest first."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._open: dict[int, tuple[float, Attempt]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def oldest_at(self) -> float:
        """When the oldest was sent; infinite when there is none."""
        return next((sent_at for sent_at, _ in self._open.values()), inf)

    def add(self, stream_id: int, attempt: Attempt, now: float) -> None:
        """This was sent now."""
        self._open[stream_id] = now, attempt

    def remove(self, stream_id: int) -> None:
        """It was answered, or never will be."""
        self._open.pop(stream_id, None)

    def remove_all(self, attempts: Iterable[object]) -> None:
        """These were provably not processed."""
        gone = set(map(id, attempts))
        self._open = {
            stream_id: sent
            for stream_id, sent in self._open.items()
            if id(sent[1]) not in gone
        }

    def late(self, now: float) -> list[tuple[int, Attempt]]:
        """Those whose time is over, with their streams; no longer in here."""
        found = list(self._late(now))
        for stream_id, _ in found:
            del self._open[stream_id]
        return found

    def clear(self) -> list[tuple[int, Attempt]]:
        """All of them, in the order of sending, with their streams; none is left."""
        found = [(stream_id, attempt) for stream_id, (_, attempt) in self._open.items()]
        self._open.clear()
        return found

    def _late(self, now: float) -> Iterator[tuple[int, Attempt]]:
        for stream_id, (sent_at, attempt) in self._open.items():
            if sent_at + self.timeout_seconds > now:
                return
            yield stream_id, attempt
