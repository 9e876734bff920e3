"""Entries that were taken from the queue, as messages for one or several people.

What was accepted in one transaction has one content: it goes out in one, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from mcmtpush.delivery.mail.transaction import is_sendable
from mcmtpush.values import Entry, Message


GROUP_LIMIT: Final = 50
"""Recipients of one transaction; servers take 100 at least (RFC 5321, 4.5.3.1.8)."""


class Line:
    """First in, first out."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entries: Iterable[Entry]) -> list[Entry]:
        """Put these at the end; those are left out whose addresses cannot be sent."""
        unsendable = []
        for entry in entries:
            message = entry.message
            if message is not None and _is_sendable(message):
                self._entries.append(entry)
            else:
                unsendable.append(entry)
        return unsendable

    def next(self, limit: int = GROUP_LIMIT) -> list[Entry]:
        """The next message's entries, out of the line; empty when there are none.

        With a smaller `limit` some of its recipients may be left for another time.
        """
        group: list[Entry] = []
        while self._entries and len(group) < min(limit, GROUP_LIMIT):
            if group and not _go_together(group[0].message, self._entries[0].message):
                break
            group.append(self._entries.popleft())
        return group

    def clear(self) -> list[Entry]:
        """All that is left, out of the line."""
        left = list(self._entries)
        self._entries.clear()
        return left


def _is_sendable(message: Message) -> bool:
    recipient = message.recipient
    return bool(recipient) and is_sendable(recipient) and is_sendable(message.sender)


def _go_together(one: Message | None, other: Message | None) -> bool:
    return one is not None and other is not None and _content(one) == _content(other)


def _content(message: Message) -> tuple[object, ...]:
    return (
        message.batch_id,
        message.received_at,
        message.size,
        message.sender,
        message.recipient.isascii(),
    )
