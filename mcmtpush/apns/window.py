"""What silence, an answer and an end mean for the notifications of one connection.

The gateway works through a connection strictly in order and answers objections
only.  So everything written stays in the window, in order, until an event
settles it.  With k the one that an answer names, and f the flush, a frame known
to be bad that was written behind all the others to provoke an answer:

    event                            before k     k          behind k
    silence for the whole timeout    (oldest first: accepted, presumed)
    answer, any status but 10        proven       refused    discarded
    answer, status 10                proven       proven     discarded
    answer, k already presumed       -            (late)     discarded
    answer, k is f                   proven       -          -
    answer, status 2, k is 0, after f   (as if it named f)
    answer, k never written here     undecided, all of them
    the end without an answer        undecided, all of them

Rules of this file:

- Everything settles exactly once: `written` is at every moment the sum of
  `accepted`, `refused`, `discarded`, `undecided` and what is still in here.
- Identifiers are counted from 1 per connection and come round at 32 bits; 0 is
  never given out, so an answer that names 0 names nobody but the flush.
- The flush is no notification: it is counted nowhere, nothing is added behind
  it, and any answer that is not about it makes it void.
- An answer or the end is the last event.
- What was presumed is gone from here, yet an answer speaks about it too.  Since
  silence settles the oldest first, a count is all that has to be remembered:
  `confirmed`, `late` and `lost` say what became of the presumed ones.

Knows no bytes, no timers and no policy: what a refusal calls for is decided
elsewhere.  Source of the rules: Apple, "Binary Provider API".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    MISSING_TOKEN,
    NO_ERROR,
    PROTOCOL_ERROR,
    SHUTDOWN,
    UNKNOWN,
    status_text,
)
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import Accepted, Attempt, Discarded, Outcome, Refused, Undecided


MAX_UNSETTLED: Final = 50_000
"""At 10,000 notifications a second and five seconds of silence, none to spare."""

MAX_UNSETTLED_BYTES: Final = 32 * 1024 * 1024

LAST_IDENTIFIER: Final = 0xFFFF_FFFF

PRESUMED: Final = Accepted("presumed")
PROVEN: Final = Accepted("proven")
DISCARDED: Final = Discarded()
UNDECIDED: Final = Undecided()
MISNAMED: Final = Undecided("Answer that named no notification of this connection")

_HALF: Final = LAST_IDENTIFIER // 2

_CODES: Final = {NO_ERROR: UNKNOWN, PROTOCOL_ERROR: INVALID_PAYLOAD_SIZE}
"""Statuses that are recorded as another: "no error" is none, and 128 (could not
be parsed) is an unacceptable message, for which 7 is the code everybody knows."""


def following(identifier: int) -> int:
    """The identifier after this one."""
    return identifier % LAST_IDENTIFIER + 1


def refusal(status: int) -> Refused:
    """What an answer says about the message it names; status 10 says nothing.

    Where another code is recorded the detail ends with the one received.
    """
    code = _CODES.get(status, status)
    text = status_text(status)
    return Refused(code, text if code == status else f"{text} ({status})")


class Window:
    """The notifications written on one connection that are not settled yet.

    Times are seconds of one clock that is good for differences.

    Attributes:
        next_identifier: for the next notification to be written.
        accepted, refused, discarded, undecided: how many settled in which way.
        confirmed, late, lost: of those presumed accepted, how many the answer
            proved to be, refused (one at most), or showed to be discarded.
        flush_identifier: of the flush that was written; None before.
        flushed: the answer was about the flush.
        misnamed: it was about nothing that was written.
        over: an answer or the end has come.
    """

    def __init__(
        self,
        *,
        response_timeout_seconds: float,
        max_count: int = MAX_UNSETTLED,
        max_bytes: int = MAX_UNSETTLED_BYTES,
        first_identifier: int = 1,
    ) -> None:
        self._timeout = response_timeout_seconds
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._batches: deque[tuple[float, list[Attempt]]] = deque()
        self._count = 0
        self._bytes = 0
        self.next_identifier = first_identifier
        self.written = 0
        self.accepted = 0
        self.refused = 0
        self.discarded = 0
        self.undecided = 0
        self.confirmed = 0
        self.late = 0
        self.lost = 0
        self.flush_identifier: int | None = None
        self.flushed = False
        self.misnamed = False
        self.over = False

    def __len__(self) -> int:
        return self._count

    @property
    def room(self) -> int:
        """How many more may be written; bytes are a limit that stops, not a measure."""
        if self.over or self.flush_identifier is not None:
            return 0
        if self._bytes >= self._max_bytes:
            return 0
        return max(0, self._max_count - self._count)

    @property
    def unproven(self) -> int:
        """How many were written of which the gateway has not said a word."""
        return 0 if self.over else self.written

    @property
    def silent_at(self) -> float | None:
        """When the oldest will have met enough silence; None while empty."""
        return self._batches[0][0] + self._timeout if self._batches else None

    def add(self, attempts: Sequence[Attempt], now: float) -> None:
        """Take in what is being written, as one batch, in order.

        Each has the identifier that follows the one before, from
        `next_identifier` on, and the size of its frame.
        """
        if self.over or self.flush_identifier is not None:
            raise LocalProtocolError("a notification was written behind the end")
        if not attempts:
            return
        count = len(attempts)
        last = (self.next_identifier + count - 2) % LAST_IDENTIFIER + 1
        ends = (attempts[0].transaction_id, attempts[-1].transaction_id)
        if ends != (self.next_identifier, last):
            raise LocalProtocolError(
                f"identifiers {ends} were written, "
                f"{self.next_identifier} to {last} were due"
            )
        self._batches.append((now, list(attempts)))
        self._count += count
        self._bytes += sum([attempt.size for attempt in attempts])
        self.written += count
        self.next_identifier = following(last)

    def silence(self, now: float) -> list[Attempt]:
        """Those that met silence for long enough: accepted, presumably."""
        settled: list[Attempt] = []
        batches = self._batches
        while batches and batches[0][0] + self._timeout <= now:
            settled += batches.popleft()[1]
        if settled:
            _mark(settled, PRESUMED)
            self.accepted += len(settled)
            self._count -= len(settled)
            self._bytes -= sum([attempt.size for attempt in settled])
        return settled

    def flush(self) -> int:
        """The identifier for a frame known to be bad, about to be written."""
        if self.over or self.flush_identifier is not None:
            raise LocalProtocolError("a connection can be flushed once")
        self.flush_identifier = self.next_identifier
        return self.next_identifier

    def answer(self, status: int, identifier: int) -> list[Attempt]:
        """All the rest, by what the gateway's one answer says about them."""
        if self.over:
            raise LocalProtocolError("a second answer came for one connection")
        if self._is_flush(status, identifier):
            self.flushed = True
            return self._prove()
        age = self._age(identifier)
        self.misnamed = age is None
        return self._end(MISNAMED) if age is None else self._divide(status, age)

    def _is_flush(self, status: int, identifier: int) -> bool:
        """Some gateways named 0 instead of a frame whose token was empty."""
        if self.flush_identifier is None:
            return False
        return identifier == self.flush_identifier or (
            identifier == 0 and status == MISSING_TOKEN
        )

    def _prove(self) -> list[Attempt]:
        settled = self._empty()
        _mark(settled, PROVEN)
        self.confirmed = self.accepted
        self.accepted += len(settled)
        return settled

    def _divide(self, status: int, age: int) -> list[Attempt]:
        """One of those written was named, so many before the last one."""
        presumed = self.accepted
        settled = self._empty()
        named = len(settled) - age
        proven = behind = max(0, named + 1)
        if status != SHUTDOWN and named >= 0:
            settled[named].outcome = refusal(status)
            self.refused += 1
            proven = named
        elif status != SHUTDOWN:
            self.late += 1
        _mark(settled[:proven], PROVEN)
        _mark(settled[behind:], DISCARDED)
        self.accepted += proven
        self.discarded += len(settled) - behind
        self.lost = max(0, -named - 1)
        self.confirmed = presumed - self.late - self.lost
        return settled

    def end(self) -> list[Attempt]:
        """All the rest, of which nobody will ever know."""
        return self._end(UNDECIDED)

    def _end(self, outcome: Outcome) -> list[Attempt]:
        settled = self._empty()
        _mark(settled, outcome)
        self.undecided += len(settled)
        return settled

    def _empty(self) -> list[Attempt]:
        self.over = True
        settled = [attempt for _, batch in self._batches for attempt in batch]
        self._batches.clear()
        self._count = self._bytes = 0
        return settled

    def _age(self, identifier: int) -> int | None:
        """How many were written since, that one included; None if it never was."""
        if not 1 <= identifier <= LAST_IDENTIFIER:
            return None
        age = (self.next_identifier - identifier) % LAST_IDENTIFIER
        return age if 1 <= age <= min(self.written, _HALF) else None


def _mark(attempts: Sequence[Attempt], outcome: Outcome) -> None:
    for attempt in attempts:
        attempt.outcome = outcome
