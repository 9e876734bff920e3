"""The active entries of a queue in two lines, and which of these has its turn.

Priority 1 goes before priority 0; but where both wait, every eighth that is taken is of
priority 0.  Counts no bodies: who takes entries with one, or gives bodies, does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from math import inf
from typing import Final

from mcmtpush.queues.line import Line, older
from mcmtpush.values import Entry


AHEAD: Final = 7
"""So many of priority 1 go in a row while one of priority 0 waits."""


class Lines:
    """Both of them.

    Attributes:
        both: the one of priority 1, then the other.
    """

    __slots__ = ("_ahead", "_first", "_second", "both")

    def __init__(self) -> None:
        self._ahead = 0  # of priority 1, since one of 0 waits
        self._renew()

    def _renew(self) -> None:
        self._first, self._second = self.both = Line(), Line()

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def of(self, entry: Entry) -> Line:
        """Where this one stands, or is to."""
        return self._first if entry.priority else self._second

    @property
    def turn(self) -> Line:
        """The line whose head is next."""
        first, second = self._first, self._second
        return first if first and (self._ahead < AHEAD or not second) else second

    def in_turn(self) -> Iterator[Entry]:
        """All in the order of taking."""
        first, second = iter(self._first), iter(self._second)
        favoured, others = len(self._first), len(self._second)
        ahead = self._ahead
        while favoured and others:
            if ahead < AHEAD:
                ahead += 1
                favoured -= 1
                yield next(first)
            else:
                ahead = 0
                others -= 1
                yield next(second)
        yield from first
        yield from second

    def absent(self, limit: int, received_before: float) -> list[Entry]:
        """Up to `limit` without a body, in the order of taking.

        With `received_before`, only from the heads of the lines that are so old.
        """
        inline: Iterator[Entry]
        if received_before < inf:
            inline = chain(*(older(line, received_before) for line in self.both))
        else:
            inline = self.in_turn()
        return list(islice((one for one in inline if one.message is None), limit))

    # -- in --

    def give_back(self, entries: Sequence[Entry]) -> None:
        """First in their lines, among others that were given back by row."""
        for line in self.both:
            line.give_back(one for one in entries if self.of(one) is line)

    # -- out --

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` in order, up to the first without a body."""
        taken: list[Entry] = []
        while len(taken) < limit:
            line = self.turn
            head = line.head()
            if head is None or head.message is None:
                break
            taken.append(line.pop())
            favoured = line is self._first and self._second
            self._ahead = self._ahead + 1 if favoured else 0
        return taken

    def take_old(self, received_before: float, limit: int) -> list[Entry]:
        """Up to `limit` with a body from the heads of both that are so old."""
        taken: list[Entry] = []
        for line in self.both:
            head = line.head()
            while (
                head is not None
                and len(taken) < limit
                and head.message is not None
                and head.received_at < received_before
            ):
                taken.append(line.pop())
                head = line.head()
        return taken

    def take_all(self) -> list[Entry]:
        """All of the first line and then of the second; nobody has had a turn."""
        active = [*self._first, *self._second]
        self._renew()
        return active

    def withdraw(self, received_before: float) -> list[Entry]:
        """All that are so old."""
        return [one for line in self.both for one in line.withdraw(received_before)]

    def discard(self, entries: Sequence[Entry]) -> None:
        """These, if they are here, near the head."""
        for line in self.both:
            line.discard({one.row for one in entries if self.of(one) is line})
