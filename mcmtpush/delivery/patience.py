"""How long contact may fail before those who wait are put off.

Option `connect_timeout_to_delay`.  Knows neither who is called nor who waits; `now`
is seconds of a clock that is good for differences.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field


GAP_SECONDS: Final = 600.0
"""Nobody tries to connect this seldom: a failure so much later is other trouble."""


@define(eq=False)
class Patience:
    """The patience of one queue; 0 `seconds` never end."""

    seconds: float
    _since: float | None = field(default=None, init=False)
    _last: float = field(default=0.0, init=False)

    def fail(self, now: float) -> bool:
        """Contact failed once more; whether it did for so long, which ends a count."""
        if self._since is None or now - self._last > GAP_SECONDS:
            self._since = now
        self._last = now
        if not self.seconds or now - self._since < self.seconds:
            return False
        self._since = None
        return True

    def clear(self) -> None:
        """There was contact, or those who waited are put off: count anew."""
        self._since = None
