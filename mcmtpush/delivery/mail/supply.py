"""What one mail queue has to send: taken, grouped, given back, settled.

Between the queue and the calls.  Knows neither servers nor time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mcmtpush.counters import Counters
from mcmtpush.delivery.mail.line import Line
from mcmtpush.ports import Disposition, Queue
from mcmtpush.values import (
    Accepted,
    Answered,
    Attempt,
    Discarded,
    Entry,
    Outcome,
    Undecided,
)


BATCH_LIMIT: Final = 100
"""What is taken from the queue at a time."""

TURN_LIMIT: Final = 1000
"""What one turn settles without a server, so that it stays short."""

UNSENDABLE: Final = Answered(553, "5.1.3 [internal] address cannot be sent")

_COUNTED: Final[dict[type[Outcome], str]] = {
    Accepted: "delivery.mail_accepted",
    Answered: "delivery.mail_refused",
    Undecided: "delivery.mail_undecided",
    Discarded: "delivery.mail_returned",
}


class Supply:
    """The messages of one queue."""

    def __init__(
        self, queue: Queue, disposition: Disposition, counters: Counters
    ) -> None:
        self._queue = queue
        self._disposition = disposition
        self._counters = counters
        self._line = Line()

    @property
    def waiting(self) -> int:
        """How many want an attempt, those already taken included."""
        return self._queue.backlog + len(self._line)

    def next(self, limit: int) -> list[Entry]:
        """One message's entries, up to so many; none if there is nothing to take."""
        while not self._line:
            taken = self._queue.take(BATCH_LIMIT)
            if not taken:
                break
            unsendable = self._line.add(taken)
            if unsendable:
                self.settle([Attempt(entry, UNSENDABLE) for entry in unsendable])
        return self._line.next(limit)

    def answer(self, word: Answered, limit: int) -> int:
        """Tell up to so many that wait, without a server; how many were told."""
        entries = self._queue.take(min(limit, TURN_LIMIT))
        if entries:
            self.settle([Attempt(entry, word) for entry in entries])
        return len(entries)

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """These are decided."""
        for attempt in attempts:
            self._counters.add(_COUNTED[type(attempt.outcome)])
        self._disposition.settle(self._queue.key, attempts)

    def give_back(self, entries: Sequence[Entry]) -> None:
        """These were not sent: they are first in their queue again."""
        if entries:
            self.settle([Attempt(entry, Discarded()) for entry in entries])

    def clear(self) -> None:
        """All that was taken and is in nobody's hand goes back."""
        self.give_back(self._line.clear())
