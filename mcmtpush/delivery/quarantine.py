"""How long answers that may be a mistake are kept back.

What is kept is the sieve's business; here is when it is settled all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mcmtpush.delivery.sieve import Sieve
from mcmtpush.ports import Clock
from mcmtpush.values import Attempt


if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251 - types only


QUIET_SECONDS: Final = 3.0
"""After so long without an answer, with none to come, what is kept is settled."""

KEPT_SECONDS: Final = 60.0
"""No answer is kept back for longer."""


class Quarantine:
    """Of one lane.

    Args:
        sieve: keeps what is kept.
        settle: takes what is to be kept no longer; never nothing.
        is_busy: whether more answers are to come.
    """

    def __init__(
        self,
        sieve: Sieve,
        clock: Clock,
        settle: Callable[[list[Attempt]], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._sieve = sieve
        self._clock = clock
        self._settle = settle
        self._is_busy = is_busy
        self._quiet: IDelayedCall | None = None  # running while something is kept
        self._kept_since = self._settled_at = 0.0

    def pass_through(self, attempts: list[Attempt]) -> bool:
        """Settle what may be settled now; whether these tripped the guard."""
        sieve = self._sieve
        before = sieve.tripped
        self._settled_at = self._clock.seconds()
        if passed := sieve.sift(attempts):
            self._settle(passed)
        if sieve.kept and self._quiet is None:
            self._kept_since = self._settled_at
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._release)
        return sieve.tripped and not before

    def end(self) -> None:
        """No more answers come: what is kept is discarded."""
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if kept := self._sieve.give_up():
            self._settle(kept)

    def _release(self) -> None:
        """So few answers make no case: settle them once nothing more is to come."""
        self._quiet = None
        now = self._clock.seconds()
        quiet = now - self._settled_at >= QUIET_SECONDS and not self._is_busy()
        if quiet or now - self._kept_since >= KEPT_SECONDS:
            if kept := self._sieve.release():
                self._settle(kept)
        elif self._sieve.kept:
            self._quiet = self._clock.callLater(QUIET_SECONDS, self._release)
