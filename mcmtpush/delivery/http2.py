"""One connection that speaks Apple's HTTP/2 interface: bytes, timers, its end.

What is said is `traffic`'s business.  Knows nothing of routes, of other connections
and of when to connect again.

A connection uses one credential for all its life: when its provider token gets old,
or its certificate is replaced, another connection takes over.  Apple counts the
tokens of a connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from mcmtpush.delivery.connection import Owner
from mcmtpush.delivery.desk import Desk
from mcmtpush.delivery.hangup import hung_up
from mcmtpush.delivery.link import CLOSE_SECONDS, Link
from mcmtpush.delivery.pulse import Pulse
from mcmtpush.delivery.standstill import Standstill
from mcmtpush.delivery.state import ENDING, State
from mcmtpush.delivery.topic import shown_topic
from mcmtpush.delivery.traffic import Traffic
from mcmtpush.delivery.voice import Voice
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.values import Attempt, Entry


if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from mcmtpush.config.views import DeliverySettings


TICK_SECONDS: Final = 1.0
"""How often deadlines are looked at."""

MARGIN_SECONDS: Final = 1.0
"""What finishing may take beyond the deadline of the last request."""

_PROTOCOL: Final = b"h2"


@implementer(IPushProducer, IHandshakeListener)
class Http2Connection(Link):
    """One connection, from `connectionMade` to `connectionLost`.

    Implements `connection.Connection`; `matured` means that its credential is old,
    or that the peer is going away.  `authority` is the host as requests name it.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        authority: bytes,
        settings: DeliverySettings,
        desk: Desk,
    ) -> None:
        super().__init__(desk.clock, State.OPENING)
        self._owner = owner
        self._authority = authority
        self._settings = settings
        self._desk = desk
        self._identity = desk.identity()
        self._traffic: Traffic | None = None
        self._pulse = Pulse(0.0)
        self._standstill = Standstill(settings.request_timeout_seconds)
        self._active_at = 0.0
        self._trouble = ""

    # -- what the owner asks ------------------------------------------------------

    @property
    def accepted(self) -> int:
        """How many notifications were answered 200."""
        return self._traffic.accepted if self._traffic else 0

    @property
    def answered(self) -> bool:
        """Whether an answer came that is about a message."""
        return self._traffic is not None and self._traffic.answered

    @property
    def trouble(self) -> str:
        """Why no other connection would fare better for now."""
        return self._trouble or (self._traffic.trouble if self._traffic else "")

    @property
    def farewell(self) -> str:
        """What the peer said that made this connection end."""
        return self._traffic.farewell if self._traffic else ""

    @property
    def unsettled(self) -> int:
        """How many it was given that are not settled."""
        return self._traffic.unsettled if self._traffic else 0

    @property
    def spent(self) -> bool:
        """Whether it sent as many as one connection may."""
        return self._traffic is not None and self._traffic.spent

    @property
    def room(self) -> int:
        """How many entries `attempt` may be given now."""
        if self._state is not State.OPEN or self._traffic is None or self._paused:
            return 0
        return self._traffic.room

    @property
    def crowded(self) -> bool:
        """Whether the peer's window holds back what it has streams for."""
        return self._traffic is not None and self._traffic.crowded

    def attempt(self, entries: Sequence[Entry]) -> None:
        """Check these and send them, in order; at most `room`, all resident."""
        if self._traffic is None:
            raise LocalProtocolError("entries came before the handshake was over")
        settled = self._traffic.attempt(entries)
        self._send()
        self._tell(settled)

    def finish(self) -> None:
        """Take no more, wait for the answers that are due (bounded), then close."""
        if self._state is State.OPENING:
            self.abort()
        elif self._state is State.OPEN and self._traffic is not None:
            self._state = State.FINISHING
            self._deadline = (
                self._clock.seconds()
                + self._settings.request_timeout_seconds
                + MARGIN_SECONDS
            )
            self._tell(self._traffic.give_back())
            self._close_when_done()

    # -- what Twisted tells -------------------------------------------------------

    def handshakeCompleted(self) -> None:
        """The peer may be written to: say what HTTP/2 begins with."""
        if self._state is not State.OPENING:
            return
        if getattr(self.transport, "negotiatedProtocol", _PROTOCOL) != _PROTOCOL:
            self._fail("it did not agree to speak HTTP/2 (ALPN)")
            return
        try:
            bearer = self._desk.bearer()
        except ConfigError as error:
            self._fail(error.message)
            return
        topic = shown_topic(self.transport) if bearer is None else None
        self._traffic = Traffic(
            self._authority, self._settings, self._desk, bearer, topic, self.remote_ip
        )
        self._traffic.hold(self._paused)
        self._flush()
        self._active_at = self._clock.seconds()
        self._pulse.hear(self._active_at)
        self._alarm.start(TICK_SECONDS, self._tick)

    def pauseProducing(self) -> None:
        """The transport has more than it can send."""
        self._hold(True)

    def resumeProducing(self) -> None:
        """The transport has handed everything to the operating system."""
        self._hold(False)
        if self._state is State.OPEN:
            self._go_on()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""

    def dataReceived(self, data: bytes) -> None:
        """Answers, and what HTTP/2 has to say."""
        traffic = self._traffic
        if traffic is None or self._state in ENDING:
            return
        before = traffic.answers + traffic.pongs
        settled = traffic.feed(data)
        answers = traffic.answers + traffic.pongs != before
        self._pulse.hear(self._clock.seconds(), answers=answers)
        self._flush()
        self._tell(settled)
        if traffic.broken is not None:
            self._mistrust(traffic.broken)
        elif self._state is State.OPENING:
            self._open_up(traffic)
        else:
            self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, expected or not."""
        self._state = State.LOST
        self._alarm.stop()
        if self._traffic is not None:
            self._tell(self._traffic.give_back())
            undecided = self._traffic.end()
            if undecided:
                Voice(self.remote_ip).closed(len(undecided), reason.getErrorMessage())
            self._tell(undecided)
        self._owner.ended(self, reason)

    # -- inside -------------------------------------------------------------------

    def _tell(self, settled: list[Attempt]) -> None:
        if settled:
            self._owner.settled(self, settled)

    def _hold(self, held: bool) -> None:
        self._paused = held
        if self._traffic is not None:
            self._traffic.hold(held)

    def _flush(self) -> None:
        data = self._traffic.output() if self._traffic is not None else b""
        if data:
            self.transport.write(data)  # type: ignore[union-attr]

    def _open_up(self, traffic: Traffic) -> None:
        """The first settings are here, or the peer goes away at once."""
        if traffic.leaving:
            self._fail(traffic.trouble or f"it goes away: {traffic.farewell}")
        elif traffic.ready:
            self._state = State.OPEN
            self._owner.connected(self)

    def _send(self) -> None:
        if self._traffic is None or self._paused:
            return
        now = self._clock.seconds()
        if self._traffic.send(now):
            self._active_at = now
            self._flush()

    def _go_on(self) -> None:
        """Something was heard, or there is room: what can be done now?"""
        traffic = self._traffic
        if self._state is State.OPEN and traffic is not None:
            if traffic.leaving:
                self._hand_over(traffic)
            else:
                self._send()
                if self.room:
                    self._owner.resumed(self)
        self._close_when_done()

    def _hand_over(self, traffic: Traffic) -> None:
        """Told every second until somebody else has taken over.

        One that was of no use at all just ends, lest it be replaced in a hurry.
        """
        self._tell(traffic.give_back())
        useless = not (traffic.accepted or traffic.answered or traffic.unsettled)
        if traffic.trouble or useless:
            self.finish()
        else:
            self._owner.matured(self)

    def _mistrust(self, error: Exception) -> None:
        """Drop a peer that breaks the rules; the messages are kept."""
        Voice(self.remote_ip).broke_rules(error)
        self._desk.counters.add("delivery.protocol_errors")
        self._fail(str(error))

    def _fail(self, why: str) -> None:
        self._trouble = why
        self.abort()

    def _close_when_done(self) -> None:
        if self._state is State.FINISHING and not self.unsettled:
            self._close()

    def _close(self) -> None:
        self._state = State.CLOSING
        self._deadline = self._clock.seconds() + CLOSE_SECONDS
        if self._traffic is not None:
            self._traffic.close()
            self._flush()
        self._leave()

    # -- time ---------------------------------------------------------------------

    def _tick(self) -> None:
        """Once a second, from the handshake to the end."""
        self._alarm.start(TICK_SECONDS, self._tick)
        now, traffic = self._clock.seconds(), self._traffic
        if now >= self._deadline or self._pulse.is_dead(now):
            self._give_up(now)
        elif self._state is not State.CLOSING and hung_up(self.transport):
            self.abort()
        elif self._state is not State.CLOSING and traffic is not None:
            late = traffic.late(now)
            if late or self._pulse.is_silent(now):
                self._ask(traffic, now)
            self._tell(late)
            if self._check_passage(traffic, now) or late:
                self._go_on()
            if self._state is State.OPEN:
                self._rest(traffic, now)

    def _check_passage(self, traffic: Traffic, now: float) -> bool:
        """Leave a peer that lets nothing through for long; whether there is to do."""
        blocked = self._state is State.OPEN and (self._paused or traffic.blocked)
        standstill = self._standstill
        if standstill.lasts(now, blocked=blocked, answers=traffic.answers):
            traffic.give_up(f"it took nothing for {standstill.seconds:g} s")
        self._tell(traffic.give_back())  # lest they wait while others have room
        return traffic.try_again() or traffic.leaving

    def _give_up(self, now: float) -> None:
        if now < self._deadline:
            Voice(self.remote_ip).dead()
            self._desk.counters.add("delivery.dead_connections")
        self.abort()

    def _ask(self, traffic: Traffic, now: float) -> None:
        if self._pulse.ask(now):
            traffic.ping()
        self._flush()

    def _rest(self, traffic: Traffic, now: float) -> None:
        """Hand over, or say that there is nothing to do."""
        idle_seconds = self._settings.http2_idle_seconds
        if traffic.old or self._desk.identity() != self._identity:
            self._owner.matured(self)
        elif traffic.unsettled:
            self._active_at = now
        elif idle_seconds and now >= self._active_at + idle_seconds:
            self._active_at = now
            self._owner.idled(self)
