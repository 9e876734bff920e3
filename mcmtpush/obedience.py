"""Carries out the orders that operators leave in the spool folder, one at a time.

Part of the composition root: knows who can do what is ordered, and not how.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.ports import Clock
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.spool.order import Orders, Purge, read_purge
from mcmtpush.values import Expired


LOOK_SECONDS: Final = 5.0
"""How often the folder is looked at, and an order under way."""

log = Logger()


@define(eq=False)
class Obedience:
    """Looks for orders from `start` to `stop`.

    An order is answered once its messages have ended and a while has passed for the
    spool to note it, so that a crash does not leave some of them to be delivered.
    """

    orders: Orders
    scheduler: Scheduler
    clock: Clock
    _timer: IDelayedCall | None = field(default=None, init=False)
    _name: str | None = field(default=None, init=False)  # under way
    _count: int = field(default=0, init=False)
    _over: bool = field(default=False, init=False)  # at the last look

    def start(self) -> None:
        """Once the spool has been recovered: an order is about all there is."""
        self._timer = self.clock.callLater(0, self._look)

    def stop(self) -> None:
        """What is not answered is found by the next start."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self.clock.callLater(LOOK_SECONDS, self._look)
        try:
            if self._name is not None:
                self._go_on(self._name)
            if self._name is None:
                for name in self.orders.pending()[:1]:
                    self._obey(name)
        except SpoolError as error:
            log.error("{error}", error=str(error))

    def _obey(self, name: str) -> None:
        content = self.orders.read(name)
        try:
            purge = read_purge(content)
        except ValueError as error:
            log.error("order {name} is refused: {error}", name=name, error=str(error))
            self._answer(name, {"refused": str(error)})
            return
        sentence = Expired(purge.text, purge.quiet)
        self._count = self.scheduler.condemn(purge.chooses, purge.before, sentence)
        self._name, self._over = name, False
        log.warn(
            "an operator purges {count} messages of {whose}: {text}",
            count=self._count,
            whose=_whose(purge),
            text=purge.text,
        )

    def _go_on(self, name: str) -> None:
        over = not self.scheduler.condemned
        if over and self._over:
            self._name = None
            self._answer(name, {"purged": self._count})
        self._over = over

    def _answer(self, name: str, answer: Any) -> None:
        self.orders.answer(name, answer)


def _whose(purge: Purge) -> str:
    binding = "" if purge.binding is None else f" (binding {purge.binding})"
    return f"{purge.domain or 'every domain'}{binding}"
