"""When something is due on a connection of the binary interface.

Times are seconds of one clock that is good for differences.  Knows no timers.
"""

from __future__ import annotations

from math import inf
from typing import Final

from attrs import define, field

from mcmtpush.delivery.pace import Pace
from mcmtpush.delivery.silence import STALL_SECONDS, Silence
from mcmtpush.delivery.state import LISTENING, State


MATURED_SECONDS: Final = 1.0
"""How often an owner is told that proof is due."""


@define(eq=False)
class Timetable:
    """Of one connection; 0 `idle_seconds` and 0 `proof_seconds` are never.

    Attributes:
        idle_seconds: without anything written or unsettled, until that is told.
        proof_seconds: from the first write on, until proof is due.
        active_at: when something was written, or idleness told.
    """

    silence: Silence
    pace: Pace
    idle_seconds: float
    proof_seconds: float
    active_at: float = field(init=False, default=0.0)
    _proof_at: float = field(init=False, default=inf)  # due, or told again

    def note(self, now: float) -> None:
        """Something is written."""
        self.active_at = now
        if self._proof_at == inf and self.proof_seconds:
            self._proof_at = now + self.proof_seconds

    def due_at(self, state: State, now: float, *, watched: bool) -> float:
        """The next moment at which there is something to see to.

        `watched` is whether somebody has to look for the peer's end.
        """
        due_at = self.pace.grows_at
        if state is State.OPEN:
            due_at = min(due_at, self._proof_at)
        if watched:
            due_at = min(due_at, now + STALL_SECONDS)
        if state not in LISTENING:
            return due_at
        silent_at = self.silence.due_at(now)
        if silent_at is not None:
            return min(due_at, silent_at)
        if state is State.OPEN and self.idle_seconds:
            return min(due_at, self.active_at + self.idle_seconds)
        return due_at

    def is_idle(self, now: float) -> bool:
        """While nothing is unsettled: whether to tell of it now."""
        if not self.idle_seconds or now < self.active_at + self.idle_seconds:
            return False
        self.active_at = now
        return True

    def wants_proof(self, now: float) -> bool:
        """Whether proof is due; so it is again a second later."""
        if now < self._proof_at:
            return False
        self._proof_at = now + MATURED_SECONDS
        return True
