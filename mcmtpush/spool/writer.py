"""The `Spool` port over one writer thread: group commit.

Rules of this file

- Whatever waits when the thread comes round goes into one commit.  Nothing is told
  to anyone before that commit is on the disk; then the reactor gets all answers of
  the commit in one call.
- A store that cannot be written fails at once.  A `forget` or `reschedule` that
  cannot be written is kept and tried again with the next commit, at the latest
  after a second: they are never lost, and nobody waits in line behind them.
- `_turns` belongs to the thread, `_waiting` and `_called` to whoever has the lock,
  everything else (Deferreds and counters, above all) to the reactor.

What the thread does is in `turn`, what is told of it in `answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall

from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolError
from mcmtpush.ports import Clock
from mcmtpush.spool.answer import Answers
from mcmtpush.spool.codec import (
    Delete,
    Operation,
    bury_of,
    insert_of,
    rows_needed,
    update_of,
)
from mcmtpush.spool.fault import spool_error
from mcmtpush.spool.request import Ask, Read, Request, Write
from mcmtpush.spool.store import Bodies, Store
from mcmtpush.spool.turn import ROWS_READ_AT_ONCE, Home, Turns
from mcmtpush.spool.worker import Worker
from mcmtpush.values import DeadLetter, Entry, QueueKey, Submission


RETRY_SECONDS = 1.0
PURGED_AT_ONCE = 500


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
        self._worker = worker
        self._to_reactor = to_reactor
        self._clock = clock
        self._counters = counters
        self._answers = Answers(clock, counters)
        self._turns = Turns(
            store,
            Home(
                lambda *over: to_reactor(self._settle, *over),
                lambda reads: to_reactor(self._answers.tell, reads),
            ),
        )
        self._next_row = store.first_row
        self._lock = Lock()
        self._waiting: list[Request] = []
        self._called = False
        self._again: IDelayedCall | None = None
        self._turning: IDelayedCall | None = None
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
        return self._submit(Read(None, len(rows), Deferred(), rows))

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
        return self._submit(Write(operation, Deferred(), answer))

    def _read(self, ask: Ask, rows: int) -> Deferred[Any]:
        return self._submit(Read(ask, rows, Deferred()))

    def _submit(self, request: Request) -> Deferred[Any]:
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
        if self._turns.take(waiting):
            self._call()

    def _finish(self, stopped: Deferred[None]) -> None:
        self._turn()
        kept, error = self._turns.finish()
        self._to_reactor(self._end, kept, error, stopped)

    # -- back on the reactor --

    def _settle(
        self, writes: Sequence[Write], kept: int, trouble: Exception | None
    ) -> None:
        if kept and self._again is None and not self._stopped:
            self._again = self._clock.callLater(RETRY_SECONDS, self._try_again)
        self._answers.settle(writes, kept, trouble)

    def _try_again(self) -> None:
        self._again = None
        self._call()

    def _end(
        self,
        kept: Sequence[Write],
        error: Exception | None,
        stopped: Deferred[None],
    ) -> None:
        for one in kept:
            one.done.errback(SpoolError("the spool was closed before this was written"))
        if error is None:
            stopped.callback(None)
        else:
            stopped.errback(spool_error(error))
