"""Has the orders that operators leave carried out by workers, one at a time.

Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from mcmtpush.errors import SpoolError
from mcmtpush.intercom import Obey
from mcmtpush.lookout import Lookout, OrderSource
from mcmtpush.ports import Clock


log = Logger()


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
    _lookout: Lookout = field(init=False)
    _order: Obey | None = field(default=None, init=False)  # under way
    _answers: dict[int, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._lookout = Lookout(self.orders, self.clock, self._go_on, self._begin)

    def start(self) -> None:
        """Look for orders from now on."""
        self._lookout.start()

    def stop(self) -> None:
        """What is not answered is found by the next start."""
        self._lookout.stop()

    def remind(self, number: int) -> None:
        """This one is at work since now."""
        if self._order is not None:
            self.pass_on(number, self._order)

    def note(self, number: int, name: str, answer: Any) -> None:
        """This one has carried it out."""
        if self._order is not None and self._order.name == name:
            self._answers[number] = answer
            self._conclude(self._order)

    def _go_on(self) -> bool:
        if self._order is not None:
            self._conclude(self._order)
        return self._order is not None

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
