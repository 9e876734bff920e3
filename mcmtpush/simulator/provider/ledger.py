"""What becomes of the requests of one connection, and what the journal is told.

A request that is judged waits here until it is answered, and only then is told
of: a GOAWAY may come before its answer.
"""

from __future__ import annotations

from typing import NamedTuple

from mcmtpush.ports import Now
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.answer import Names
from mcmtpush.simulator.provider.line import RequestLine, make_line
from mcmtpush.simulator.provider.request import Place, Request
from mcmtpush.simulator.provider.trust import Trust
from mcmtpush.simulator.provider.verdict import Judgement
from mcmtpush.simulator.verdict import Verdict


class Pending(NamedTuple):
    """A request that is judged and not yet told of."""

    request: Request
    judgement: Judgement


class Ledger:
    """The requests of one connection.

    Attributes:
        number: of the connection.
        settled: the highest stream that was taken, and told of.
    """

    def __init__(
        self, number: int, journal: Journal, now: Now, trust: Trust, names: Names
    ) -> None:
        self.number = number
        self.settled = 0
        self._journal = journal
        self._now = now
        self._trust = trust
        self._names = names
        self._pending: dict[int, Pending] = {}
        self._lines: list[RequestLine] = []

    @property
    def open(self) -> list[int]:
        """The streams that wait for their answers."""
        return list(self._pending)

    def add(self, request: Request, judgement: Judgement) -> None:
        """This one will be answered."""
        self._pending[request.stream] = Pending(request, judgement)

    def settle(self, stream: int, *, answered: bool) -> Pending | None:
        """It is answered, or never will be; None if that was so already."""
        pending = self._pending.pop(stream, None)
        if pending is not None:
            self.note(*pending, answered=answered)
        return pending

    def drop_above(self, last: int, why: Judgement) -> None:
        """Those above have not been taken after all."""
        for stream in self.open:
            if stream > last:
                self.note(self._pending.pop(stream).request, why)

    def note(
        self, request: Request, judgement: Judgement, *, answered: bool = False
    ) -> None:
        """A line for the journal."""
        device = request.place is Place.DEVICE
        name = request.headers.get("apns-id" if device else "apns-request-id")
        if answered and device:
            name = self._names.name_of(request)
        line = make_line(
            self._now(),
            self.number,
            request,
            judgement,
            self._trust,
            name,
            answered=answered,
        )
        self._lines.append(line)
        if judgement.verdict is not Verdict.DISCARDED:
            self.settled = max(self.settled, request.stream)

    def write(self) -> None:
        """All lines that there are, to the journal."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._journal.put(lines)

    def close(self) -> None:
        """The connection is gone, and with it all answers."""
        for stream in self.open:
            self.settle(stream, answered=False)
        self.write()
