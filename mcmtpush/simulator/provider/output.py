"""What one connection says, and when: the journal's lines first, then bytes."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from mcmtpush.simulator.provider.hold import Holds
from mcmtpush.simulator.provider.ledger import Ledger
from mcmtpush.simulator.provider.server import Outlet
from mcmtpush.simulator.provider.streams import Streams
from mcmtpush.simulator.script import Answer


@define(eq=False)
class Output:
    """Of one connection.

    Attributes:
        holds: what is to be said later.
    """

    ledger: Ledger
    streams: Streams
    holds: Holds
    outlet: Outlet

    def hold(
        self, answer: Answer, then: Callable[[], None], more_seconds: float = 0.0
    ) -> None:
        """Do it after the answer's delay, or its count of requests; maybe at once."""
        seconds = answer.delay_seconds + more_seconds
        if not seconds and not answer.behind:
            then()
            return

        def act() -> None:
            then()
            self.flush()

        self.holds.add(seconds, answer.behind, act)

    def flush(self) -> None:
        """All that there is to say now."""
        self.ledger.write()
        data = self.streams.output()
        if data:
            self.outlet.write(data)

    def end(self, end: Callable[[], None]) -> None:
        """Behind all that was said; what still waits is not said any more."""
        self.flush()
        self.holds.stop()
        end()
