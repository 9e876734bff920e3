"""One connection that speaks Apple's binary interface.

Turns entries into frames, keeps them in a window until an answer, silence or
the end settles them, and tells its owner.  Knows nothing of routes, of other
connections and of when to connect again.

All frames of a batch go into one write.  From the first byte of an answer on
nothing more is written, not even what the transport still holds.

A connection that is to be closed asks for proof first: it writes a frame known
to be bad (the flush), whose refusal proves that all before it was processed.
While that is awaited, silence counts for nobody; when no answer comes, it counts
as ever.  With a gateway that did not answer the last time, everything is first
left to be settled by silence, so that nothing is at stake when it is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from mcmtpush.apns.frames import ErrorPacket, ErrorReader
from mcmtpush.apns.window import Window
from mcmtpush.delivery.batch import encode_batch
from mcmtpush.delivery.connection import Owner
from mcmtpush.delivery.hangup import hung_up
from mcmtpush.delivery.lastread import read_before_loss
from mcmtpush.delivery.link import CLOSE_SECONDS, Link, below_tls, stop_writing
from mcmtpush.delivery.pace import Pace
from mcmtpush.delivery.proof import Manners
from mcmtpush.delivery.settlement import Settlement
from mcmtpush.delivery.silence import STALL_LIMIT_SECONDS, Silence, granularity_of
from mcmtpush.delivery.state import ENDING, LISTENING, State
from mcmtpush.delivery.timetable import Timetable
from mcmtpush.delivery.voice import Voice, misnamed
from mcmtpush.errors import RemoteProtocolError
from mcmtpush.ports import Clock, Hooks, Now
from mcmtpush.values import Attempt, Entry


if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from mcmtpush.config.views import DeliverySettings
    from mcmtpush.counters import Counters


ANSWER_SECONDS: Final = 5.0
"""An answer that began must be whole by then."""

MARGIN_SECONDS: Final = 1.0
"""What finishing may take beyond the response window."""

KEPT_COUNT: Final = 512
"""Unsettled notifications that keep their payload in memory, 1 MB at most.

What a refusal throws away is mostly among the first of a connection; it can be
sent again at once, without a way to the disk.
"""


@implementer(IPushProducer, IHandshakeListener)
class BinaryConnection(Link):
    """One connection to a gateway, from `connectionMade` to `connectionLost`.

    Implements `connection.Connection`; `matured` means that proof is due.
    `manners` is shared by all connections of a queue, `hooks` by all queues; `start`
    is what it may carry at first, see `pace`, 0 means no limit.

    Attributes:
        answered: an answer has come that was about a notification, not the flush.
        farewell: why it is no good, where the end itself does not tell.
    """

    trouble = ""
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
        super().__init__(clock, State.OPEN)
        self._owner = owner
        self._settings = settings
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
        self._silence = Silence(self._window, granularity_of(timeout_seconds))
        self._settlement = Settlement(
            self._window, self._silence, counters, self._manners
        )
        self._pace = Pace(start)
        self._times = Timetable(
            self._silence,
            self._pace,
            settings.idle_timeout_seconds,
            settings.flush_interval_seconds,
        )
        self._reader = ErrorReader()
        self.answered = False
        self.farewell = ""

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
        if self._state is not State.OPEN or self._paused:
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
        if self._state is not State.OPEN:
            return
        self._enter(
            State.FINISHING, self._settings.response_timeout_seconds + MARGIN_SECONDS
        )
        if self._manners.answers or not self._window:
            self._conclude()

    # -- what Twisted tells -------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is connected; a TLS handshake may be still to come."""
        if self._state is State.OPEN:
            read_before_loss(below_tls(self.transport))
        super().connectionMade()

    def handshakeCompleted(self) -> None:
        """The gateway may be written to."""
        if self._state is State.OPEN:
            self._times.active_at = self._clock.seconds()
            self._schedule()
            self._owner.connected(self)

    def pauseProducing(self) -> None:
        """The transport has more than it can send."""
        if not self._paused:
            self._paused = True
            self._silence.pause(self._clock.seconds())
            if self._window:
                self._schedule()

    def resumeProducing(self) -> None:
        """The transport has handed everything to the operating system."""
        if not self._paused:
            return
        self._paused = False
        self._silence.resume(self._clock.seconds())
        if self._state is State.OPEN:
            self._owner.resumed(self)

    def dataReceived(self, data: bytes) -> None:
        """The gateway objects; nothing else is ever said."""
        if self._state in ENDING:
            return
        try:
            packet = self._reader.feed(data)
        except RemoteProtocolError as error:
            Voice(self.remote_ip).broke_rules(error)
            self._counters.add("delivery.protocol_errors")
            self._hang_up(str(error))
            return
        if packet is not None:
            self._answer(packet)
        elif self._state is not State.ANSWERING:
            self._enter(State.ANSWERING, ANSWER_SECONDS)
            stop_writing(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, expected or not."""
        self._state = State.LOST
        self._alarm.stop()
        why = self.farewell or reason.getErrorMessage()
        undecided = self._settlement.end(self.remote_ip, why)
        if undecided:
            self._owner.settled(self, undecided)
        self._owner.ended(self, reason)

    # -- inside -------------------------------------------------------------------

    def _write(self, data: bytes, attempts: list[Attempt]) -> None:
        now = self._clock.seconds()
        scheduled = bool(self._window)
        self._times.note(now)
        self._window.add(attempts, now - self._silence.stalled_seconds)
        self._pace.note(self._window.written, now)
        if not scheduled or self._pace.grows_at < inf:
            self._schedule()
        self._counters.add("delivery.written", len(attempts))
        self.transport.write(data)  # type: ignore[union-attr]

    def _answer(self, packet: ErrorPacket) -> None:
        window = self._window
        settled = self._settlement.answer(packet, self.remote_ip)
        self.answered = not (window.flushed or window.misnamed)
        if window.misnamed:
            # It shows nothing to be taken: as good as no answer.
            self.farewell = misnamed(packet)
        if settled:
            self._owner.settled(self, settled)
        if window.flushed:
            self._manners.answers = True
            self._close()
        else:
            self.abort()

    def _conclude(self) -> None:
        """Ask for proof where some is missing; else close once all is settled."""
        if self._settings.flush_interval_seconds and self._window.unproven:
            self._state = State.FLUSHING
            self.transport.write(self._settlement.flush())  # type: ignore[union-attr]
            self._schedule()
        elif not self._window:
            self._close()

    def _close(self) -> None:
        self._enter(State.CLOSING, CLOSE_SECONDS)
        self._leave()

    def _enter(self, state: State, seconds: float) -> None:
        self._state = state
        self._deadline = self._clock.seconds() + seconds
        self._schedule()

    def _schedule(self) -> None:
        """See that the alarm goes off when the next thing is due."""
        now = self._clock.seconds()
        due_at = self._times.due_at(self._state, now, watched=self._watches_for_the_end)
        self._alarm.set(min(self._deadline, due_at), now, self._tick)

    def _tick(self) -> None:
        now = self._clock.seconds()
        if now >= self._deadline or self._silence.endless(now):
            self._give_up(now)
            return
        if self._watches_for_the_end and hung_up(self.transport):
            self._hang_up("it ended TLS while output waited")
            return
        if self._state in LISTENING:
            self._settle_silence(now)
            if not self._window:
                self._rest(now)
        if self._pace.grow(now) and self._state is State.OPEN:
            self._owner.resumed(self)
        due = self._state is State.OPEN and self._times.wants_proof(now)
        if due and not self._paused:
            self._owner.matured(self)
        self._schedule()

    @property
    def _watches_for_the_end(self) -> bool:
        """Whether Twisted would not tell that the gateway ended TLS."""
        return self._paused and self._state is not State.CLOSING

    def _give_up(self, now: float) -> None:
        """Too late for this state; after a flush silence counts once more."""
        if self._state is State.FLUSHING:
            self._settle_silence(now)
            if not self._window:
                self._close()
                return
        if self._silence.endless(now):
            self._hang_up(f"it read nothing for {STALL_LIMIT_SECONDS:g} s")
        elif self._state is State.ANSWERING:
            self._hang_up(f"its answer was not whole within {ANSWER_SECONDS:g} s")
        else:
            self.abort()

    def _hang_up(self, why: str) -> None:
        """It is the peer's fault: the end will only tell that we did it."""
        self.farewell = self.farewell or why
        self.abort()

    def _settle_silence(self, now: float) -> None:
        settled = self._settlement.presume(now)
        if settled:
            self._owner.settled(self, settled)

    def _rest(self, now: float) -> None:
        """Nothing is unsettled: close if that was waited for, or say so."""
        if self._state is State.FINISHING:
            self._conclude()
        elif self._times.is_idle(now):
            self._owner.idled(self)
