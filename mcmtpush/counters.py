"""Named counts, kept by whoever counts and read by whoever shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Counters:
    """A bag of monotonic counts.  Names are `room.what`, such as `spool.stored`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count so many more."""
        self._counts[name] += count

    def get(self, name: str) -> int:
        """The count so far, 0 if there is none."""
        return self._counts[name]

    def snapshot(self) -> Mapping[str, int]:
        """All counts at this moment, by name in order."""
        return dict(sorted(self._counts.items()))


def readable(counts: Mapping[str, int]) -> str:
    """Counts in one line."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())
