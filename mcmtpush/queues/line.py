"""The active entries of one priority: who came back from a flight, then who came.

Knows neither bodies nor other lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import takewhile

from mcmtpush.values import Entry


class Line:
    """The active entries of one priority."""

    __slots__ = ("_came", "_returned")

    def __init__(self) -> None:
        self._returned: list[Entry] = []  # youngest first: the next is the last
        self._came: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._returned) + len(self._came)

    def __iter__(self) -> Iterator[Entry]:
        yield from reversed(self._returned)
        yield from self._came

    def head(self) -> Entry | None:
        """Who is next."""
        if self._returned:
            return self._returned[-1]
        return self._came[0] if self._came else None

    def pop(self) -> Entry:
        """Take the head out."""
        return self._returned.pop() if self._returned else self._came.popleft()

    def append(self, entry: Entry) -> None:
        """Last in line."""
        self._came.append(entry)

    def give_back(self, entries: Iterable[Entry]) -> None:
        """First in line, among others that were given back by row."""
        self._returned.extend(entries)
        self._returned.sort(key=row_of, reverse=True)

    def withdraw(self, received_before: float) -> list[Entry]:
        """Take out all that are so old, in order."""
        out = [one for one in self if one.received_at < received_before]
        self._returned = [
            one for one in self._returned if one.received_at >= received_before
        ]
        self._came = deque(
            one for one in self._came if one.received_at >= received_before
        )
        return out

    def discard(self, rows: set[int]) -> int:
        """Take these out, which are near the head; how many there were."""
        before = len(self)
        self._returned = [one for one in self._returned if one.row not in rows]
        missing = len(rows) - (before - len(self))
        kept: list[Entry] = []
        while missing and self._came:
            entry = self._came.popleft()
            if entry.row in rows:
                missing -= 1
            else:
                kept.append(entry)
        self._came.extendleft(reversed(kept))
        return before - len(self)


def older(line: Line, received_before: float) -> Iterator[Entry]:
    """Those at the head that are so old."""
    return takewhile(lambda one: one.received_at < received_before, line)


def row_of(entry: Entry) -> int:
    """Orders entries by age."""
    return entry.row
