"""How a connection ends: GOAWAY, a close or a reset, and what is left unanswered."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from h2.errors import ErrorCodes

from mcmtpush.simulator.provider.connection import MAX_STREAM
from mcmtpush.simulator.provider.output import Output
from mcmtpush.simulator.provider.streams import VIOLATED
from mcmtpush.simulator.provider.verdict import ABOVE, BEHIND, Judgement
from mcmtpush.simulator.script import Answer, Rule


class Goodbye:
    """The end of one connection, from the first word of it on.

    Attributes:
        last: what is above this stream is not answered any more.
        above: what is noted of those.
    """

    def __init__(self, output: Output, linger_seconds: float) -> None:
        self._output = output
        self._linger_seconds = linger_seconds
        self._end: Callable[[], None] | None = None
        self.last = MAX_STREAM
        self.above = ABOVE

    def shut_down(self, rule: Rule, stream: int) -> None:
        """Say GOAWAY as a rule wants it, and end."""
        last = self._find_last(rule, stream)
        self._bar(last, ABOVE)
        self._output.hold(rule.answer, lambda: self._go_away(rule, last))

    def _find_last(self, rule: Rule, stream: int) -> int:
        last = rule.last_stream
        if isinstance(last, int):
            return last
        if last == "above":
            return MAX_STREAM
        if last == "at":
            return stream or self._output.streams.highest
        # Under `after` the request has been answered, or is among those that wait.
        own = [stream] if rule.after is None else []
        lowest = min(
            [*self._output.ledger.open, *own], default=self._output.streams.highest + 2
        )
        return max(lowest - 2, self._output.ledger.settled)

    def _bar(self, last: int, why: Judgement) -> None:
        """What is above is discarded from now on, the open ones included."""
        self.last, self.above = min(last, self.last), why
        self._output.ledger.drop_above(last, why)

    def _go_away(self, rule: Rule, last: int) -> None:
        code = ErrorCodes.NO_ERROR if rule.code is None else rule.code
        reason = orjson.dumps({"reason": rule.reason}) if rule.reason else b""
        self._output.streams.go_away(last, code, reason)
        if rule.twice:
            gap = Answer(delay_seconds=rule.answer.gap_seconds)
            self._output.hold(
                gap, lambda: self._say_goodbye(self._final(last), code, b"")
            )
        outlet = self._output.outlet
        end = outlet.abort if rule.answer.reset else outlet.close
        if rule.abandon:
            self._output.end(end)
        else:
            self._end_with(end)

    def _final(self, last: int) -> int:
        return min(last, self._output.streams.highest)

    def _say_goodbye(self, last: int, code: int, debug: bytes) -> None:
        self._bar(last, ABOVE)
        self._output.streams.go_away(last, code, debug)

    def punish(self) -> None:
        """Say GOAWAY to a client that opened too many streams, and end."""
        code = ErrorCodes.REFUSED_STREAM
        self._say_goodbye(self._output.streams.highest, code, VIOLATED)
        self._end_with(self._output.outlet.close)

    def _end_with(self, end: Callable[[], None]) -> None:
        """Linger, wait for what is still to be answered, then end."""

        def finish() -> None:
            self._end = end
            self.end_if_idle()

        self._output.hold(Answer(delay_seconds=self._linger_seconds), finish)

    def end_if_idle(self) -> None:
        """End now if it is time and nothing is left to be answered."""
        if self._end is not None and not self._output.ledger.open:
            self._output.end(self._end)

    def close(self, rule: Rule, stream: int) -> None:
        """Without a word."""
        self._bar(stream or self._output.streams.highest, BEHIND)
        self._output.hold(
            rule.answer, lambda: self._output.end(self._output.outlet.close)
        )

    def reset(self, rule: Rule, stream: int) -> None:
        """Without a word, by a TCP reset."""
        self._bar(stream or self._output.streams.highest, BEHIND)
        self._output.hold(
            rule.answer, lambda: self._output.end(self._output.outlet.abort)
        )
