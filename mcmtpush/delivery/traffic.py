"""The requests and answers of one HTTP/2 connection, without I/O.

Turns entries into requests, opens as many streams as the peer allows, and settles
each by its answer.  What Apple's words mean is said in `apns.answers`, what all
connections of a queue share is their desk.

Every message settles exactly once:

    200                                   accepted, proven
    an answer about the message           refused
    an answer about anything else         discarded: it was provably not processed
    REFUSED_STREAM, above a GOAWAY's last discarded
    no answer in time, another reset,
    the end of the connection             undecided, charged as an attempt
    the same, but not sent whole, or
    the peer took no credential of ours   discarded
    never sent                            discarded

Once an answer or a GOAWAY says that this connection is of no more use, nothing is
sent on it: it is `leaving`, and what is under way is awaited.  So it is when more than
one request timed out and nothing at all was answered since they were sent.  After a
refused stream nothing is sent until an answer comes, or `try_again`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final, cast

from attrs import evolve

from mcmtpush.apns.answers import (
    Meaning,
    Remedy,
    meaning_of,
    read_answer,
    read_goaway,
)
from mcmtpush.apns.requests import Request, build_request, repeated
from mcmtpush.apns.streams import Answered, Ponged, Streams, WasReset, WentAway
from mcmtpush.config.views import DeliverySettings
from mcmtpush.delivery.desk import Desk, told
from mcmtpush.delivery.ledger import Ledger
from mcmtpush.delivery.outcome import (
    DISCARDED,
    OK,
    outcome_of,
    unanswered,
    was_reset,
)
from mcmtpush.delivery.revision import note, revise_request
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError
from mcmtpush.values import Attempt, Entry, Native, Postponed, Refused


SILENT_LIMIT: Final = 2
"""So many requests in a row without an answer to any are not just one that got lost."""


class Traffic:
    """From the handshake to the end.

    `bearer` is the value of `authorization`, None without a provider token.  Whoever
    owns it writes `output()` after every call.

    Attributes:
        accepted: how many notifications were answered 200.
        answers: how many were answered at all.
        pongs: how often the peer said that it is there when it was asked.
        answered: an answer came that is about a message.
        leaving: nothing more is sent.
        farewell: what the peer said that ended it; empty while it goes on.
        trouble: what no other connection would fare better with.
        broken: what the peer did wrong.
    """

    def __init__(
        self,
        authority: bytes,
        settings: DeliverySettings,
        desk: Desk,
        bearer: bytes | None,
        topic: str | None,
        remote_ip: str,
    ) -> None:
        """`topic` is for messages for which neither they nor the domain say one."""
        self._settings = settings
        self._desk = desk
        self._defaults = desk.defaults
        if self._defaults.topic is None:
            self._defaults = evolve(desk.defaults, topic=topic)
        self._bearer = bearer
        self._remote_ip = remote_ip
        self._streams = Streams(
            authority,
            stream_limit=settings.unsettled_limit,
            careful=bearer is not None,
        )
        self._ledger = Ledger(settings.request_timeout_seconds)
        self._waiting: deque[tuple[Attempt, Request]] = deque()
        self._sent = 0
        self._refused = False  # a stream, and nothing was answered since
        self._began_at = desk.clock.seconds()
        self._answered_at = -inf
        self._silent = 0  # timed out, and nothing was answered since they were sent
        self._disowned = False  # said about all it was sent, not about one message
        self.accepted = 0
        self.answers = 0
        self.pongs = 0
        self.answered = False
        self.leaving = False
        self.farewell = ""
        self.trouble = ""
        self.broken: RemoteProtocolError | None = None
        self._streams.begin()

    # -- how it stands ------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the peer's settings are here."""
        return self._streams.ready

    @property
    def unsettled(self) -> int:
        """How many it was given that are not settled."""
        return len(self._ledger) + len(self._waiting)

    @property
    def spent(self) -> bool:
        """Whether it sent as many as one connection may."""
        limit = self._settings.max_deliveries_per_connection
        return 0 < limit <= self._sent

    @property
    def old(self) -> bool:
        """Whether another connection should take over: this one's token is old."""
        return self._desk.is_old(self._bearer)

    @property
    def room(self) -> int:
        """How many entries `attempt` may be given now."""
        if self._waiting or self.leaving or self._refused:
            return 0
        limit = self._settings.max_deliveries_per_connection
        room = self._streams.room
        if limit:
            room = max(0, min(room, limit - self._sent))
        return min(room, self._fitting)

    @property
    def _fitting(self) -> int:
        """How many payloads of the usual size the window takes; one must try it."""
        fitting = max(0, int(self._streams.window // self._desk.usual_size))
        return fitting or int(not len(self._ledger))

    @property
    def crowded(self) -> bool:
        """Whether the peer's window holds back what it has streams for."""
        return bool(self._waiting and self._streams.room)

    @property
    def blocked(self) -> bool:
        """Whether it takes nothing, and no request under way is the reason."""
        idle = not len(self._ledger)
        return not (self.leaving or self.room) and (bool(self._waiting) or idle)

    def output(self) -> bytes:
        """What is to be written now."""
        return self._streams.output()

    # -- out ----------------------------------------------------------------------

    def attempt(self, entries: Sequence[Entry]) -> list[Attempt]:
        """Check these and put them in line; those that will not be sent."""
        desk, now = self._desk, self._desk.now()
        evaluate = None if desk.hooks is None else desk.hooks.evaluate
        settled: list[Attempt] = []
        for entry in entries:
            push, message, draft = entry.push, entry.message, None
            if message is None:
                raise LocalProtocolError(f"row {entry.row} came without its message")
            request = build_request(
                push, message_id=message.id, now=now, defaults=self._defaults
            )
            if entry.attempts and not isinstance(request, Refused):
                request = repeated(request)
            if evaluate is not None and push is not None:
                request, draft = revise_request(
                    entry, request, evaluate, now=now, defaults=self._defaults
                )
                push = push if draft is None else draft.push
            if isinstance(request, Refused):
                settled.append(note(Attempt(entry, request), draft))
                desk.counters.add("delivery.unsent")
            elif seconds := desk.rest_seconds(push):
                settled.append(Attempt(entry, Postponed(seconds)))
            else:
                attempt = self._attempt_of(entry, request)
                if draft is not None:
                    note(attempt, draft)
                self._waiting.append((attempt, request))
        return settled

    def send(self, now: float) -> int:
        """Open streams for those in line, as far as the peer allows; how many."""
        streams, waiting, desk, count = self._streams, self._waiting, self._desk, 0
        if self._refused:
            return 0
        while waiting and streams.takes(len(waiting[0][1].body)):
            attempt, request = waiting.popleft()
            desk.usual_size += (len(request.body) - desk.usual_size) / 8
            stream = streams.open(request, attempt, self._bearer)
            self._ledger.add(stream, attempt, now)
            count += 1
        if count:
            self._sent += count
            self._desk.counters.add("delivery.written", count)
        if streams.over and not self.leaving:
            self.leaving, self.farewell = True, "no stream number is left"
        return count

    def try_again(self) -> bool:
        """A refused stream is some time ago; whether one was waited for."""
        was_refused, self._refused = self._refused, False
        return was_refused

    def give_up(self, why: str) -> None:
        """It is of no use, as another one by this way would be."""
        self.leaving = True
        self.trouble = self.trouble or why

    def ping(self) -> None:
        """Ask whether the peer is there."""
        self._streams.ping()

    def close(self) -> None:
        """Say goodbye."""
        self._streams.close()

    def _attempt_of(self, entry: Entry, request: Request) -> Attempt:
        size = len(request.body)
        return Attempt(entry, DISCARDED, request.apns_id, size, self._remote_ip)

    # -- in -----------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Whether what was output so far waits for the peer to read."""
        self._streams.hold(held)

    def feed(self, data: bytes) -> list[Attempt]:
        """What these bytes settle; `broken` is set when the peer broke the rules."""
        settled: list[Attempt] = []
        answers = self.answers
        try:
            for event in self._streams.feed(data):
                handle = _HANDLERS.get(type(event))
                if handle is not None:
                    handle(self, event, settled)
            self.broken = self._streams.broken
        except RemoteProtocolError as error:
            self.broken = error
        if self.answers != answers:
            self._answered_at, self._silent = self._desk.clock.seconds(), 0
        return settled

    def _ponged(self, _event: Ponged, _settled: list[Attempt]) -> None:
        self.pongs += 1

    def _answer(self, event: Answered, settled: list[Attempt]) -> None:
        attempt = cast(Attempt, event.tag)
        self._ledger.remove(event.stream_id)
        settled.append(attempt)
        self.answers += 1
        self._refused = False
        if event.status == OK:
            if not self.accepted:  # before tokens go wrong, not only when they did
                self._desk.note_date(self._bearer, event.headers)
            self.accepted += 1
            attempt.outcome = self._desk.accept()
            return
        native = read_answer(event.status, event.body)
        meaning = meaning_of(native)
        attempt.outcome = outcome_of(native, meaning, attempt.entry.attempts)
        push = attempt.push or attempt.entry.push
        calls = self._desk.heed(native, meaning, push, self._bearer, event.headers)
        if calls:
            self._leave(native, meaning, calls)
        else:
            self.answered = True

    def _reset(self, event: WasReset, settled: list[Attempt]) -> None:
        attempt = cast(Attempt, event.tag)
        self._ledger.remove(event.stream_id)
        attempt.outcome = was_reset(event.code)
        self._refused = self._refused or attempt.outcome is DISCARDED
        self._desk.counters.add("delivery.resets")
        settled.append(attempt)

    def _away(self, event: WentAway, settled: list[Attempt]) -> None:
        """It takes no more: what it will not look at goes elsewhere."""
        for tag in event.unprocessed:
            attempt = cast(Attempt, tag)
            attempt.outcome = DISCARDED
            settled.append(attempt)
        self._ledger.remove_all(event.unprocessed)
        native = read_goaway(event.code, event.debug)
        meaning = meaning_of(native)
        self._desk.counters.add("delivery.goaways")
        self._desk.heed(native, meaning, None, self._bearer, {})
        if not (meaning.charged or self.accepted):
            self._disowned = Remedy.PAUSE_LANE in meaning.remedies
        self._leave(native, meaning, meaning.remedies)

    def _leave(self, native: Native, meaning: Meaning, remedies: Remedy) -> None:
        """Send no more here; the first reason for it counts."""
        if not self.leaving:
            self.leaving, self.farewell = True, told(native)
            self.trouble = self._desk.trouble(native, meaning, remedies, self._began_at)

    # -- ends ---------------------------------------------------------------------

    def late(self, now: float) -> list[Attempt]:
        """Those that waited for their answer too long; their streams are cancelled."""
        oldest_at, seconds = self._ledger.oldest_at, self._ledger.timeout_seconds
        late = self._ledger.late(now)
        if late:
            self._desk.counters.add("delivery.timeouts", len(late))
            self._leave_open(late, seconds)
            self._silent += len(late) if self._answered_at < oldest_at else 0
            if self._silent >= SILENT_LIMIT and not self.leaving:
                self.give_up(f"it answered no request for {seconds:g} s")
        for stream_id, _ in late:
            self._streams.cancel(stream_id)
        return [attempt for _, attempt in late]

    def give_back(self) -> list[Attempt]:
        """Those in line, which are as good as never taken."""
        attempts = [attempt for attempt, _ in self._waiting]
        self._waiting.clear()
        return attempts

    def end(self) -> list[Attempt]:
        """The connection is gone: those of which nobody will ever know."""
        ended = self._ledger.clear()
        self._leave_open(ended)
        return [attempt for _, attempt in ended]

    def _leave_open(
        self, requests: Sequence[tuple[int, Attempt]], timeout: float | None = None
    ) -> None:
        """Nobody will ever know, but of what was not sent whole."""
        undecided = unanswered(timeout)
        for stream_id, attempt in requests:
            whole = self._streams.is_whole(stream_id)
            known = self._disowned or not whole
            attempt.outcome = DISCARDED if known else undecided
            self._desk.counters.add("delivery.undecided", not known)
            if not whole and timeout is not None:
                self.give_up(f"its window stayed shut for {timeout:g} s")


_HANDLERS: Final[Mapping[type, Callable[[Traffic, Any, list[Attempt]], None]]] = {
    Answered: Traffic._answer,  # noqa: SLF001 - a table of this very class
    WasReset: Traffic._reset,  # noqa: SLF001
    WentAway: Traffic._away,  # noqa: SLF001
    Ponged: Traffic._ponged,  # noqa: SLF001
}
