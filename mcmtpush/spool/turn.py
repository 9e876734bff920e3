"""What the spool's thread does each time it comes round.

Rules of this file

- All writes at hand go into one commit; nobody is told before it is on the disk.
- A `forget` or `reschedule` that the disk does not take is kept and tried with the
  next commit; a store is not.
- What a batch cannot have in it is tried alone, so that its neighbours are written.
- When the files are gone, only what is new is refused.
- When the disk is full, what was to be buried is removed without being kept.
- Reads run between commits, a bounded number of rows at a time.

Everything here belongs to that thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from mcmtpush.errors import SpoolLostError
from mcmtpush.spool.fault import is_full, is_outside
from mcmtpush.spool.request import Read, Request, Write, is_kept, stop_keeping
from mcmtpush.spool.store import REFUSALS, Bodies, Store


ROWS_READ_AT_ONCE = 2000


@frozen
class Home:
    """Where answers go; each is called with what one turn has done.

    Attributes:
        settle: writes that are over, how many are kept, and what is wrong with the
            world if something is.
        tell: reads that are over.
    """

    settle: Callable[[Sequence[Write], int, Exception | None], object]
    tell: Callable[[Sequence[Read]], object]


@define(eq=False)
class Turns:
    """One after another, over one store."""

    store: Store
    home: Home
    _kept: list[Write] = field(factory=list, init=False)
    _questions: deque[Read] = field(factory=deque, init=False)

    def take(self, requests: Sequence[Request]) -> bool:
        """Write all of these, answer what can be; whether questions are left."""
        self._commit([one for one in requests if isinstance(one, Write)])
        self._questions.extend(one for one in requests if isinstance(one, Read))
        self._look()
        return bool(self._questions)

    def finish(self) -> tuple[Sequence[Write], Exception | None]:
        """Answer what is left and close the store; what is kept, and the last error."""
        while self._questions:
            self._look()
        try:
            self.store.close()
        except REFUSALS as refusal:
            return self._kept, refusal
        return self._kept, None

    # -- writes -------------------------------------------------------------------

    def _commit(self, fresh: Sequence[Write]) -> None:
        writes = [*self._kept, *fresh]
        if not writes:
            return
        self._put(writes)
        self._kept = [one for one in writes if is_kept(one)]
        ended = [one for one in writes if not is_kept(one)]
        errors = (one.error for one in writes if one.error is not None)
        trouble = next(filter(is_outside, errors), None)
        self.home.settle(ended, len(self._kept), trouble)

    def _put(self, writes: Sequence[Write]) -> None:
        """Write what can be written, note the error of the rest."""
        error = self._try(writes)
        if error is None:
            return
        if not is_outside(error):
            self._try_each(writes)
        elif isinstance(error, SpoolLostError):
            # Only for what is new: the rest is in those files, which are still open.
            self._put([one for one in writes if not one.is_store])
        elif is_full(error):
            # There may still be room for what makes room.
            rest = [one for one in writes if not one.is_store]
            error = self._try(rest)
            if error is not None and is_full(error) and stop_keeping(rest):
                self._try(rest)

    def _try(self, writes: Sequence[Write]) -> Exception | None:
        error = None
        try:
            self.store.apply([one.operation for one in writes])
        except REFUSALS as refusal:
            error = refusal
        for one in writes:
            one.error = error
        return error

    def _try_each(self, writes: Sequence[Write]) -> None:
        try:
            errors = self.store.apply_each([one.operation for one in writes])
        except REFUSALS as refusal:
            errors = [refusal] * len(writes)
        for one, error in zip(writes, errors, strict=True):
            one.error = error

    # -- reads --------------------------------------------------------------------

    def _look(self) -> None:
        """Answer questions, as many as do not hold up the next commit."""
        reads: list[Read] = []
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
                    read.answer, read.faults = read.ask(self.store)
                except REFUSALS as error:
                    read.error = error
        if reads:
            self.home.tell(reads)

    def _load(self, reads: Sequence[Read]) -> None:
        """The bodies for all of these in one go; each finds its own among them."""
        wanted = sorted(row for read in reads for row in read.wanted)
        bodies: Bodies | None = None
        fault: Exception | None = None
        try:
            bodies, reads[0].faults = self.store.load(wanted)
        except REFUSALS as error:
            fault = error
        for read in reads:
            read.answer, read.error = bodies, fault
