"""Looks for orders that operators leave, and after the one under way.

Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.ports import Clock


LOOK_SECONDS: Final = 1.0
"""How often the folder is looked at, and an order under way: somebody is waiting."""

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

    An order that cannot be begun keeps no other waiting: it is tried again at every
    look, and spoken of once.

    Attributes:
        go_on: with the order under way; whether there still is one.
        begin: to carry out the order of this name.
    """

    orders: OrderSource
    clock: Clock
    go_on: Callable[[], bool]
    begin: Callable[[str], None]
    _timer: IDelayedCall | None = field(default=None, init=False)
    _skipped: set[str] = field(factory=set, init=False)
    _trouble: str | None = field(default=None, init=False)  # of the last look

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
        trouble = None
        try:
            if not self.go_on():
                self._begin_one(self.orders.pending())
        except SpoolError as error:
            trouble = str(error)
            if trouble != self._trouble:
                log.error("{error}", error=trouble)
        self._trouble = trouble

    def _begin_one(self, names: Sequence[str]) -> None:
        """The first that can be."""
        self._skipped.intersection_update(names)
        for name in names:
            try:
                self.begin(name)
            except SpoolError as error:
                self._skip(name, error)
            else:
                return

    def _skip(self, name: str, error: SpoolError) -> None:
        if name not in self._skipped:
            self._skipped.add(name)
            log.error("{error}; it waits until that is mended", error=str(error))
