"""Contact of one mail queue with its servers: who rests, and when to call again.

Operators hear of changes, not of every attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcmtpush.delivery.backoff import wait_seconds
from mcmtpush.delivery.mail.event import Over
from mcmtpush.delivery.mail.exchange import Target
from mcmtpush.delivery.mail.guide import Guide
from mcmtpush.delivery.mail.trouble import Trouble
from mcmtpush.delivery.mail.voice import Voice
from mcmtpush.ports import Clock, Dice


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251


class Contact:
    """How the servers of one queue do.

    Args:
        strand: gives back what was taken, since nobody carries it; how many wait.
        wake: called when servers may be called again.
    """

    def __init__(
        self,
        guide: Guide,
        trouble: Trouble,
        voice: Voice,
        *,
        clock: Clock,
        dice: Dice,
        strand: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._guide = guide
        self._trouble = trouble
        self._voice = voice
        self._clock = clock
        self._dice = dice
        self._strand = strand
        self._wake = wake
        self._waiting: IDelayedCall | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody is called for a while."""
        return self._waiting is not None

    def worked(self, target: Target) -> None:
        """The server takes something, or objects to something."""
        self._guide.hosts.clear(target)
        if self._trouble.clear():
            self._voice.works(target)

    def fail(self, target: Target, over: Over, *, works: bool) -> None:
        """No connection, or one that was closed without an answer to anything.

        `works`: others are established.
        """
        now = self._clock.seconds()
        if works:
            # It works for others: most likely there are enough of them.
            self._back_off(alone=False)
            return
        self._trouble.note(over.answer)
        if self._guide.hosts.fail(target, now):
            self._voice.rests(target, over.reason)
        if self._guide.hosts.all_rest(now):
            self._back_off(alone=True)

    def lose_way(self, reason: str) -> None:
        """Nobody says which servers there are."""
        if not self._guide.is_fresh:
            self._voice.unknown(reason)
            self._back_off(alone=True)

    def stop(self) -> None:
        """Nobody is called any more."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _back_off(self, *, alone: bool) -> None:
        """Connect no more for a while; `alone`: there is no connection that works."""
        if self._waiting is not None:
            return
        self._trouble.fail(self._strand() if alone else 0, self._clock.seconds())
        if alone:
            self._guide.forget()
            if self._trouble.failures == 1:
                self._voice.unreachable()
        seconds = wait_seconds(self._trouble.failures, self._dice)
        self._waiting = self._clock.callLater(seconds, self._waited)

    def _waited(self) -> None:
        self._waiting = None
        self._trouble.acquit()
        self._wake()
