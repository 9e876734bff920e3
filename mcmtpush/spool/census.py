"""What waits in a spool, queue by queue; beside a running gateway or without one."""

# ruff: noqa: S608 - every part is a constant of this program
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain

from attrs import evolve, frozen

from mcmtpush.spool.database import open_reader, version_of
from mcmtpush.spool.fault import spool_error


FIRST_VERSION = 2
"""Spools before that never note what ended on a damaged page, and keep nothing."""

_HELD = "next_attempt_at >= 9e999"
_COUNTS = (
    "SELECT binding_group, binding, domain, count(*), "
    f"total(next_attempt_at > ? AND NOT {_HELD}), total({_HELD}), min(received_at) "
    "FROM entry {where} GROUP BY binding_group, binding, domain "
    "ORDER BY domain, binding"
)
_EXPIRED = "SELECT EXISTS (SELECT 1 FROM dead_letter WHERE keep_until < ?)"
_NOT_ENDED = "WHERE row NOT IN (SELECT row FROM ended)"


@frozen
class QueueCount:
    """One queue.

    Attributes:
        messages: all that wait, or are being delivered right now.
        delayed: those of them that wait for a retry.
        held: those that wait for an operator.
        oldest_at: when the oldest was received, seconds since the epoch.
    """

    binding_group: str
    binding: str
    domain: str
    messages: int
    delayed: int
    held: int
    oldest_at: float


def count_queues(path: str, *, now: float) -> list[QueueCount]:
    """Every queue that is not empty.  Raises SpoolError."""
    with closing(open_reader(path)) as reader:
        where = _NOT_ENDED if version_of(reader) >= FIRST_VERSION else ""
        try:
            rows = reader.execute(_COUNTS.format(where=where), (now,)).fetchall()
        except sqlite3.Error as error:
            raise spool_error(error) from error
    return [
        QueueCount(group, binding, domain, count, int(delayed), int(held), oldest)
        for group, binding, domain, count, delayed, held, oldest in rows
    ]


def has_work(path: str, *, now: float) -> bool:
    """Whether messages wait, or dead letters have been kept for long enough.

    Raises SpoolError.
    """
    if count_queues(path, now=now):
        return True
    with closing(open_reader(path)) as reader:
        if version_of(reader) < FIRST_VERSION:
            return False
        try:
            return bool(reader.execute(_EXPIRED, (now,)).fetchone()[0])
        except sqlite3.Error as error:
            raise spool_error(error) from error


def add_up(spools: Sequence[Sequence[QueueCount]]) -> list[QueueCount]:
    """The same of several spools: a queue that is in more than one is one."""
    found: dict[tuple[str, str, str], QueueCount] = {}
    for each in chain.from_iterable(spools):
        key = (each.domain, each.binding, each.binding_group)
        found[key] = _sum(found[key], each) if key in found else each
    return [found[key] for key in sorted(found)]


def _sum(one: QueueCount, other: QueueCount) -> QueueCount:
    return evolve(
        one,
        messages=one.messages + other.messages,
        delayed=one.delayed + other.delayed,
        held=one.held + other.held,
        oldest_at=min(one.oldest_at, other.oldest_at),
    )
