"""Entries, their bodies, and one queue."""

from __future__ import annotations

from collections.abc import Sequence

from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.residence import Residence
from mcmtpush.values import Entry, Message, PushPart, QueueKey
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "apn_example.com")
PUSH = PushPart("ab" * 32, b"{}")
NO_LIMIT = -1


def a_message(row: int = 0) -> Message:
    """A body."""
    return Message(str(row), "b", "c", 0.0, "s@x", "r@x", KEY, 100)


def an_entry(
    row: int,
    priority: int = 0,
    *,
    at: float = 0.0,
    age: float = 0.0,
    bare: bool = False,
) -> Entry:
    """An entry, resident unless `bare`."""
    entry = Entry(row, age, next_attempt_at=at, priority=priority)
    if not bare:
        entry.message, entry.push = a_message(row), PUSH
    return entry


def bodies(entries: Sequence[Entry]) -> dict[int, tuple[Message, PushPart | None]]:
    """What the spool would answer."""
    return {entry.row: (a_message(entry.row), PUSH) for entry in entries}


def rows(entries: Sequence[Entry]) -> list[int]:
    """Who they are."""
    return [entry.row for entry in entries]


class DomainCase(TestCase):
    """One queue with a budget of its own."""

    def setUp(self) -> None:
        self.residence = Residence(0)
        self.queue = DomainQueue(KEY, self.residence)

    def enqueue(self, *entries: Entry, now: float = 0.0, limit: int = NO_LIMIT) -> None:
        """Enqueue at a time."""
        self.queue.enqueue(entries, now, limit)
