"""One connection that speaks Apple's binary interface.

Turns entries into frames, keeps them in a window until an answer, silence or
the end settles them, and tells its owner.  Knows nothing of routes, of other
connections and of when to connect again.

All frames of a batch go into one write.  From the first byte of an answer on
nothing more is written, not even what the transport still holds.  A transport
that takes no bytes for a while is not silent but stalled: that time counts for
nobody.

A connection that is to be closed asks for proof first: it writes a frame known
to be bad (the flush), whose refusal proves that all before it was processed.
While that is awaited, silence counts for nobody; when no answer comes, it counts
as ever.  With a gateway that did not answer the last time, everything is first
left to be settled by silence, so that nothing is at stake when it is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mcmtpush.apns.frames import ErrorPacket, ErrorReader, encode_known_bad
from mcmtpush.apns.reasons import status_text
from mcmtpush.apns.window import Window
from mcmtpush.delivery.batch import encode_batch
from mcmtpush.delivery.connection import Owner
from mcmtpush.delivery.hangup import hung_up
from mcmtpush.delivery.lastread import read_before_loss
from mcmtpush.delivery.pace import Pace
from mcmtpush.delivery.proof import Manners, count_answer
from mcmtpush.errors import RemoteProtocolError
from mcmtpush.ports import Clock, Hooks, Now
from mcmtpush.values import Attempt, Entry


if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from mcmtpush.config.views import DeliverySettings
    from mcmtpush.counters import Counters


STALL_SECONDS: Final = 1.0
"""A transport that takes nothing for longer is stalled rather than slow."""

STALL_LIMIT_SECONDS: Final = 60.0
"""A peer that reads nothing for so long is given up."""

ANSWER_SECONDS: Final = 5.0
"""An answer that began must be whole by then."""

MARGIN_SECONDS: Final = 1.0
"""What finishing may take beyond the response window."""

MATURED_SECONDS: Final = 1.0
"""How often an owner is told that proof is due."""

CLOSE_SECONDS: Final = 2.0
"""How long the peer may take to close with us."""

MAX_GRANULARITY_SECONDS: Final = 0.25

KEPT_COUNT: Final = 512
"""Unsettled notifications that keep their payload in memory, 1 MB at most.

What a refusal throws away is mostly among the first of a connection; it can be
sent again at once, without a way to the disk.
"""

_log = Logger()


class _State(Enum):
    OPEN = "takes notifications"
    ANSWERING = "the first bytes of an answer are here"
    FINISHING = "waits for its window"
    FLUSHING = "waits for the answer to a frame known to be bad"
    CLOSING = "waits for the peer"
    LOST = "gone"


_LISTENING: Final = frozenset({_State.OPEN, _State.FINISHING})
"""Where silence counts."""


@implementer(IPushProducer, IHandshakeListener)
class BinaryConnection(Protocol):
    """One connection to a gateway, from `connectionMade` to `connectionLost`.

    Implements `connection.Connection`; `matured` means that proof is due.
    `manners` is shared by all connections of a queue, `hooks` by all queues; `start`
    is what it may carry at first, see `pace`, 0 means no limit.

    Attributes:
        remote_ip: the gateway's address; empty before there is one.
        answered: an answer has come that was not about the flush.
    """

    trouble = ""
    farewell = ""
    crowded = False

    def __init__(
        self,
        owner: Owner,
        *,
        settings: DeliverySettings,
        clock: Clock,
        now: Now,
        counters: Counters,
        manners: Manners | None = None,
        start: int = 0,
        hooks: Hooks | None = None,
    ) -> None:
        self._owner = owner
        self._settings = settings
        self._clock = clock
        self._now = now
        self._counters = counters
        self._manners = Manners() if manners is None else manners
        self._hooks = hooks
        timeout_seconds = settings.response_timeout_seconds
        self._window = Window(
            response_timeout_seconds=timeout_seconds,
            max_count=settings.unsettled_limit,
            max_bytes=settings.unsettled_bytes,
        )
        self._granularity = min(MAX_GRANULARITY_SECONDS, timeout_seconds / 20)
        self._pace = Pace(start)
        self._reader = ErrorReader()
        self._state = _State.OPEN
        self._timer: IDelayedCall | None = None
        self._deadline = inf  # of the present state
        self._proof_at = inf  # when proof is due, or the owner is told again
        self._active_at = 0.0
        self._paused_at: float | None = None
        self._stalled_seconds = 0.0
        self.remote_ip = ""
        self.answered = False

    # -- what the owner asks ------------------------------------------------------

    @property
    def accepted(self) -> int:
        """How many the gateway took, presumed or proven."""
        return self._window.accepted

    @property
    def unsettled(self) -> int:
        """How many are written and not settled."""
        return len(self._window)

    @property
    def spent(self) -> bool:
        """Whether it wrote as many as one connection may."""
        limit = self._settings.max_deliveries_per_connection
        return 0 < limit <= self._window.written

    @property
    def room(self) -> int:
        """How many entries `attempt` may be given now."""
        if self._state is not _State.OPEN or self._paused_at is not None:
            return 0
        written = self._window.written
        room = min(self._window.room, self._pace.room(written))
        limit = self._settings.max_deliveries_per_connection
        return max(0, min(room, limit - written)) if limit else room

    def attempt(self, entries: Sequence[Entry]) -> None:
        """Check these and write them, in order; at most `room`, all resident.

        What the check refuses is settled at once and never written.  Of payloads
        that were written a few are kept; after a `Discarded` the others are on the
        disk.
        """
        batch = encode_batch(
            entries,
            identifier=self._window.next_identifier,
            expires_at=int(self._now()) + self._settings.apn_expiry_seconds,
            remote_ip=self.remote_ip,
            keep=max(0, KEPT_COUNT - len(self._window)),
            evaluate=None if self._hooks is None else self._hooks.evaluate,
        )
        if batch.written:
            self._write(batch.data, batch.written)
        if batch.refused:
            self._counters.add("delivery.unsent", len(batch.refused))
            self._owner.settled(self, batch.refused)

    def finish(self) -> None:
        """Take no more, ask for proof, wait for the window (bounded), then close."""
        if self._state is not _State.OPEN:
            return
        self._enter(
            _State.FINISHING, self._settings.response_timeout_seconds + MARGIN_SECONDS
        )
        if self._manners.answers or not self._window:
            self._conclude()

    def abort(self) -> None:
        """Drop the connection; what is unsettled will be undecided."""
        if self._state is _State.LOST:
            return
        self._state = _State.CLOSING
        self._deadline = inf
        self._stop_timer()
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- what Twisted tells -------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is connected; a TLS handshake may be still to come."""
        if self._state is not _State.OPEN:
            self.abort()
            return
        transport: Any = self.transport
        self.remote_ip = getattr(transport.getPeer(), "host", "")
        for option in ("setTcpNoDelay", "setTcpKeepAlive"):
            if hasattr(transport, option):
                getattr(transport, option)(1)
        read_before_loss(self._tcp())
        transport.registerProducer(self, True)
        if not isinstance(transport, TLSMemoryBIOProtocol):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """The gateway may be written to."""
        if self._state is _State.OPEN:
            self._active_at = self._clock.seconds()
            self._schedule()
            self._owner.connected(self)

    def pauseProducing(self) -> None:
        """The transport has more than it can send."""
        if self._paused_at is None:
            self._paused_at = self._clock.seconds()
            if self._window:
                self._schedule()

    def resumeProducing(self) -> None:
        """The transport has handed everything to the operating system."""
        if self._paused_at is None:
            return
        paused_seconds = self._clock.seconds() - self._paused_at
        self._paused_at = None
        if paused_seconds > STALL_SECONDS:
            self._stalled_seconds += paused_seconds
        if self._state is _State.OPEN:
            self._owner.resumed(self)

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""

    def dataReceived(self, data: bytes) -> None:
        """The gateway objects; nothing else is ever said."""
        if self._state in (_State.CLOSING, _State.LOST):
            return
        try:
            packet = self._reader.feed(data)
        except RemoteProtocolError as error:
            _log.warn(
                "{peer}: {error}; disconnecting", peer=self.remote_ip, error=error
            )
            self._counters.add("delivery.protocol_errors")
            self.abort()
            return
        if packet is not None:
            self._answer(packet)
        elif self._state is not _State.ANSWERING:
            self._enter(_State.ANSWERING, ANSWER_SECONDS)
            self._stop_writing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, expected or not."""
        self._state = _State.LOST
        self._stop_timer()
        window = self._window
        if window.flush_identifier is not None and not window.over:
            self._miss_answer()
        undecided = window.end()
        if undecided:
            _log.info(
                "{peer} closed without an answer, {count} undecided: {reason}",
                peer=self.remote_ip,
                count=len(undecided),
                reason=reason.getErrorMessage(),
            )
            self._counters.add("delivery.undecided", len(undecided))
            self._owner.settled(self, undecided)
        self._owner.ended(self, reason)

    # -- inside -------------------------------------------------------------------

    def _write(self, data: bytes, attempts: list[Attempt]) -> None:
        self._active_at = self._clock.seconds()
        scheduled = bool(self._window)
        if self._proof_at == inf and self._settings.flush_interval_seconds:
            self._proof_at = self._active_at + self._settings.flush_interval_seconds
        self._window.add(attempts, self._active_at - self._stalled_seconds)
        self._pace.note(self._window.written, self._active_at)
        if not scheduled or self._pace.grows_at < inf:
            self._schedule()
        self._counters.add("delivery.written", len(attempts))
        self.transport.write(data)  # type: ignore[union-attr]

    def _answer(self, packet: ErrorPacket) -> None:
        window = self._window
        presumed = window.accepted
        settled = window.answer(packet.status, packet.identifier)
        self.answered = not window.flushed
        count_answer(self._counters, window, presumed)
        self._report(packet)
        if settled:
            self._owner.settled(self, settled)
        if window.flushed:
            self._manners.answers = True
            self._close()
        else:
            self.abort()

    def _report(self, packet: ErrorPacket) -> None:
        """Tell operators of answers that show something to be wrong."""
        told = {
            "peer": self.remote_ip,
            "status": packet.status,
            "identifier": packet.identifier,
            "text": status_text(packet.status),
        }
        if self._window.late or self._window.lost:
            _log.warn(
                "{peer} answered {status} ({text}) when {late} refused and {lost} "
                "discarded notifications were already presumed to be accepted; "
                "delivery_response_timeout is too short",
                late=self._window.late,
                lost=self._window.lost,
                **told,
            )
        elif self._window.undecided:
            _log.warn(
                "{peer} answered {status} ({text}) for {identifier}, which was never "
                "written there; {count} are undecided",
                count=self._window.undecided,
                **told,
            )

    def _conclude(self) -> None:
        """Ask for proof where some is missing; else close once all is settled."""
        if self._settings.flush_interval_seconds and self._window.unproven:
            self._state = _State.FLUSHING
            self._counters.add("delivery.flushes")
            transport: Any = self.transport
            transport.write(encode_known_bad(self._window.flush()))
            self._schedule()
        elif not self._window:
            self._close()

    def _miss_answer(self) -> None:
        """The flush was written for nothing."""
        self._counters.add("delivery.flush_unanswered")
        if self._manners.answers:
            self._manners.answers = False
            _log.warn(
                "{peer} did not answer a notification known to be bad; what it took "
                "is not proven. If it never answers, set apn_flush_interval to 0",
                peer=self.remote_ip,
            )

    def _stop_writing(self) -> None:
        """Whatever the transport still holds would be written in vain."""
        tcp = self._tcp()
        if hasattr(tcp, "stopWriting"):
            tcp.stopWriting()

    def _tcp(self) -> Any:
        transport: Any = self.transport
        while isinstance(transport, TLSMemoryBIOProtocol):
            transport = transport.transport
        return transport

    def _close(self) -> None:
        self._enter(_State.CLOSING, CLOSE_SECONDS)
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()

    def _enter(self, state: _State, seconds: float) -> None:
        self._state = state
        self._deadline = self._clock.seconds() + seconds
        self._schedule()

    def _schedule(self) -> None:
        """See that the one timer goes off when the next thing is due."""
        now = self._clock.seconds()
        due_at = self._due_at(now)
        if due_at == inf:
            return
        if self._timer is not None:
            if self._timer.getTime() <= due_at:
                return
            # Moving it would have the reactor look for it among all there are.
            self._timer.cancel()
        self._timer = self._clock.callLater(max(0.0, due_at - now), self._tick)

    def _due_at(self, now: float) -> float:
        due_at = min(self._deadline, self._pace.grows_at)
        silent_at = self._window.silent_at
        if self._state is _State.OPEN:
            due_at = min(due_at, self._proof_at)
        if self._watches_for_the_end:
            due_at = min(due_at, now + STALL_SECONDS)
        if self._state not in _LISTENING:
            return due_at
        if silent_at is not None:
            silent_at += self._stalled_seconds
            return min(due_at, max(silent_at, now + self._granularity))
        idle_seconds = self._settings.idle_timeout_seconds
        if self._state is _State.OPEN and idle_seconds:
            return min(due_at, self._active_at + idle_seconds)
        return due_at

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if now >= self._deadline or self._paused_seconds(now) > STALL_LIMIT_SECONDS:
            self._give_up(now)
            return
        if self._watches_for_the_end and hung_up(self.transport):
            self.abort()
            return
        if self._state in _LISTENING:
            self._settle_silence(now)
            if not self._window:
                self._rest(now)
        if self._pace.grow(now) and self._state is _State.OPEN:
            self._owner.resumed(self)
        if self._state is _State.OPEN and now >= self._proof_at:
            self._proof_at = now + MATURED_SECONDS
            if self._paused_at is None:
                self._owner.matured(self)
        self._schedule()

    @property
    def _watches_for_the_end(self) -> bool:
        """Whether Twisted would not tell that the gateway ended TLS."""
        return self._paused_at is not None and self._state is not _State.CLOSING

    def _give_up(self, now: float) -> None:
        """Too late for this state; after a flush silence counts once more."""
        if self._state is _State.FLUSHING:
            self._settle_silence(now)
            if not self._window:
                self._close()
                return
        self.abort()

    def _settle_silence(self, now: float) -> None:
        if self._paused_seconds(now) > STALL_SECONDS:
            return
        settled = self._window.silence(now - self._stalled_seconds)
        if settled:
            self._counters.add("delivery.presumed", len(settled))
            self._owner.settled(self, settled)

    def _rest(self, now: float) -> None:
        """Nothing is unsettled: close if that was waited for, or say so."""
        idle_seconds = self._settings.idle_timeout_seconds
        if self._state is _State.FINISHING:
            self._conclude()
        elif idle_seconds and now >= self._active_at + idle_seconds:
            self._active_at = now
            self._owner.idled(self)

    def _paused_seconds(self, now: float) -> float:
        return 0.0 if self._paused_at is None else now - self._paused_at
