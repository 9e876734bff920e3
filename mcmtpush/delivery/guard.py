"""The wrong-environment guard of one lane: too many tokens are called invalid.

A certificate of the one environment makes every token of the other one invalid, and
an obedient sender throws its whole audience away.  This only counts and says so; to
suspend the lane, hold its messages and withhold token events is the lane's business.
"""

from __future__ import annotations

from math import ceil

from attrs import define, field


_REMEDY = (
    "probably certificate and gateway, or the tokens, belong to different environments"
    " (sandbox and production): correct that, then resume"
)


@define(eq=False)
class Guard:
    """Trips at either of two thresholds and stays tripped until `reset`.

    An answer is whatever tells about the message: an acceptance, presumed or
    proven, or a refusal with its status.  What was discarded or is undecided is
    none.

    Attributes:
        first: trips when this many answers, from the start, are all "invalid
            token"; 0 = off.
        window, share: trips when among the last `window` answers, or fewer if
            there are fewer, `share * window` are "invalid token"; 0 = off.
        reason: one sentence for operators; empty unless tripped.
    """

    first: int = 20
    window: int = 100
    share: float = 0.8
    reason: str = field(default="", init=False)
    _run: int | None = field(default=0, init=False)  # None: one was not invalid
    _answers: int = field(default=0, init=False)  # the window, a bit each, 1 = invalid
    _seen: int = field(default=0, init=False)

    @property
    def tripped(self) -> bool:
        """Whether the lane is to stand still."""
        return bool(self.reason)

    @property
    def unsure(self) -> bool:
        """Whether every answer so far was "invalid token", and `first` is not met."""
        return self.first > 0 and self._run is not None and not self.tripped

    def note(self, *, accepted: int = 0, invalid: int = 0, other: int = 0) -> None:
        """So many more answers of the lane; the invalid tokens are the latest.

        That is the order in which one connection settles: whatever was accepted
        before, then the refused one.  Costs the same for any number, and nothing
        changes once it has tripped.
        """
        if self.tripped:
            return
        fine = accepted + other
        if fine:
            self._run = None
        if self._run is not None:
            self._run += invalid
        self._shift(fine, invalid)
        self.reason = self._judge()

    def reset(self) -> None:
        """An operator resumed the lane: start from nothing, both thresholds."""
        self.reason = ""
        self._run, self._answers, self._seen = 0, 0, 0

    def _shift(self, fine: int, invalid: int) -> None:
        if self.window <= 0:
            return
        fine, invalid = min(fine, self.window), min(invalid, self.window)
        latest = (1 << invalid) - 1
        everything = (1 << self.window) - 1
        self._answers = (self._answers << (fine + invalid) | latest) & everything
        self._seen = min(self._seen + fine + invalid, self.window)

    def _judge(self) -> str:
        if self.first > 0 and self._run is not None and self._run >= self.first:
            return f'the first {self._run} answers were all "invalid token"; {_REMEDY}'
        if self.window <= 0 or self.share <= 0:
            return ""
        count = self._answers.bit_count()
        # The product may exceed a whole number by a rounding error.
        if count < max(1, ceil(self.share * self.window - 1e-9)):
            return ""
        return (
            f'{count} of the last {self._seen} answers were "invalid token"; {_REMEDY}'
        )
