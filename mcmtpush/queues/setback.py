"""By how much the wall clock was set back, as a clock that does not jump shows it."""

from __future__ import annotations

from attrs import define, field

from mcmtpush.ports import Clock, Now


@define(eq=False)
class Setback:
    """Compares the two clocks from one look to the next."""

    clock: Clock
    now: Now
    _seen: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def look(self) -> float:
        """Seconds since the last look by which it went back; negative if ahead."""
        before, then = self._seen
        self._seen = (self.now(), self.clock.seconds())
        return (self._seen[1] - then) - (self._seen[0] - before)
