"""Apple's feedback service: asks which tokens are gone, per domain, now and then.

What is read there is forgotten there, so whatever was read is handed over to be
persisted before anything else happens: while that fails reading pauses, and
what is in hand is offered again until it is taken.  Knows no logs and no
database, and does not judge tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
)
from twisted.logger import Logger

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.config.views import Route
from mcmtpush.delivery.feedback import FeedbackConnection, FeedbackFactory
from mcmtpush.delivery.poll import (
    FIRST_SECONDS,
    PERSIST_SECONDS,
    POLL_SECONDS,
    TRANSITIONS,
    Event,
    Phase,
    Poll,
    wait_seconds,
)
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.ports import Clock, Dice


if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from mcmtpush.counters import Counters


DEFAULT_PORT: Final = 2196

_log = Logger()


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
        connecting = endpoint.connect(FeedbackFactory(connection))
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


def _with_port(route: Route) -> Route:
    return route if route.port else evolve(route, port=DEFAULT_PORT)
