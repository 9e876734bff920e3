"""Entries that wait for their time, the first due first.  Knows no clock."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from mcmtpush.values import Entry


class Delays:
    """A heap by `next_attempt_at`; those in it have no bodies."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Entry]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, entry: Entry) -> None:
        """Wait until `entry.next_attempt_at`; the body is dropped."""
        entry.message = entry.push = None
        heappush(self._heap, (entry.next_attempt_at, entry.row, entry))

    def next_due(self) -> float | None:
        """When the first has its time."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float, limit: int) -> list[Entry]:
        """Take out up to `limit` whose time has come."""
        due: list[Entry] = []
        heap = self._heap
        while len(due) < limit and heap and heap[0][0] <= now:
            due.append(heappop(heap)[2])
        return due

    def withdraw(self, received_before: float) -> list[Entry]:
        """Take out all that are so old."""
        waiting = [one for _, _, one in self._heap]
        self._heap = [
            each for each in self._heap if each[2].received_at >= received_before
        ]
        heapify(self._heap)
        return [one for one in waiting if one.received_at < received_before]

    def set_back(self, seconds: float) -> None:
        """Everybody's time comes so much earlier."""
        for _, _, entry in self._heap:
            entry.next_attempt_at -= seconds
        self._heap = [
            (entry.next_attempt_at, row, entry) for _, row, entry in self._heap
        ]
        heapify(self._heap)
