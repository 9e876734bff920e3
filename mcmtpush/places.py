"""Places at something of which only so much is good at once; the others stand in line.

Rules of this file:

- Who asks in vain stands in line, once, and is told when it is its turn.  The place is
  kept until it has asked again, or shown that it needs nothing.
- First come, first served: who comes while others wait stands behind them.

Knows neither who they are nor what they do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field


Who = TypeVar("Who")


@define(eq=False)
class Places(Generic[Who]):
    """The places and the line.

    Attributes:
        tell: called with whose turn it is; may not ask at once.
        most: places.
    """

    tell: Callable[[Who], None]
    most: int
    _used: int = field(default=0, init=False)  # by who began, or kept for who was told
    _line: OrderedDict[Who, None] = field(factory=OrderedDict, init=False)
    _told: set[Who] = field(factory=set, init=False)

    def begin(self, who: Who) -> bool:
        """Take a place, to be given back with `end`; or stand in line."""
        if who in self._told:
            self._told.discard(who)
            return True
        if self._line or self._used >= self.most:
            self._line[who] = None
            return False
        self._used += 1
        return True

    def end(self) -> None:
        """Who took a place needs it no more."""
        self._used -= 1
        self._serve()

    def waive(self, who: Who) -> None:
        """This one could have asked by now: a place still kept for it is free."""
        if who in self._told:
            self._told.discard(who)
            self.end()

    def leave(self, who: Who) -> None:
        """This one will not ask again."""
        self._line.pop(who, None)
        self.waive(who)

    def allow(self, most: int) -> None:
        """So many places from now on."""
        self.most = most
        self._serve()

    def _serve(self) -> None:
        while self._line and self._used < self.most:
            who, _ = self._line.popitem(last=False)
            self._told.add(who)
            self._used += 1
            self.tell(who)
