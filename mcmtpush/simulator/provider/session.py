"""One client of the HTTP/2 half: judges, notes, answers, and carries rules out.

Knows no transport but through `Outlet`, and no time but through `Clock`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from h2.errors import ErrorCodes

from mcmtpush.simulator.occasion import ConnectionOccasions
from mcmtpush.simulator.provider.answer import (
    Headers,
    Names,
    answer_body,
    answer_headers,
    cut_body,
)
from mcmtpush.simulator.provider.goodbye import Goodbye
from mcmtpush.simulator.provider.hold import Holds
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.ledger import Ledger
from mcmtpush.simulator.provider.output import Output
from mcmtpush.simulator.provider.request import Request
from mcmtpush.simulator.provider.server import Outlet, Server
from mcmtpush.simulator.provider.streams import (
    Arrival,
    Cancelled,
    Streams,
    Violated,
)
from mcmtpush.simulator.provider.trust import Trust
from mcmtpush.simulator.provider.verdict import (
    HELD,
    TOO_MANY,
    Judge,
    Judgement,
)
from mcmtpush.simulator.script import Action, Answer, Rule
from mcmtpush.simulator.verdict import Verdict


class Session:
    """One connection, from its handshake on.

    Attributes:
        number: of the connection, from 1.
        trust: what the client has shown.
    """

    def __init__(
        self,
        server: Server,
        occasions: ConnectionOccasions,
        identity: Identity | None,
        outlet: Outlet,
    ) -> None:
        script = server.script
        http2 = script.http2
        self.number = occasions.number
        self._server = server
        self._outlet = outlet
        self.trust = Trust(server.keyring, identity, server.terms)
        self._judge = Judge(script, occasions, self.trust, server.channels)
        self._names = Names(occasions.salt)
        first = http2.first_streams if identity is None else http2.streams
        self._streams = Streams(http2, first)
        self._holds = Holds(server.clock)
        self._ledger = Ledger(
            self.number, server.journal, server.now, self.trust, self._names
        )
        self._held: list[Arrival] = []
        self._stalled = False
        self._output = Output(self._ledger, self._streams, self._holds, outlet)
        self._goodbye = Goodbye(self._output, script.linger_seconds)

    # -- what the transport tells --

    def open(self) -> None:
        """The handshake is done."""
        delay = self._server.script.http2.settings_delay_seconds
        self._output.hold(Answer(delay_seconds=delay), self._begin)
        self._output.flush()

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        arrivals = self._streams.feed(data)
        if self._stalled:
            self._held += arrivals
        else:
            self._take(arrivals)
        self._output.flush()
        if self._streams.over:
            self._output.end(self._outlet.close)

    def close(self) -> None:
        """The connection is gone: note what was not told of yet."""
        self._holds.stop()
        held, self._held = self._held, []
        for arrival in held:
            if isinstance(arrival, Request):
                self._ledger.note(arrival, HELD)
        self._ledger.close()

    # -- requests --

    def _begin(self) -> None:
        self._streams.begin()
        rule = self._judge.open()
        if rule is not None:
            self._follow(rule, 0)

    def _take(self, arrivals: list[Arrival]) -> None:
        for at, arrival in enumerate(arrivals):
            if self._stalled:
                self._held += arrivals[at:]
                return
            if isinstance(arrival, Request):
                self._take_request(arrival)
            elif isinstance(arrival, Cancelled):
                self._ledger.settle(arrival.stream, answered=False)
            else:
                self._take_violation(arrival)

    def _take_request(self, request: Request) -> None:
        if request.stream > self._goodbye.last:
            self._ledger.note(request, self._goodbye.above)
            self._holds.count()
            return
        self._holds.count()
        judgement = self._judge.judge(request, self._server.now())
        if judgement.status:
            self._ledger.add(request, judgement)
            latency = self._server.script.http2.latency_seconds
            answer = judgement.answer
            self._output.hold(answer, lambda: self._answer(request.stream), latency)
        else:
            self._ledger.note(request, judgement)
        if judgement.rule is not None:
            self._follow(judgement.rule, request.stream)

    def _take_violation(self, violated: Violated) -> None:
        request = violated.request
        if request.stream > self._goodbye.last:
            self._ledger.note(request, self._goodbye.above)
            return
        self._ledger.note(request, TOO_MANY)
        if self._server.script.http2.violation == "goaway":
            self._goodbye.punish()
        else:
            self._streams.reset(request.stream, ErrorCodes.REFUSED_STREAM)

    # -- answers --

    def _answer(self, stream: int) -> None:
        pending = self._ledger.settle(stream, answered=True)
        if pending is None:
            return
        request, judgement = pending
        body = answer_body(judgement, self._server.now())
        answer = judgement.answer
        headers = self._headers(request, judgement)
        if not body and not answer.split:
            self._streams.answer(stream, headers, end=not answer.unfinished)
        else:
            self._streams.answer(stream, headers, end=False)
            self._send(stream, cut_body(body, answer.split), answer)
        self._adjust_limit(judgement)
        self._goodbye.end_if_idle()

    def _adjust_limit(self, judgement: Judgement) -> None:
        limit = self._streams.limit
        if judgement.verdict is Verdict.ACCEPTED:
            self._streams.tell_limit(limit.after_success())
        elif 400 <= judgement.status < 500 and judgement.status != 410:
            self._streams.tell_limit(limit.after_error())

    def _headers(self, request: Request, judgement: Judgement) -> Headers:
        names, server = self._names, self._server
        development = server.terms.environment == "development"
        return answer_headers(
            request,
            judgement,
            names.name_of(request),
            names.unique_name(request) if development else None,
            server.dates.at(server.now()),
        )

    def _send(self, stream: int, pieces: list[bytes], answer: Answer) -> None:
        """One DATA frame, and the others a gap later each."""
        piece, *rest = pieces
        self._streams.send(stream, piece, not rest and not answer.unfinished)
        if rest:
            gap = Answer(delay_seconds=answer.gap_seconds)
            self._output.hold(gap, lambda: self._send(stream, rest, answer))

    # -- what follows --

    def _follow(self, rule: Rule, stream: int) -> None:
        """Carry out what a rule wants of the connection; most want nothing."""
        do = self._DOES.get(rule.action)
        if do is not None:
            do(self, rule, stream)

    def _reset_stream(self, rule: Rule, stream: int) -> None:
        code = ErrorCodes.REFUSED_STREAM if rule.code is None else rule.code
        self._streams.reset(stream, code)

    def _stall(self, rule: Rule, _stream: int) -> None:
        self._stalled = True
        self._outlet.pause()
        self._output.hold(Answer(delay_seconds=rule.seconds), self._read_on)

    def _read_on(self) -> None:
        self._stalled = False
        held, self._held = self._held, []
        self._take(held)
        if not self._stalled:
            self._outlet.resume()

    def _limit(self, rule: Rule, _stream: int) -> None:
        limit = self._streams.limit
        limit.full = rule.streams
        self._streams.tell_limit(limit.tell(rule.streams))

    def _withhold(self, rule: Rule, _stream: int) -> None:
        self._streams.withhold()
        self._output.hold(Answer(delay_seconds=rule.seconds), self._streams.release)

    def _write(self, rule: Rule, _stream: int) -> None:
        self._output.hold(rule.answer, lambda: self._streams.write(rule.data))

    _DOES: ClassVar[dict[Action, Callable[[Session, Rule, int], None]]] = {
        Action.SHUTDOWN: lambda self, *which: self._goodbye.shut_down(*which),
        Action.CLOSE: lambda self, *which: self._goodbye.close(*which),
        Action.RESET: lambda self, *which: self._goodbye.reset(*which),
        Action.RESET_STREAM: _reset_stream,
        Action.STALL: _stall,
        Action.LIMIT: _limit,
        Action.WITHHOLD: _withhold,
        Action.WRITE: _write,
    }
    """The actions that concern more than one answer."""
