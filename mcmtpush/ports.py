"""What the stages ask of the world and of one another.

Only `mcmtpush.service` knows both ends of an arrow; everybody else is given one
of these.  Deferreds are Twisted's; the type is imported for checkers only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251

    from mcmtpush.values import (
        Attempt,
        DeadLetter,
        Draft,
        Entry,
        Message,
        PushPart,
        QueueKey,
        Record,
        Refused,
        Submission,
    )

Now = Callable[[], float]
"""The wall clock: seconds since the epoch.  It may jump."""


class Clock(Protocol):
    """Timers, as Twisted's reactor and `twisted.internet.task.Clock` have them."""

    def seconds(self) -> float:
        """Seconds on a clock that is only good for differences."""

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - Twisted's name
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """Call once, `delay` seconds from now."""


class Dice(Protocol):
    """Chance: an instance of `random.Random`."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def randrange(self, stop: int, /) -> int:
        """An integer in [0, stop)."""


class Files(Protocol):
    """The few questions that checks ask of a file system."""

    def read(self, path: str) -> bytes:
        """The content; raises OSError."""

    def entries(self, path: str) -> list[str] | None:
        """Names in a folder, or None if it is not one; raises OSError if absent."""

    def mode(self, path: str) -> int:
        """Permission bits; raises OSError."""


class Memory(Protocol):
    """How much of the machine's memory this process uses."""

    def used_percent(self) -> float:
        """Of what there is; asked a few times a second at most."""

    def trim(self) -> None:
        """Give back to the system what is free."""


class Reception(Protocol):
    """Where an accepted transaction goes: durable, then queued."""

    def accept(self, submission: Submission) -> Deferred[None]:
        """Fires once every message is durable; fails with a SpoolError."""


class Spool(Protocol):
    """The durable truth; every method joins the next group commit."""

    def store(self, submission: Submission) -> Deferred[list[Entry]]:
        """One entry a message, in order, durable; fails with a SpoolError."""

    def forget(self, rows: Sequence[int]) -> Deferred[None]:
        """Remove messages that have their terminal record."""

    def bury(self, letters: Sequence[DeadLetter]) -> Deferred[None]:
        """Remove messages that have their terminal record, and keep the originals."""

    def reschedule(self, entries: Sequence[Entry]) -> Deferred[None]:
        """Make `attempts` and `next_attempt_at` of these durable."""

    def load(
        self, rows: Sequence[int]
    ) -> Deferred[dict[int, tuple[Message, PushPart | None]]]:
        """Bring bodies back; an unreadable row is set aside and left out."""

    def recover(
        self, after_row: int, limit: int
    ) -> Deferred[list[tuple[QueueKey, Entry]]]:
        """Entries (not resident) with a row above `after_row`, oldest first."""


class MailStore(Protocol):
    """Where mail content is."""

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        """The mail of one entry, None if there is no such row."""


class Notices(Protocol):
    """Tells senders that their messages failed."""

    def send(self, failures: Sequence[tuple[Record, Entry]]) -> Deferred[None]:
        """Fires when every notice is durable, or given up; never fails."""


class Queue(Protocol):
    """One (binding, domain) as delivery sees it."""

    key: QueueKey

    @property
    def backlog(self) -> int:
        """Entries that want an attempt now, resident or not."""

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` resident entries, in order; now in flight."""

    def delay(self, reason: str) -> None:
        """No way out for now: all that want an attempt wait for the retry interval.

        Costs no attempt; `reason` goes to the diagnostics.
        """

    @property
    def suspended(self) -> str:
        """Why nothing is handed out since `suspend`; empty while it is not so."""

    def suspend(self, reason: str) -> None:
        """Hand out nothing until `resume`; what waits grows no older for that."""

    def resume(self) -> None:
        """Hand out again."""


class Lane(Protocol):
    """The delivery side of one queue."""

    def work(self) -> None:
        """There may be something to take.  Cheap to call, never re-enters."""

    def drain(self) -> Deferred[None]:
        """Take no more; fires when nothing is in flight or its window is over."""


Evaluate = Callable[["Draft"], "Draft | Refused"]
"""What policy makes of a request: the very same draft, another, or why it waits."""


class Hooks(Protocol):
    """The operator's policy, in whatever language; it may change at any time."""

    @property
    def evaluate(self) -> Evaluate | None:
        """To be asked of every request before it is sent; None: nobody wants to."""


class Disposition(Protocol):
    """What becomes of attempts: record, then forget or retry."""

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        """Takes over; every attempt leaves the queue's flight exactly once."""


class Queues(Protocol):
    """What disposition asks of the queues, the two arrows that point back."""

    def retry(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: wait until `entry.next_attempt_at`."""

    def requeue(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: first in line again, in their old order."""

    def hold(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        """No longer in flight: kept, `next_attempt_at` HELD, until released."""

    def done(self, key: QueueKey, count: int) -> None:
        """So many are no longer in flight: they ended."""

    def pause(self, reason: str) -> None:
        """Hand out nothing; `reason` goes to the diagnostics."""

    def resume(self) -> None:
        """Hand out again."""


class Records(Protocol):
    """The writers of all record logs."""

    def write(self, records: Sequence[Record]) -> str | None:
        """Put these into every log that wants them, at once.

        None when all is written.  Otherwise the reason; the lines are kept, in
        order, and the caller must see `flush` return None before it forgets.
        """

    def flush(self) -> str | None:
        """Try again to write what is kept: None, or the reason it is still kept."""
