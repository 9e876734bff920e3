"""The `Spool` port over one writer thread: group commit.

Rules of this file

- Whatever waits when the thread comes round goes into one commit.  Nothing is told
  to anyone before that commit is on the disk; then the reactor gets all answers of
  the commit in one call.
- A store that cannot be written fails at once.  A `forget` or `reschedule` that
  cannot be written is kept and tried again with the next commit, at the latest
  after a second: they are never lost, and nobody waits in line behind them.
- What cannot be removed or changed because a page is damaged never will be: that is
  said, and counts as done.
- When the disk is full, what was to be buried is removed without being kept.
- Reads run on the same thread between commits, a bounded number of rows at a time.
- `_kept` and `_questions` belong to the thread, `_waiting` and `_called` to whoever
  has the lock, everything else (Deferreds and counters, above all) to the reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolCorruptError, SpoolError
from mcmtpush.ports import Clock
from mcmtpush.spool.codec import (
    Bury,
    Delete,
    Insert,
    Operation,
    Update,
    bury_of,
    insert_of,
    rows_needed,
    update_of,
)
from mcmtpush.spool.fault import is_full, is_outside, spool_error
from mcmtpush.spool.store import REFUSALS, Bodies, Store
from mcmtpush.spool.worker import Worker
from mcmtpush.values import DeadLetter, Entry, QueueKey, Submission


RETRY_SECONDS = 1.0
QUIET_SECONDS = 60.0
ROWS_READ_AT_ONCE = 2000
PURGED_AT_ONCE = 500

log = Logger()


@define(eq=False)
class _Write:
    """Something to write, and whom to tell with what once it is durable."""

    operation: Operation
    done: Deferred[Any]
    answer: Any = None
    error: Exception | None = None
    not_kept: int = 0

    @property
    def is_store(self) -> bool:
        return isinstance(self.operation, Insert)


Ask = Callable[[Store], tuple[Any, list[SpoolCorruptError]]]


@define(eq=False)
class _Read:
    """A question: `ask` gives the answer and what was set aside on the way.

    Or one for the bodies of `wanted`, which is asked together with others.
    """

    ask: Ask | None
    rows: int
    done: Deferred[Any]
    wanted: Sequence[int] = ()
    answer: Any = None
    error: Exception | None = None
    faults: Sequence[SpoolCorruptError] = ()


class SpoolWriter:
    """Implements `mcmtpush.ports.Spool`.

    `to_reactor` is `reactor.callFromThread` or alike.  Use: `start`, any of the
    port's methods from the reactor, `stop` once.
    """

    def __init__(
        self,
        store: Store,
        *,
        worker: Worker,
        to_reactor: Callable[..., object],
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._store = store
        self._worker = worker
        self._to_reactor = to_reactor
        self._clock = clock
        self._counters = counters
        self._next_row = store.first_row
        self._lock = Lock()
        self._waiting: list[_Write | _Read] = []
        self._called = False
        self._kept: list[_Write] = []
        self._questions: deque[_Read] = deque()
        self._again: IDelayedCall | None = None
        self._turning: IDelayedCall | None = None
        self._refusing: Exception | None = None
        self._complained = False
        self._quiet_until = 0.0
        self._stopped = False

    def start(self) -> None:
        """Begin to write."""
        self._worker.start()

    def stop(self) -> Deferred[None]:
        """Finish what is queued, close the store, end the thread."""
        for call in (self._again, self._turning):
            if call is not None:
                call.cancel()
        self._again = self._turning = None
        self._stopped = True
        stopped: Deferred[None] = Deferred()
        self._worker.run(lambda: self._finish(stopped))
        self._worker.close()
        return stopped

    # -- the port, on the reactor --

    def store(self, submission: Submission) -> Deferred[list[Entry]]:
        """One entry a message, in order, durable, bodies resident.

        Fails with SpoolFullError or SpoolError; nothing of it is then on the disk.
        """
        row = self._next_row
        try:
            insert = insert_of(submission, row)
        except SpoolError:
            return fail()
        self._next_row += rows_needed(submission)
        entries = [
            Entry(
                row + index,
                message.received_at,
                priority=message.priority,
                message=message,
                push=submission.push,
            )
            for index, message in enumerate(submission.messages)
        ]
        return self._write(insert, entries)

    def forget(self, rows: Sequence[int]) -> Deferred[None]:
        """Remove these; fires when it is durable, however long that takes."""
        return self._write(Delete(tuple(rows))) if rows else succeed(None)

    def bury(self, letters: Sequence[DeadLetter]) -> Deferred[None]:
        """Remove these and keep them as dead letters; fires as `forget` does."""
        return self._write(bury_of(letters)) if letters else succeed(None)

    def purge_dead(self, before: float) -> Deferred[int]:
        """Give up the dead letters that were kept until then; how many there were.

        In small batches with commits of their own, so that nobody waits for it.
        """
        return Deferred.fromCoroutine(self._purge(before))

    def reschedule(self, entries: Sequence[Entry]) -> Deferred[None]:
        """Make `attempts` and `next_attempt_at`, as they are now, durable."""
        return self._write(update_of(entries)) if entries else succeed(None)

    def load(self, rows: Sequence[int]) -> Deferred[Bodies]:
        """Messages and push parts by row; rows that cannot be read are left out.

        Others may be there that somebody else asked for.
        """
        return self._submit(_Read(None, len(rows), Deferred(), rows))

    def recover(
        self, after_row: int, limit: int
    ) -> Deferred[list[tuple[QueueKey, Entry]]]:
        """What earlier processes left above `after_row`, oldest first; [] at the end.

        Entries that this process stored are never among them.
        """
        return self._read(lambda store: store.recover(after_row, limit), limit)

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        """The mail content of one entry, None if there is no such row."""
        return self._read(lambda store: (store.load_mail(row), []), 1)

    async def _purge(self, before: float) -> int:
        purged, count = 0, PURGED_AT_ONCE
        while count == PURGED_AT_ONCE:
            count = await self._read(
                lambda store: (store.purge_dead(before, PURGED_AT_ONCE), []),
                ROWS_READ_AT_ONCE,
            )
            self._counters.add("spool.purged", count)
            purged += count
        return purged

    def _write(self, operation: Operation, answer: Any = None) -> Deferred[Any]:
        return self._submit(_Write(operation, Deferred(), answer))

    def _read(self, ask: Ask, rows: int) -> Deferred[Any]:
        return self._submit(_Read(ask, rows, Deferred()))

    def _submit(self, request: _Write | _Read) -> Deferred[Any]:
        if self._stopped:
            return fail(SpoolError("the spool is closed"))
        with self._lock:
            self._waiting.append(request)
        if self._turning is None:
            self._turning = self._clock.callLater(0, self._turned)
        return request.done

    def _turned(self) -> None:
        """The reactor's turn is over: all that came in it shares a commit.

        The thread would otherwise begin with the first and fight for the
        interpreter while the others are still being read.
        """
        self._turning = None
        self._call()

    def _call(self) -> None:
        """Make sure that the thread comes round once more."""
        with self._lock:
            called, self._called = self._called, True
        if not called:
            self._worker.run(self._turn)

    # -- on the thread --

    def _turn(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._called = False
        self._commit([one for one in waiting if isinstance(one, _Write)])
        self._questions.extend(one for one in waiting if isinstance(one, _Read))
        self._look()
        if self._questions:
            self._call()

    def _commit(self, fresh: Sequence[_Write]) -> None:
        writes = [*self._kept, *fresh]
        if not writes:
            return
        self._put(writes)
        self._kept = [one for one in writes if _is_kept(one)]
        ended = [one for one in writes if not _is_kept(one)]
        errors = (one.error for one in writes if one.error is not None)
        trouble = next(filter(is_outside, errors), None)
        self._to_reactor(self._settle, ended, len(self._kept), trouble)

    def _put(self, writes: Sequence[_Write]) -> None:
        """Write what can be written, note the error of the rest."""
        error = self._try(writes)
        if error is None:
            return
        if not is_outside(error):
            self._try_each(writes)
        elif is_full(error):
            # There may still be room for what makes room.
            rest = [one for one in writes if not one.is_store]
            error = self._try(rest)
            if error is not None and is_full(error) and _stop_keeping(rest):
                self._try(rest)

    def _try(self, writes: Sequence[_Write]) -> Exception | None:
        error = None
        try:
            self._store.apply([one.operation for one in writes])
        except REFUSALS as refusal:
            error = refusal
        for one in writes:
            one.error = error
        return error

    def _try_each(self, writes: Sequence[_Write]) -> None:
        try:
            errors = self._store.apply_each([one.operation for one in writes])
        except REFUSALS as refusal:
            errors = [refusal] * len(writes)
        for one, error in zip(writes, errors, strict=True):
            one.error = error

    def _look(self) -> None:
        """Answer questions, as many as do not hold up the next commit."""
        reads: list[_Read] = []
        rows = 0
        while self._questions and rows < ROWS_READ_AT_ONCE:
            reads.append(self._questions.popleft())
            rows += reads[-1].rows
        together = [read for read in reads if read.ask is None]
        if together:
            self._load(together)
        for read in reads:
            if read.ask is not None:
                try:
                    read.answer, read.faults = read.ask(self._store)
                except REFUSALS as error:
                    read.error = error
        if reads:
            self._to_reactor(self._tell, reads)

    def _load(self, reads: Sequence[_Read]) -> None:
        """The bodies for all of these in one go; each finds its own among them."""
        wanted = sorted(row for read in reads for row in read.wanted)
        bodies: Bodies | None = None
        fault: Exception | None = None
        try:
            bodies, reads[0].faults = self._store.load(wanted)
        except REFUSALS as error:
            fault = error
        for read in reads:
            read.answer, read.error = bodies, fault

    def _finish(self, stopped: Deferred[None]) -> None:
        self._turn()
        while self._questions:
            self._look()
        error = None
        try:
            self._store.close()
        except REFUSALS as refusal:
            error = refusal
        self._to_reactor(self._end, self._kept, error, stopped)

    # -- back on the reactor --

    def _settle(
        self, writes: Sequence[_Write], kept: int, trouble: Exception | None
    ) -> None:
        self._counters.add("spool.commits")
        self._say(writes, kept, trouble)
        if kept and self._again is None and not self._stopped:
            self._again = self._clock.callLater(RETRY_SECONDS, self._try_again)
        for one in writes:
            if one.error is None:
                self._count(one)
                one.done.callback(one.answer)
            elif isinstance(one.error, SpoolCorruptError):
                self._counters.add("spool.damaged")
                log.error("{fault}; run mcmtpush spool check", fault=one.error)
                one.done.callback(one.answer)
            else:
                self._refuse(one, one.error)

    def _refuse(self, one: _Write, error: Exception) -> None:
        self._counters.add("spool.refused")
        if not is_outside(error):
            log.error("the spool does not take this: {reason}", reason=str(error))
        one.done.errback(spool_error(error))

    def _say(
        self, writes: Sequence[_Write], kept: int, trouble: Exception | None
    ) -> None:
        """Complain at most once a minute, and tell when it is over."""
        if any(one.is_store for one in writes):
            self._refusing = trouble
        reason = trouble or self._refusing
        if self._clock.seconds() < self._quiet_until:
            return
        if reason is not None:
            self._quiet_until = self._clock.seconds() + QUIET_SECONDS
            self._complained = True
            log.error(
                "the spool cannot be written: {reason}; new messages are refused for "
                "now, {kept} removals and changes wait: make room or mend the disk",
                reason=str(spool_error(reason)),
                kept=kept,
            )
        elif self._complained:
            self._complained = False
            log.info("the spool can be written again")

    def _count(self, one: _Write) -> None:
        match one.operation:
            case Insert(entries=entries):
                self._counters.add("spool.stored", len(entries))
            case Delete(rows=rows):
                self._counters.add("spool.forgotten", len(rows))
            case Update(changes=changes):
                self._counters.add("spool.rescheduled", len(changes))
            case Bury(letters=letters):
                self._counters.add("spool.buried", len(letters))
        if one.not_kept:
            self._counters.add("spool.not_kept", one.not_kept)
            log.warn(
                "no room on the disk: {count} failed messages were removed and not "
                "kept as dead letters",
                count=one.not_kept,
            )

    def _try_again(self) -> None:
        self._again = None
        self._call()

    def _tell(self, reads: Sequence[_Read]) -> None:
        for read in reads:
            for fault in read.faults:
                self._counters.add("spool.quarantined")
                log.error("{fault}; it is set aside, the others go on", fault=fault)
            if read.error is None:
                read.done.callback(read.answer)
            else:
                read.done.errback(spool_error(read.error))

    def _end(
        self,
        kept: Sequence[_Write],
        error: Exception | None,
        stopped: Deferred[None],
    ) -> None:
        for one in kept:
            one.done.errback(SpoolError("the spool was closed before this was written"))
        if error is None:
            stopped.callback(None)
        else:
            stopped.errback(spool_error(error))


def _is_kept(one: _Write) -> bool:
    return one.error is not None and is_outside(one.error) and not one.is_store


def _stop_keeping(writes: Sequence[_Write]) -> bool:
    """Make removals of burials; whether there were any."""
    burials = [one for one in writes if isinstance(one.operation, Bury)]
    for one in burials:
        rows = one.operation.rows  # type: ignore[union-attr]
        one.operation, one.not_kept = Delete(rows), len(rows)
    return bool(burials)
