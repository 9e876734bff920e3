"""Whether memory runs out, and what is done about it in time.

Looks at most a few times a second, when somebody asks, and never for each message.

====================  ==========================================================
share of memory used  what happens
====================  ==========================================================
below `memory_goal`   nothing
from `memory_goal`    waiting messages give up their bodies, which are on the disk
from `memory_hwm`     new mail is refused for now as well
====================  ==========================================================

Each ends by itself with the next look that finds less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from mcmtpush.ports import Memory


LOOK_SECONDS: Final = 0.25
"""Between two looks at the least."""

TRIM_SECONDS: Final = 5.0
"""Between two attempts to give memory back to the system."""


@define(eq=False, kw_only=True)
class Pressure:
    """The watch over memory.

    Attributes:
        goal, high_water: in percent; 0 is never.
        memory: asked how much is used.
        seconds: a clock that is good for differences.
        save: told to save memory, and when that is over.
        tell: told what changed, with the share in percent and the limit.
        full: whether new mail is to be refused, as of the last look.
        scarce: whether memory is to be saved, as of the last look.
    """

    goal: float
    high_water: float
    memory: Memory
    seconds: Callable[[], float]
    save: Callable[[bool], None]
    tell: Callable[[str, float, float], None]
    full: bool = field(default=False, init=False)
    scarce: bool = field(default=False, init=False)
    _look_at: float = field(default=0.0, init=False)
    _trim_at: float = field(default=0.0, init=False)

    def is_full(self) -> bool:
        """Whether new mail is to be refused; cheap, to be asked for each one."""
        now = self.seconds()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look(now)
        return self.full

    def _look(self, now: float) -> None:
        used = self.memory.used_percent()
        full = 0 < self.high_water <= used
        scarce = full or 0 < self.goal <= used
        if scarce != self.scarce:
            self.scarce = scarce
            self.save(scarce)
            text = "memory is saved" if scarce else "memory is plenty again"
            self.tell(text, used, self.goal)
        if full != self.full:
            self.full = full
            text = "new mail is refused" if full else "new mail is accepted again"
            self.tell(text, used, self.high_water)
        if scarce and now >= self._trim_at:
            self._trim_at = now + TRIM_SECONDS
            self.memory.trim()
