"""Rates: how many more may go now, and when the next one may.

Knows counts and instants; neither what is counted nor who waits.

Rules of this file:

- Never more than `count` in any half-open interval of `per_seconds`.  The whole
  allowance may go at once; the next one then waits for the interval to pass.
- Grants are remembered by slots.  Those within one grain (a 256th of the interval)
  share a slot and count as given at its last instant, so that memory is bounded and
  the error is on the safe side: a grant is forgotten up to one grain late.
- The clock may jump.  Forwards, the time has passed.  Backwards, it goes on from
  where it was: no stall, and the law holds with the step taken out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from math import inf
from typing import Final, Protocol

from attrs import define, field


GRAINS: Final = 256
"""Into how many grains an interval is divided."""

MARGIN_SECONDS: Final = 1e-6
"""Added to every wait, lest rounding wake somebody just before it is time."""


@define(eq=False)
class _Slot:
    """Grants from `first` to `last`; all count as given at `last`."""

    first: float
    last: float
    count: int


@define(eq=False)
class Bucket:
    """One rate, shared by everybody who was given this bucket.

    Attributes:
        count: how many in an interval, at least 1.
        per_seconds: the length of an interval, above 0.
    """

    count: int
    per_seconds: float
    _slots: deque[_Slot] = field(factory=deque, init=False)
    _used: int = field(default=0, init=False)
    _granted: int = field(default=0, init=False)
    _at: float = field(default=-inf, init=False)
    _offset: float = field(default=0.0, init=False)

    def take(self, wanted: int, now: float) -> int:
        """How many of `wanted` may go at `now` (seconds on any clock)."""
        at = self._advance(now)
        granted = max(0, min(wanted, self.count - self._used))
        self._granted = granted
        if granted:
            self._note(granted, at)
        return granted

    def give_back(self, count: int) -> None:
        """Return what the last `take` granted and nobody used.

        To be called before anybody takes again; more than was granted is ignored.
        """
        returned = min(count, self._granted)
        if returned <= 0 or not self._slots:
            return
        self._granted -= returned
        self._used -= returned
        self._slots[-1].count -= returned
        if not self._slots[-1].count:
            self._slots.pop()

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0 when one may go now."""
        at = self._advance(now)
        if self._used < self.count:
            return 0.0
        return self._slots[0].last + self.per_seconds - at + MARGIN_SECONDS

    def _advance(self, now: float) -> float:
        """The instant on a clock that never goes back; forgets what is over."""
        at = now + self._offset
        if at < self._at:
            self._offset += self._at - at
            at = self._at
        self._at = at
        slots = self._slots
        while slots and slots[0].last + self.per_seconds <= at:
            self._used -= slots.popleft().count
        return at

    def _note(self, granted: int, at: float) -> None:
        self._used += granted
        slot = self._slots[-1] if self._slots else None
        if slot is not None and at - slot.first < self.per_seconds / GRAINS:
            slot.last = at
            slot.count += granted
        else:
            self._slots.append(_Slot(at, at, granted))


class Rate(Protocol):
    """At most `count` in any `per_seconds`."""

    @property
    def count(self) -> int:
        """How many; 0 is no limit."""

    @property
    def per_seconds(self) -> float:
        """The length of an interval."""

    @property
    def definition(self) -> Hashable:
        """What is shared: equal for all who share it."""


class Meter(Protocol):
    """A rate as those see it who are bound by it; `Bucket` is one."""

    def take(self, wanted: int, now: float) -> int:
        """How many of `wanted` may go at `now`."""

    def give_back(self, count: int) -> None:
        """Return what the last `take` granted and nobody used; at once."""

    def wait(self, now: float) -> float:
        """Seconds until it is worth asking again; 0 when one may go now."""


class Meters(Protocol):
    """The rates of all lanes; `Buckets` are those of one process."""

    def of(self, rate: Rate | None) -> Meter | None:
        """The one of its definition, or None when there is no limit."""


class Buckets:
    """One bucket for each definition of a rate, as long as the program runs."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, Bucket] = {}

    def of(self, rate: Rate | None) -> Bucket | None:
        """The bucket of its definition, or None when there is no limit.

        A definition that was changed keeps its bucket: what was granted still counts.
        """
        if rate is None or not rate.count:
            return None
        bucket = self._buckets.get(rate.definition)
        if bucket is None:
            bucket = Bucket(rate.count, rate.per_seconds)
            self._buckets[rate.definition] = bucket
        bucket.count, bucket.per_seconds = rate.count, rate.per_seconds
        return bucket
