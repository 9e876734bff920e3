"""How long the end may take: until its steps are over, or somebody is in a hurry.

Part of the composition root; which steps there are is the service's affair.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from mcmtpush.disposition.settle import Settler


SETTLED_SECONDS: Final = 10.0
"""What records and spool get at shutdown to take what was settled."""

_LOOK_SECONDS: Final = 0.02


@define(eq=False)
class Drain:
    """Waits for one step after the other, and for none once `hurry` was called.

    Attributes:
        reactor: its timers.
    """

    reactor: Any
    _hurried: bool = field(default=False, init=False)
    _waiting: Deferred[None] | None = field(default=None, init=False)

    def hurry(self) -> None:
        """Wait for nothing more."""
        self._hurried = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def step(self, step: Deferred[Any]) -> None:
        """Until this is over, or there is a hurry."""
        if not self._hurried:
            self._waiting = Deferred()
            await DeferredList([step, self._waiting], fireOnOneCallback=True)
            self._waiting = None

    async def settle(self, settler: Settler) -> None:
        """Until all that was settled is noted, in bounded time."""
        await self.step(Deferred.fromCoroutine(self._settled(settler)))

    async def _settled(self, settler: Settler) -> None:
        end = self.reactor.seconds() + SETTLED_SECONDS
        settler.flush()
        while not (settler.idle or self._hurried) and self.reactor.seconds() < end:
            await deferLater(self.reactor, _LOOK_SECONDS)
            settler.flush()
