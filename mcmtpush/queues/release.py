"""Held messages go on when an operator says so, and the spool is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from twisted.logger import Logger

from mcmtpush.counters import Counters
from mcmtpush.ports import Spool
from mcmtpush.queues.outlet import Outlet
from mcmtpush.values import Entry, QueueKey


NOTED_AT_ONCE: Final = 5000
"""So many the spool is told of in one commit."""

log = Logger()


@frozen
class Release:
    """Frees all held messages of a queue.

    Attributes:
        wake: a queue that has something to deliver.
    """

    spool: Spool
    counters: Counters
    wake: Callable[[Outlet], None]

    def free(self, outlet: Outlet) -> int:
        """They go first, oldest first; how many."""
        if not outlet.queue.held:
            return 0
        outlet.arriving()
        freed = outlet.queue.free()
        self._note(outlet.key, freed)
        self.wake(outlet)
        self.counters.add("queues.released", len(freed))
        log.info(
            "{count} held messages of {domain} (binding {binding}) are released",
            count=len(freed),
            domain=outlet.key.domain,
            binding=outlet.key.binding,
        )
        return len(freed)

    def _note(self, key: QueueKey, freed: Sequence[Entry]) -> None:
        """Tell the spool, a page with each commit; it takes the times as they are."""
        page, rest = freed[:NOTED_AT_ONCE], freed[NOTED_AT_ONCE:]
        noted = self.spool.reschedule(page)
        if rest:
            noted.addCallback(lambda _: self._note(key, rest))
        noted.addErrback(
            lambda failure: log.error(
                "the next start will hold messages of {domain} again, which were "
                "released: {reason}",
                domain=key.domain,
                reason=failure.getErrorMessage(),
            )
        )
