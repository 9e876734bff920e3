"""Whether a connection has taken nothing for too long.

A peer may allow no stream, refuse every one, keep its window shut, or read nothing,
and say something all the while: what is given to such a connection would wait for
ever.  Times are seconds of one clock that is good for differences.
"""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class Standstill:
    """Of one connection; `seconds` is how long it may last."""

    seconds: float
    _since: float | None = field(init=False, default=None)
    _answers: int = field(init=False, default=0)

    def lasts(self, now: float, *, blocked: bool, answers: int) -> bool:
        """Asked now and then: whether it has been blocked without an answer so long.

        `answers` is how many requests were answered so far.
        """
        if not blocked or answers != self._answers:
            self._since = now if blocked else None
            self._answers = answers
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since >= self.seconds
