"""Carries out the orders that operators leave in the spool folder, one at a time.

Part of the composition root: knows who can do what is ordered, and not how.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.logger import Logger

from mcmtpush.lookout import Lookout, OrderSource
from mcmtpush.ports import Clock
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.spool.order import Purge, read_purge
from mcmtpush.values import Expired


log = Logger()


@define(eq=False)
class Obedience:
    """Looks for orders from `start` to `stop`.

    An order is answered once its messages have ended and a while has passed for the
    spool to note it, so that a crash does not leave some of them to be delivered.
    """

    orders: OrderSource
    scheduler: Scheduler
    clock: Clock
    _lookout: Lookout = field(init=False)
    _name: str | None = field(default=None, init=False)  # under way
    _count: int = field(default=0, init=False)
    _over: bool = field(default=False, init=False)  # at the last look

    def __attrs_post_init__(self) -> None:
        self._lookout = Lookout(self.orders, self.clock, self._go_on, self._obey)

    def start(self) -> None:
        """Once the spool has been recovered: an order is about all there is."""
        self._lookout.start()

    def stop(self) -> None:
        """What is not answered is found by the next start."""
        self._lookout.stop()

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

    def _go_on(self) -> bool:
        if self._name is None:
            return False
        over = not self.scheduler.condemned
        if over and self._over:
            name, self._name = self._name, None
            self._answer(name, {"purged": self._count})
        self._over = over
        return self._name is not None

    def _answer(self, name: str, answer: Any) -> None:
        self.orders.answer(name, answer)


def _whose(purge: Purge) -> str:
    binding = "" if purge.binding is None else f" (binding {purge.binding})"
    return f"{purge.domain or 'every domain'}{binding}"
