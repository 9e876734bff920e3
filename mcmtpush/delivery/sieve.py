"""Between the answers of a lane and what becomes of its messages.

Shows the guard every answer, and keeps back the "invalid token" ones for as long
as nothing else was heard: should they trip the guard, they are as good as never
given.  Knows no connection, no queue and no timer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mcmtpush.apns.answers import Remedy, meaning_of
from mcmtpush.apns.reasons import INVALID_TOKEN
from mcmtpush.config.views import GuardSettings
from mcmtpush.delivery.guard import Guard
from mcmtpush.values import Accepted, Attempt, Discarded, Refused


_DISCARDED: Final = Discarded()


class Sieve:
    """The guard of one lane with what it kept back.

    Attributes:
        kept: refused, and not told to anybody yet; fewer than `first`.
    """

    def __init__(self, settings: GuardSettings) -> None:
        self._guard = Guard(settings.first, settings.window, settings.share)
        self.kept: list[Attempt] = []

    @property
    def tripped(self) -> bool:
        """Whether the lane is to stand still."""
        return self._guard.tripped

    @property
    def reason(self) -> str:
        """One sentence for operators; empty unless tripped."""
        return self._guard.reason

    def sift(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """What may be settled now, of these and of what was kept before.

        Once the guard has tripped, what was "invalid token" comes out discarded:
        it is put back, fails nothing and condemns no token.
        """
        invalid = [attempt for attempt in attempts if _is_invalid(attempt)]
        self._note(attempts, len(invalid))
        if self.tripped:
            for attempt in (*self.kept, *invalid):
                attempt.outcome = _DISCARDED
        elif self._guard.unsure:
            self.kept += invalid
            if not invalid:
                return list(attempts)
            return [attempt for attempt in attempts if not _is_invalid(attempt)]
        return [*self.release(), *attempts]

    def release(self) -> list[Attempt]:
        """What was kept, as it was answered; nothing is kept any longer."""
        kept, self.kept = self.kept, []
        return kept

    def give_up(self) -> list[Attempt]:
        """What was kept, discarded: nobody will know."""
        for attempt in self.kept:
            attempt.outcome = _DISCARDED
        return self.release()

    def reset(self) -> None:
        """An operator resumed the lane."""
        self._guard.reset()

    def _note(self, attempts: Sequence[Attempt], invalid: int) -> None:
        kinds = [type(attempt.outcome) for attempt in attempts]
        accepted, refused = kinds.count(Accepted), 0
        if Refused in kinds:
            # What the check before writing refused, nobody answered.
            refused = sum(
                kind is Refused and attempt.size > 0
                for kind, attempt in zip(kinds, attempts, strict=True)
            )
        if accepted or refused:
            self._guard.note(
                accepted=accepted, invalid=invalid, other=refused - invalid
            )


def _is_invalid(attempt: Attempt) -> bool:
    """Over HTTP/2 the same status also says that an app is gone: that is no sign."""
    outcome = attempt.outcome
    if type(outcome) is not Refused or attempt.size <= 0:
        return False
    if outcome.native is None:
        return outcome.status == INVALID_TOKEN
    return Remedy.BREAKER in meaning_of(outcome.native).remedies
