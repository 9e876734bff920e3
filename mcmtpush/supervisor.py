"""The life of a worker process, as its parent sees it: who is replaced, and when.

Knows no process and no clock: it is told what happened, and says what to do.

Rules of this file

- Until a worker was ready for the first time its end is the end of the program: a
  start that fails is not tried for ever.
- Afterwards it is replaced: at once after a life that was long enough or the first to
  end, otherwise after a rest, which doubles with each short life.
- Told to stop, it is never replaced; told once more, it is to hurry.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from attrs import define, field


CALM_SECONDS: Final = 60.0
"""Who lived so long may die without a rest following."""

SHORTEST_REST: Final = 1.0
LONGEST_REST: Final = 60.0


class State(Enum):
    """Where a worker is in its life."""

    STARTING = auto()  # its process was started for the first time
    RESTARTING = auto()  # and again
    READY = auto()
    RESTING = auto()  # dead, to be replaced
    STOPPING = auto()
    OVER = auto()


class Event(Enum):
    """What happens to it."""

    READY = auto()  # it says so
    DIED = auto()  # its process has ended
    FINISHED = auto()  # the same, once it had said that nothing is left to do
    RESTED = auto()
    STOP = auto()  # it is to end


class Action(Enum):
    """What its parent is to do."""

    SPAWN = auto()  # start a process
    REST = auto()  # report `RESTED` after `Life.rest_seconds`
    STOP = auto()  # tell it to stop
    HURRY = auto()  # tell it to stop at once
    GIVE_UP = auto()  # end the program: it cannot even start
    BURY = auto()  # nothing more: it is over


_S, _E, _A = State, Event, Action

TABLE: Final[Mapping[tuple[State, Event], tuple[State, Action | None]]] = (
    MappingProxyType(
        {
            (_S.STARTING, _E.READY): (_S.READY, None),
            (_S.STARTING, _E.DIED): (_S.OVER, _A.GIVE_UP),
            (_S.STARTING, _E.FINISHED): (_S.OVER, _A.BURY),
            (_S.STARTING, _E.STOP): (_S.STOPPING, _A.STOP),
            (_S.RESTARTING, _E.READY): (_S.READY, None),
            (_S.RESTARTING, _E.DIED): (_S.RESTING, _A.REST),
            (_S.RESTARTING, _E.FINISHED): (_S.OVER, _A.BURY),
            (_S.RESTARTING, _E.STOP): (_S.STOPPING, _A.STOP),
            (_S.READY, _E.DIED): (_S.RESTING, _A.REST),
            (_S.READY, _E.FINISHED): (_S.OVER, _A.BURY),
            (_S.READY, _E.STOP): (_S.STOPPING, _A.STOP),
            (_S.RESTING, _E.RESTED): (_S.RESTARTING, _A.SPAWN),
            (_S.RESTING, _E.STOP): (_S.OVER, _A.BURY),
            (_S.STOPPING, _E.DIED): (_S.OVER, _A.BURY),
            (_S.STOPPING, _E.FINISHED): (_S.OVER, _A.BURY),
            (_S.STOPPING, _E.STOP): (_S.STOPPING, _A.HURRY),
        }
    )
)
"""What is not here changes nothing: it came too late, or twice."""


@define
class Life:
    """One worker, over all its processes.

    Attributes:
        state: where it is.
        rest_seconds: how long the rest is that `Action.REST` orders.
    """

    state: State = field(default=State.STARTING, init=False)
    rest_seconds: float = field(default=0.0, init=False)
    _next_rest: float = field(default=0.0, init=False)

    def feel(self, event: Event, lived_seconds: float = 0.0) -> Action | None:
        """This happened, to a process that lived so long; what to do, if anything."""
        self.state, action = TABLE.get((self.state, event), (self.state, None))
        if action is Action.REST:
            self._rest(lived_seconds)
        return action

    def _rest(self, lived_seconds: float) -> None:
        self.rest_seconds = 0.0 if lived_seconds >= CALM_SECONDS else self._next_rest
        doubled = max(SHORTEST_REST, 2 * self.rest_seconds)
        self._next_rest = min(LONGEST_REST, doubled)

    @property
    def running(self) -> bool:
        """Whether it has a process."""
        return self.state not in {State.RESTING, State.OVER}
