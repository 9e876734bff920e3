"""Dead letters are given up when they have been kept for long enough.

Part of the composition root.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.ports import Clock, Now
from mcmtpush.spool.writer import SpoolWriter


PURGE_SECONDS: Final = 3600.0
"""Between two looks at dead letters."""

_FAILED = "purge of dead letters failed"

log = Logger()


@define(eq=False)
class Retention:
    """Looks every hour, from `start` to `stop`.

    Attributes:
        cleaning: whether a look is under way, or the first is still to come.
    """

    spool: SpoolWriter
    clock: Clock
    now: Now
    cleaning: bool = field(default=True, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """Look now, and from now on."""
        self.cleaning = True
        purged = self.spool.purge_dead(self.now())
        purged.addBoth(self._purged)
        purged.addErrback(lambda failure: log.failure(_FAILED, failure))
        self._timer = self.clock.callLater(PURGE_SECONDS, self.start)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _purged(self, outcome: Any) -> Any:
        self.cleaning = False
        return outcome
