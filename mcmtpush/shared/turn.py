"""Whose turn it is, where workers have limits together.  Knows neither file nor time.

A place that is free goes to the worker that has fewest, and among those to the one that
has waited longest.  Of those who have any, the one with most gives one up for a worker
that has two fewer, or has had none at all for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen


SLICE_SECONDS: Final = 5.0
"""After so long without any place a worker gets one, though others have only one."""


@frozen
class Want:
    """A worker waits for one of `most` places, since then."""

    worker: int
    since: float
    most: int


def has_turn(mine: Want, used: Mapping[int, int], others: Iterable[Want]) -> bool:
    """Whether there is a place for this worker; `used` is what each worker has."""
    order = used.get(mine.worker, 0), mine.since
    first = sum((used.get(each.worker, 0), each.since) < order for each in others)
    return sum(used.values()) + first < mine.most


def must_yield(worker: int, used: Mapping[int, int], want: Want, now: float) -> bool:
    """Whether this worker is to give up a place for another that wants one."""
    mine, theirs = used.get(worker, 0), used.get(want.worker, 0)
    if sum(used.values()) < want.most or mine < max(used.values(), default=0):
        return False
    starves = not theirs and now >= want.since + SLICE_SECONDS
    return mine > theirs + 1 or (mine > theirs and starves)
