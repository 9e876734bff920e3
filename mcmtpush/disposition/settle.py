"""The end of every attempt: record, then forget or retry.

Rules of this file:

- A record is handed to the logs once, and nothing is forgotten, retried or put
  back before the logs say that it is written.
- The queue is told only when the spool has made it durable.
- While a log or the spool fails, the queues are paused and everything is kept, in
  order, and tried again every second; hence what is kept is bounded by what was in
  flight.

It knows no file, no database and no reactor: only their ports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import define

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.batch import Batch
from mcmtpush.disposition.classify import CHARGED, classify, waiting
from mcmtpush.disposition.decide import decide
from mcmtpush.ports import Clock, Notices, Now, Queues, Records, Spool
from mcmtpush.values import Attempt, QueueKey


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251
    from twisted.python.failure import Failure  # noqa: TID251

RETRY_SECONDS: Final = 1.0
"""How long to wait before a log or spool that failed is tried again."""


@define(eq=False)
class _Order:
    """A call to the spool, and what the queue is told when it is durable."""

    ask: Callable[[], Deferred[None]]
    tell: Callable[[], None]


class Settler:
    """Settles attempts, behind the `Disposition` port.

    Args:
        records: the logs.
        spool: where messages are forgotten, buried and rescheduled.
        notices: sends failure notices.
        queues: told what is no longer in flight; paused while something fails.
        settings_for: how a queue retries; asked once a batch.
        now: the time of records and the age of messages.
        clock: for trying again what failed.
        counters: counts every attempt once, as `disposition.delivered` (and
            `.presumed` or `.proven`), `.failed`, `.retried`, `.postponed`,
            `.discarded` or `.undecided`, when its record is written.
    """

    def __init__(
        self,
        *,
        records: Records,
        spool: Spool,
        notices: Notices,
        queues: Queues,
        settings_for: Callable[[QueueKey], QueueSettings],
        now: Now,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._records = records
        self._spool = spool
        self._notices = notices
        self._queues = queues
        self._settings_for = settings_for
        self._now = now
        self._clock = clock
        self._counters = counters
        self._unwritten: list[Batch] = []
        self._running = 0
        self._failed: list[_Order] = []
        self._held: str | None = None
        self._ticking = False

    @property
    def idle(self) -> bool:
        """Whether every attempt taken over so far has left the queue's flight."""
        return not (self._unwritten or self._running or self._failed)

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        """Take over attempts of one queue; see `ports.Disposition`."""
        batch = self._decide(key, attempts)
        reason = self._records.write(batch.records) if batch.records else None
        if reason is None and not self._unwritten:
            self._finish(batch)
        else:
            self._unwritten.append(batch)
            self._hold(reason or self._held or "")

    def flush(self) -> None:
        """Try what failed again, now; called every second and before the end."""
        if self._unwritten:
            reason = self._records.flush()
            if reason is None:
                written, self._unwritten = self._unwritten, []
                for batch in written:
                    self._finish(batch)
            else:
                self._hold(reason)
        failed, self._failed = self._failed, []
        for order in failed:
            self._issue(order)
        self._release()

    # -- deciding -----------------------------------------------------------------

    def _decide(self, key: QueueKey, attempts: Sequence[Attempt]) -> Batch:
        now = self._now()
        settings = self._settings_for(key)
        batch = Batch(key, now, settings)
        for attempt in attempts:
            outcome, entry = attempt.outcome, attempt.entry
            kind = classify(outcome)
            if kind in CHARGED:
                entry.attempts += 1
            wait_seconds, soon = waiting(outcome)
            decision = decide(
                kind,
                attempts=entry.attempts,
                received_at=entry.received_at,
                now=now,
                settings=settings,
                wait_seconds=wait_seconds,
                soon=soon,
            )
            batch.add(attempt, decision)
        return batch

    # -- carrying out -------------------------------------------------------------

    def _finish(self, batch: Batch) -> None:
        """The records are written: let the spool and the queue know."""
        key = batch.key
        for name, count in batch.counts.items():
            self._counters.add(name, count)
        if batch.again:
            self._queues.requeue(key, batch.again)
        if batch.notices:
            # The notice is durable before what it is about is forgotten.
            send = partial(self._notices.send, batch.notices)
            self._issue(_Order(send, partial(self._end, batch)))
        else:
            self._end(batch)
        for entries, tell in (
            (batch.delayed, self._queues.retry),
            (batch.held, self._queues.hold),
        ):
            if entries:
                reschedule = partial(self._spool.reschedule, entries)
                self._issue(_Order(reschedule, partial(tell, key, entries)))

    def _end(self, batch: Batch) -> None:
        key, ended, letters = batch.key, batch.ended, batch.letters
        if ended:
            forget = partial(self._spool.forget, ended)
            self._issue(_Order(forget, partial(self._queues.done, key, len(ended))))
        if letters:
            bury = partial(self._spool.bury, letters)
            self._issue(_Order(bury, partial(self._queues.done, key, len(letters))))

    def _issue(self, order: _Order) -> None:
        self._running += 1
        order.ask().addCallbacks(
            self._durable, self._refused, callbackArgs=(order,), errbackArgs=(order,)
        )

    def _durable(self, _: None, order: _Order) -> None:
        self._running -= 1
        order.tell()
        self._release()

    def _refused(self, failure: Failure, order: _Order) -> None:
        """Whatever the spool's trouble is, its rows must not be given up."""
        self._running -= 1
        self._failed.append(order)
        trouble = failure.getErrorMessage()
        self._hold(f"the spool cannot note what became of messages: {trouble}")

    # -- waiting ------------------------------------------------------------------

    def _hold(self, reason: str) -> None:
        """Pause the queues, and say so once for each reason."""
        if reason != self._held:
            self._held = reason
            self._queues.pause(reason)
        if not self._ticking:
            self._ticking = True
            self._clock.callLater(RETRY_SECONDS, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        self.flush()

    def _release(self) -> None:
        if self._held is not None and self.idle:
            self._held = None
            self._queues.resume()
