"""Looks for orders that operators leave, and after the one under way.

Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.ports import Clock


LOOK_SECONDS: Final = 5.0
"""How often the folder is looked at, and an order under way."""

log = Logger()


class OrderSource(Protocol):
    """Where orders come from; `mcmtpush.spool.order.Orders`, or a worker's parent."""

    def pending(self) -> list[str]:
        """Names of orders without an answer, the oldest first."""

    def read(self, name: str) -> bytes:
        """What is ordered."""

    def answer(self, name: str, answer: Any) -> None:
        """It is carried out, or refused for good."""


@define(eq=False)
class Lookout:
    """Looks for orders from `start` to `stop`, and after the one under way.

    Attributes:
        go_on: with the order under way; whether there still is one.
        begin: to carry out the order of this name.
    """

    orders: OrderSource
    clock: Clock
    go_on: Callable[[], bool]
    begin: Callable[[str], None]
    _timer: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """Look at once, and from now on."""
        self._timer = self.clock.callLater(0, self._look)

    def stop(self) -> None:
        """What is not answered is found by the next start."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self.clock.callLater(LOOK_SECONDS, self._look)
        try:
            if not self.go_on():
                for name in self.orders.pending()[:1]:
                    self.begin(name)
        except SpoolError as error:
            log.error("{error}", error=str(error))
