"""Apple's feedback service: asks which tokens are gone, per domain, now and then.

What is read there is forgotten there, so whatever was read is handed over to be
persisted before anything else happens: while that fails reading pauses, and
what is in hand is offered again until it is taken.  Knows no logs and no
database, and does not judge tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from typing import Protocol as Port

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mcmtpush.apns.feedback import FeedbackReader, FeedbackRecord
from mcmtpush.config.views import Route
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.ports import Clock, Dice


if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from mcmtpush.counters import Counters


DEFAULT_PORT: Final = 2196

FIRST_SECONDS: Final = 60.0
"""The first poll is within this after the start, so that domains do not march."""

POLL_SECONDS: Final = 600.0
"""A poll takes no longer, time spent waiting for our own disk aside."""

FIRST_WAIT_SECONDS: Final = 60.0
LAST_WAIT_SECONDS: Final = 3600.0
"""After polls that failed; never more than the interval."""

PERSIST_SECONDS: Final = 1.0
"""Between two attempts to have something persisted."""

Report = Callable[[Sequence[FeedbackRecord]], str | None]
"""Persists these; None once they are, otherwise the reason they are not.

Behind a reason the same records are offered again, maybe with more behind them.
"""

_log = Logger()


class Phase(Enum):
    """What a poller is doing; each phase but `STOPPED` has the one timer running."""

    STOPPED = "stopped"
    WAITING = "waiting for the next poll"
    READING = "connecting or reading"
    HOLDING = "connected, not reading: what was read is not persisted"
    KEEPING = "not connected: what was read is not persisted"


class Event(Enum):
    """What happens to a poller."""

    START = "polls are wanted"
    POLL = "it is time to poll"
    REFUSED = "what was read could not be persisted"
    KEPT = "what was held is persisted"
    ENDED = "the connection is over, or there was none"
    STOP = "no more polls are wanted"


TRANSITIONS: Final[Mapping[tuple[Phase, Event], Phase]] = {
    (Phase.STOPPED, Event.START): Phase.WAITING,
    (Phase.WAITING, Event.POLL): Phase.READING,
    (Phase.READING, Event.REFUSED): Phase.HOLDING,
    (Phase.READING, Event.ENDED): Phase.WAITING,
    (Phase.HOLDING, Event.KEPT): Phase.READING,
    (Phase.HOLDING, Event.ENDED): Phase.KEEPING,
    (Phase.KEEPING, Event.KEPT): Phase.WAITING,
    **{(phase, Event.STOP): Phase.STOPPED for phase in Phase},
}
"""Whatever is absent here cannot happen."""


def wait_seconds(failures: int, interval_seconds: float, dice: Dice) -> float:
    """How long to wait after so many polls in a row that failed.

    60 s, doubling to an hour, never more than the interval; up to a quarter
    less by chance.
    """
    longest = FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16)
    return min(longest, LAST_WAIT_SECONDS, interval_seconds) * (1 - dice.random() / 4)


class Owner(Port):
    """What a connection tells whoever made it."""

    def received(
        self, connection: FeedbackConnection, records: list[FeedbackRecord]
    ) -> None:
        """These were read; never empty."""

    def ended(self, connection: FeedbackConnection, fault: str | None) -> None:
        """It is over: read to the end, or `fault` says why not."""


@implementer(IHandshakeListener)
class FeedbackConnection(Protocol):
    """Reads records until the service closes; writes nothing, never closes itself."""

    transport: Any

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._reader = FeedbackReader()
        self._opened = False
        self._aborted = False
        self._count = 0

    def connectionMade(self) -> None:
        """TCP is connected; a TLS handshake may be still to come."""
        if self._aborted:
            self.abort()
        elif not isinstance(self.transport, TLSMemoryBIOProtocol):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """From here on the service speaks, without being asked."""
        self._opened = True

    def dataReceived(self, data: bytes) -> None:
        """Pass on what became whole."""
        records = self._reader.feed(data)
        self._count += len(records)
        if records:
            self._owner.received(self, records)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end of the list, or of the attempt to read it."""
        self._owner.ended(self, self._fault(reason))

    def pause(self) -> None:
        """Read no more for now; what TLS has in hand may still come."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        self.transport.resumeProducing()

    def abort(self) -> None:
        """Drop the connection, made or not."""
        self._aborted = True
        if self.transport is not None:
            self.transport.abortConnection()

    def _fault(self, reason: Failure) -> str | None:
        text = reason.getErrorMessage()
        if not self._opened:
            return f"no TLS handshake ({text})"
        torn = self._reader.pending
        if torn:
            return f"cut off {torn} bytes into a record, which is dropped ({text})"
        # Not every server says goodbye in TLS; one that said nothing at all and
        # went without it may just as well have refused our certificate.
        read_to_the_end = (ConnectionDone, ConnectionLost) if self._count else ()
        return None if reason.check(ConnectionDone, *read_to_the_end) else text


@frozen
class Poll:
    """Whom a poller asks, how often, and what for.

    Attributes:
        domain: whose credentials are used; for the diagnostics.
        route: the service; without a port, Apple's.
        interval_seconds: from the end of one poll to the next; 0 for no polls.
        connect: makes the endpoint, with the domain's TLS settings; may raise
            `ConfigError`.
        report: what persists; called with one batch at a time, in order.
    """

    domain: str
    route: Route
    interval_seconds: float
    connect: Callable[[Route], IStreamClientEndpoint]
    report: Report


class LogReport:
    """A `Report` on a log that keeps what it could not write and wants no repeats.

    `write` and `flush` are as in `ports.Records`.  One for each poller.
    """

    def __init__(self, write: Report, flush: Callable[[], str | None]) -> None:
        self._write = write
        self._flush = flush
        self._kept = 0  # of the records offered last, with the log

    def __call__(self, records: Sequence[FeedbackRecord]) -> str | None:
        """See `Report`."""
        reason = self._flush() if self._kept else None
        if reason is not None:
            return reason
        fresh, self._kept = records[self._kept :], 0
        reason = self._write(fresh) if fresh else None
        if reason is not None:
            self._kept = len(records)
        return reason


class FeedbackPoller:
    """Polls for one domain, one poll at a time; see `TRANSITIONS` for its life.

    Attributes:
        phase: what it is doing.
        failures: polls in a row that failed.
    """

    def __init__(
        self, poll: Poll, *, clock: Clock, dice: Dice, counters: Counters
    ) -> None:
        self._poll = evolve(poll, route=_with_port(poll.route))
        self._clock = clock
        self._dice = dice
        self._counters = counters
        self._timer: IDelayedCall | None = None
        self._connection: FeedbackConnection | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._held: list[FeedbackRecord] = []
        self._count = 0  # persisted in this poll
        self._deadline = 0.0  # of this poll
        self._held_at = 0.0  # since when it does not count
        self._fault: str | None = None  # of this poll
        self.phase = Phase.STOPPED
        self.failures = 0

    def start(self) -> None:
        """Poll for the first time soon, then at every interval; once only."""
        interval_seconds = self._poll.interval_seconds
        if interval_seconds > 0:
            self._advance(Event.START)
            longest = min(FIRST_SECONDS, interval_seconds)
            self._start_timer(longest * self._dice.random(), self.poll)

    def stop(self) -> None:
        """No more polls; a running one is cut off.

        What it read and could not have persisted is offered one last time.
        """
        self._advance(Event.STOP)
        self._stop_timer()
        self._let_go()
        held, self._held = self._held, []
        reason = self._poll.report(held) if held else None
        if reason is not None:
            _log.error(
                "{count} tokens that the feedback service gave up for {domain} are "
                "lost, they could not be written: {reason}",
                count=len(held),
                domain=self._poll.domain,
                reason=reason,
            )

    def poll(self) -> None:
        """Poll now, unless a poll is under way or polls are not wanted."""
        if self.phase is not Phase.WAITING:
            return
        self._advance(Event.POLL)
        self._count, self._fault = 0, None
        self._deadline = self._clock.seconds() + POLL_SECONDS
        self._start_timer(POLL_SECONDS, self._time_out)
        self._counters.add("feedback.polls")
        connection = self._connection = FeedbackConnection(self)
        try:
            endpoint = self._poll.connect(self._poll.route)
        except ConfigError as error:
            self._end(error.message)
            return
        connecting = endpoint.connect(_OneFactory(connection))
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._refuse, (), {}, (connection,))

    # -- what the connection tells ------------------------------------------------

    def received(
        self, connection: FeedbackConnection, records: list[FeedbackRecord]
    ) -> None:
        """See `Owner`."""
        if connection is not self._connection:
            return
        self._held += [record for record in records if record.token]
        if self.phase is not Phase.READING or not self._held:
            return
        reason = self._persist()
        if reason is not None:
            _log.error(
                "tokens that the feedback service gave up for {domain} cannot be "
                "written, reading waits until they can: {reason}",
                domain=self._poll.domain,
                reason=reason,
            )
            self._hold()

    def ended(self, connection: FeedbackConnection, fault: str | None) -> None:
        """See `Owner`."""
        if connection is self._connection:
            self._end(fault)

    # -- inside -------------------------------------------------------------------

    def _end(self, fault: str | None) -> None:
        self._fault = fault
        self._connection = self._connecting = None
        self._advance(Event.ENDED)
        if self.phase is Phase.WAITING:
            self._finish()

    def _connected(self, _protocol: IProtocol) -> None:
        self._connecting = None

    def _refuse(self, failure: Failure, connection: FeedbackConnection) -> None:
        self.ended(connection, failure.getErrorMessage())

    def _time_out(self) -> None:
        self._timer = None
        self._let_go()
        self._end(f"not read to the end within {POLL_SECONDS:.0f} s")

    def _persist(self) -> str | None:
        """Have what is in hand written; it stays in hand until it is."""
        reason = self._poll.report(tuple(self._held))
        if reason is None:
            self._count += len(self._held)
            self._counters.add("feedback.tokens", len(self._held))
            self._held = []
        return reason

    def _hold(self) -> None:
        """The time until this is persisted does not count for the service."""
        self._advance(Event.REFUSED)
        self._held_at = self._clock.seconds()
        self._start_timer(PERSIST_SECONDS, self._offer)
        if self._connection is not None:
            self._connection.pause()

    def _offer(self) -> None:
        self._timer = None
        if self._persist() is not None:
            self._start_timer(PERSIST_SECONDS, self._offer)
            return
        self._advance(Event.KEPT)
        if self.phase is Phase.WAITING:
            self._finish()
        elif self._connection is not None:
            now = self._clock.seconds()
            self._deadline += now - self._held_at
            self._start_timer(self._deadline - now, self._time_out)
            self._connection.resume()

    def _finish(self) -> None:
        """Everything that was read is persisted: say so and wait."""
        seconds = self._poll.interval_seconds
        told = {"domain": self._poll.domain, "count": self._count}
        if self._fault is None:
            self.failures = 0
            _log.info("the feedback service gave up {count} of {domain}", **told)
        else:
            self.failures += 1
            self._counters.add("feedback.failures")
            seconds = wait_seconds(self.failures, seconds, self._dice)
            _log.warn(
                "the feedback service {host}:{port} could not be read for {domain} "
                "({count} tokens were): {reason}; next try in {seconds:.0f} s",
                host=self._poll.route.host,
                port=self._poll.route.port,
                reason=self._fault,
                seconds=seconds,
                **told,
            )
        self._start_timer(seconds, self.poll)

    def _advance(self, event: Event) -> None:
        phase = TRANSITIONS.get((self.phase, event))
        if phase is None:
            raise LocalProtocolError(
                f"{event.name} cannot come to a poller that is {self.phase.value}"
            )
        self.phase = phase

    def _let_go(self) -> None:
        """Cut the connection off, made or not; nothing is heard of it any more."""
        connection, self._connection = self._connection, None
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        if connection is not None:
            connection.abort()

    def _start_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._clock.callLater(seconds, call)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class _OneFactory(Factory):
    """Builds the one connection that is there already."""

    noisy = False

    def __init__(self, connection: FeedbackConnection) -> None:
        self._connection = connection

    def buildProtocol(self, _addr: IAddress | None) -> FeedbackConnection:
        """Twisted has a transport for it."""
        return self._connection


def _with_port(route: Route) -> Route:
    return route if route.port else evolve(route, port=DEFAULT_PORT)
