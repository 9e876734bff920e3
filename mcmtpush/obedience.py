"""Carries out the orders that operators leave in the spool folder, one at a time.

Part of the composition root: knows who can do what is ordered, and not how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any, Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.intercom import Obey
from mcmtpush.ports import Clock
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.spool.order import Purge, read_purge
from mcmtpush.values import Expired


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
class Obedience:
    """Looks for orders from `start` to `stop`.

    An order is answered once its messages have ended and a while has passed for the
    spool to note it, so that a crash does not leave some of them to be delivered.
    """

    orders: OrderSource
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


@define(eq=False)
class Delegation:
    """Has the orders in a folder carried out by workers, one order at a time.

    It is answered when all have answered; what they purged is added up.  Whoever comes
    back to life meanwhile is told again.

    Attributes:
        orders: the folder.
        awaited: the numbers of all workers whose answer counts.
        pass_on: tells one of them, if it can listen.
    """

    orders: OrderSource
    clock: Clock
    awaited: Callable[[], Set[int]]
    pass_on: Callable[[int, Obey], None]
    _timer: IDelayedCall | None = field(default=None, init=False)
    _order: Obey | None = field(default=None, init=False)  # under way
    _answers: dict[int, Any] = field(factory=dict, init=False)

    def start(self) -> None:
        """Look for orders from now on."""
        self._timer = self.clock.callLater(0, self._look)

    def stop(self) -> None:
        """What is not answered is found by the next start."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def remind(self, number: int) -> None:
        """This one is at work since now."""
        if self._order is not None:
            self.pass_on(number, self._order)

    def note(self, number: int, name: str, answer: Any) -> None:
        """This one has carried it out."""
        if self._order is not None and self._order.name == name:
            self._answers[number] = answer
            self._conclude(self._order)

    def _look(self) -> None:
        self._timer = self.clock.callLater(LOOK_SECONDS, self._look)
        try:
            if self._order is not None:
                self._conclude(self._order)
            if self._order is None:
                for name in self.orders.pending()[:1]:
                    self._begin(name)
        except SpoolError as error:
            log.error("{error}", error=str(error))

    def _begin(self, name: str) -> None:
        content = self.orders.read(name).decode("utf-8", "replace")
        self._order, self._answers = Obey(name, content), {}
        for number in sorted(self.awaited()):
            self.pass_on(number, self._order)

    def _conclude(self, order: Obey) -> None:
        if not self.awaited() <= self._answers.keys():
            return
        try:
            self.orders.answer(order.name, sum_up(list(self._answers.values())))
        except SpoolError as error:
            log.error("{error}", error=str(error))
            return
        self._order = None


def sum_up(answers: Sequence[Any]) -> Any:
    """One answer of several; a refusal is the same for all."""
    for answer in answers:
        if "purged" not in answer:
            return answer
    return {"purged": sum(answer["purged"] for answer in answers)}
