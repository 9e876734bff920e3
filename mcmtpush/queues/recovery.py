"""What an earlier process left in the spool, brought into the queues page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.ports import Clock, Now, Spool
from mcmtpush.values import HELD, Entry, QueueKey


RECOVERED_AT_ONCE = 2000

log = Logger()


@define(eq=False, kw_only=True)
class Recovery:
    """One recovery, from `start` until its Deferred fires.

    Attributes:
        enqueue: takes a page.
        retry_seconds: how long to wait when the spool cannot be read.
    """

    clock: Clock
    now: Now
    spool: Spool
    settings_for: Callable[[QueueKey], QueueSettings]
    enqueue: Callable[[Sequence[tuple[QueueKey, Entry]]], None]
    counters: Counters
    retry_seconds: float
    _stopped: bool = field(default=False, init=False)
    _over: Deferred[None] | None = field(default=None, init=False)
    _paging: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> Deferred[None]:
        """Fires when all is in the queues, or when it was stopped."""
        over = self._over = Deferred()
        self._recover(0)
        return over

    def stop(self) -> None:
        """No more pages: what is not in the queues stays in the spool."""
        self._stopped = True
        if self._paging is not None:
            self._paging.cancel()
            self._finish()

    def _recover(self, after_row: int) -> None:
        self._paging = None
        page = self.spool.recover(after_row, RECOVERED_AT_ONCE)
        page.addCallbacks(self._recovered, self._failed, errbackArgs=(after_row,))

    def _recovered(self, pairs: Sequence[tuple[QueueKey, Entry]]) -> None:
        if not pairs or self._stopped:
            self._finish()
            return
        self.counters.add("queues.recovered", len(pairs))
        self._bring_forward(pairs)
        self.enqueue(pairs)
        # Reception and delivery have their turns in between.
        self._paging = self.clock.callLater(0, self._recover, pairs[-1][1].row)

    def _bring_forward(self, pairs: Sequence[tuple[QueueKey, Entry]]) -> None:
        """No retry waits longer than any may: the clock may have been set back."""
        now = self.now()
        for key, entry in pairs:
            if entry.next_attempt_at not in (0.0, HELD):
                latest = now + self.settings_for(key).max_retry_interval_seconds
                entry.next_attempt_at = min(entry.next_attempt_at, latest)

    def _failed(self, failure: Failure, after_row: int) -> None:
        if self._stopped:
            self._finish()
            return
        log.error(
            "cannot read the spool, trying again in {interval} s: {reason}",
            interval=self.retry_seconds,
            reason=failure.getErrorMessage(),
        )
        self._paging = self.clock.callLater(
            self.retry_seconds, self._recover, after_row
        )

    def _finish(self) -> None:
        self._paging = None
        over, self._over = self._over, None
        if over is not None:
            log.info(
                "{count} messages were in the spool",
                count=self.counters.get("queues.recovered"),
            )
            over.callback(None)
