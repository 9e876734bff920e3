"""What goes wrong with all servers of a queue, or again and again with one message.

Counts and words only: who waits for how long is the pool's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from mcmtpush.delivery.patience import Patience
from mcmtpush.values import Answered, Attempt, Discarded, Undecided


UNREACHABLE: Final = Answered(
    421,
    "4.4.0 [internal] no mail servers for this domain could be reached at this time",
)
LOST: Final = Answered(451, "4.4.2 [internal] connection closed by remote host")

LOSSES_LIMIT: Final = 3
"""So many connections lost in a row over one message are held against it."""

REMEMBERED: Final = 10_000
"""Messages whose losses are counted."""


class Trouble:
    """Rounds over all servers of a queue that were in vain.

    Attributes:
        failures: such rounds in a row.
        sentence: what those who wait are told, while there are such.
        sentenced: how many they are.
    """

    def __init__(self, *, sweep_after: int, patience_seconds: float = 0) -> None:
        self._sweep_after = sweep_after
        self._patience = Patience(patience_seconds)
        self._word: Answered | None = None
        self.failures = 0
        self.sentence: Answered | None = None
        self.sentenced = 0

    def note(self, word: Answered | None) -> None:
        """A server could not be used; `word`: what it said to everybody."""
        self._word = word or self._word

    def fail(self, waiting: int, now: float) -> None:
        """One more round was in vain, and so many wait that may be told of it.

        They are if a server said a word to everybody, and else after a number of
        rounds, or of seconds without contact.  Without a word a failure is held
        against nobody.
        """
        self.failures += 1
        word, self._word = self._word, None
        weary = self._patience.fail(now)
        often = self._sweep_after and self.failures % self._sweep_after == 0
        if word is None and (weary or often):
            word = UNREACHABLE
        if word is not None and waiting:
            self.sentence, self.sentenced = word, waiting

    def serve(self, count: int) -> None:
        """So many were told."""
        self.sentenced -= count
        if self.sentenced <= 0:
            self.acquit()

    def acquit(self) -> None:
        """Nobody else is told."""
        self.sentence, self.sentenced = None, 0

    def clear(self) -> bool:
        """A server works; whether that is news."""
        news = self.failures > 0
        self.failures, self._word = 0, None
        self._patience.clear()
        self.acquit()
        return news


class Losses:
    """Connections lost in a row over one message, by its row."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def judge(self, attempts: Iterable[Attempt], *, used: bool) -> None:
        """Turn the last straw into an answer, so that others get their turn.

        `used`: the connection had carried others before; losing it is not the
        message's fault, as long as it was not delivered.
        """
        for attempt in attempts:
            row = attempt.entry.row
            if not isinstance(attempt.outcome, Discarded | Undecided):
                self._counts.pop(row, None)
                continue
            if used and isinstance(attempt.outcome, Discarded):
                continue
            if len(self._counts) >= REMEMBERED:
                self._counts.clear()
            self._counts[row] += 1
            if self._counts[row] >= LOSSES_LIMIT:
                del self._counts[row]
                attempt.outcome = LOST
