"""What is told of requests that are over: to who asked, to counters, to the log.

Rules of this file

- What cannot be removed or changed because a page is damaged never will be: that is
  said, and counts as done.
- That the disk takes nothing is said at most once a minute, and so is its end.

Everything here belongs to the reactor.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from twisted.logger import Logger

from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolCorruptError
from mcmtpush.ports import Clock
from mcmtpush.spool.codec import Bury, Delete, Insert, Update
from mcmtpush.spool.fault import is_outside, remedy, spool_error
from mcmtpush.spool.request import Read, Write


QUIET_SECONDS = 60.0

log = Logger()


@define(eq=False)
class Answers:
    """Gives them, in the order of the requests."""

    clock: Clock
    counters: Counters
    _refusing: Exception | None = field(default=None, init=False)
    _complained: bool = field(default=False, init=False)
    _quiet_until: float = field(default=0.0, init=False)

    def settle(
        self, writes: Sequence[Write], kept: int, trouble: Exception | None
    ) -> None:
        """One commit is over.

        Args:
            writes: those that are done or refused.
            kept: how many are to be tried again.
            trouble: what is wrong with the disk, None if nothing is.
        """
        self.counters.add("spool.commits")
        self._say(writes, kept, trouble)
        for one in writes:
            if one.error is None:
                self._count(one)
                one.done.callback(one.answer)
            elif isinstance(one.error, SpoolCorruptError):
                self.counters.add("spool.damaged")
                log.error("{fault}; run mcmtpush spool check", fault=one.error)
                one.done.callback(one.answer)
            else:
                self._refuse(one, one.error)

    def tell(self, reads: Sequence[Read]) -> None:
        """These are answered, or cannot be."""
        for read in reads:
            for fault in read.faults:
                self.counters.add("spool.quarantined")
                log.error("{fault}; it is set aside, the others go on", fault=fault)
            if read.error is None:
                read.done.callback(read.answer)
            else:
                read.done.errback(spool_error(read.error))

    def _refuse(self, one: Write, error: Exception) -> None:
        self.counters.add("spool.refused")
        if not is_outside(error):
            log.error("the spool does not take this: {reason}", reason=str(error))
        one.done.errback(spool_error(error))

    def _say(
        self, writes: Sequence[Write], kept: int, trouble: Exception | None
    ) -> None:
        """Complain at most once a minute, and tell when it is over."""
        if any(one.is_store for one in writes):
            self._refusing = trouble
        reason = trouble or self._refusing
        if self.clock.seconds() < self._quiet_until:
            return
        if reason is not None:
            self._quiet_until = self.clock.seconds() + QUIET_SECONDS
            self._complained = True
            log.error(
                "the spool cannot be written: {reason}; new messages are refused for "
                "now, {kept} removals and changes wait: {remedy}",
                reason=str(spool_error(reason)),
                kept=kept,
                remedy=remedy(reason),
            )
        elif self._complained:
            self._complained = False
            log.info("the spool can be written again")

    def _count(self, one: Write) -> None:
        match one.operation:
            case Insert(entries=entries):
                self.counters.add("spool.stored", len(entries))
            case Delete(rows=rows):
                self.counters.add("spool.forgotten", len(rows))
            case Update(changes=changes):
                self.counters.add("spool.rescheduled", len(changes))
            case Bury(letters=letters):
                self.counters.add("spool.buried", len(letters))
        if one.not_kept:
            self.counters.add("spool.not_kept", one.not_kept)
            log.warn(
                "no room on the disk: {count} failed messages were removed and not "
                "kept as dead letters",
                count=one.not_kept,
            )
