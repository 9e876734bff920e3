"""What one connection over HTTP/2 was given, sent and settled, counted beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mcmtpush.values import Attempt, Entry


class Account:
    """Stands between an `Http2Connection` that is connected and its owner.

    Attributes:
        given: how many entries it was to attempt.
        unsent: how many of them it settled or gave back without sending them.
        outcomes: of all that it settled, by the name of their type.
    """

    def __init__(self, connection: Any) -> None:
        self.given = self.unsent = 0
        self.outcomes: Counter[str] = Counter()
        self._connection = connection
        self._attempt, connection.attempt = connection.attempt, self._give
        self._owner, connection._owner = connection._owner, self
        traffic = connection._traffic
        self._give_back, traffic.give_back = traffic.give_back, self._take_back

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)

    def settled(self, connection: Any, attempts: list[Attempt]) -> None:
        """What the owner is told."""
        for attempt in attempts:
            self.outcomes[type(attempt.outcome).__name__] += 1
            self.unsent += not attempt.transaction_id
        self._owner.settled(connection, attempts)

    def check(self) -> None:
        """All that was given, and all that was sent, is settled once or still open."""
        connection = self._connection
        settled, open_ = self.outcomes.total(), connection.unsettled
        assert self.given == settled + open_, (self.given, self.outcomes, open_)
        sent, waiting = connection._traffic._sent, len(connection._traffic._waiting)
        unsent = self.unsent + waiting
        assert sent == self.given - unsent, (sent, self.given, unsent)
        assert connection.accepted == self.outcomes["Accepted"], self.outcomes

    def _give(self, entries: Sequence[Entry]) -> None:
        self.given += len(entries)
        self._attempt(entries)

    def _take_back(self) -> list[Attempt]:
        attempts: list[Attempt] = self._give_back()
        self.unsent += len(attempts)
        return attempts
