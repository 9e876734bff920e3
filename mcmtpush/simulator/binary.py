"""The simulator's gateway, as a Twisted factory.

Carries verdicts out: answers, waits, lingers, closes, resets.  TLS is put around
by whoever listens; what is thought of a frame is `verdict`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    INegotiated,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.apns.frames import Frame, FrameReader, Malformed
from mcmtpush.apns.reasons import INVALID_TOKEN
from mcmtpush.ports import Clock, Dice, Now
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.verdict import (
    BEHIND,
    HELD,
    ConnectionFaults,
    Ending,
    Faults,
    GoneTokens,
    Judgement,
    Stall,
)


_log = Logger()

PATIENCE_SECONDS: Final = 5.0
"""How long a peer may take for its handshake, or to close its side."""

_Judged = list[tuple[Frame | Malformed, Judgement]]


class _State(Enum):
    OPENING = "no handshake yet"
    OPEN = "frames are judged"
    STALLED = "nothing is read; what was is held"
    WAITING = "frames are discarded, the answer is held back"
    ANSWERING = "frames are discarded until the connection ends"


@implementer(IHandshakeListener)
class ApnsSimulatorProtocol(Protocol):
    """One client of the gateway.  At most one timer runs at a time."""

    transport: Any

    def __init__(self, server: ApnsSimulatorFactory, faults: ConnectionFaults) -> None:
        self._server = server
        self._faults = faults
        self._reader = FrameReader()
        self._state = _State.OPENING
        self._held: list[Frame | Malformed] = []
        self._ending = Ending(b"", server.script.answer)
        self._pieces: list[bytes] = []
        self._wanted = 0
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Begin, after the handshake where there is TLS."""
        self._server.connected.add(self)
        if INegotiated.providedBy(self.transport):
            self._wait(PATIENCE_SECONDS, self.transport.abortConnection)
        else:
            self._open()

    def handshakeCompleted(self) -> None:
        """The TLS client is there."""
        self._open()

    def dataReceived(self, data: bytes) -> None:
        """Read, judge and note what came; then act on it."""
        self._take(self._reader.feed(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was still held was never processed."""
        _log.debug(
            "gateway connection {number}: {why}",
            number=self._faults.number,
            why=reason.getErrorMessage(),
        )
        self._stop_waiting()
        self._server.connected.discard(self)
        held, self._held = self._held, []
        self._note([(frame, HELD) for frame in held])

    # -- frames -------------------------------------------------------------------

    def _open(self) -> None:
        self._stop_waiting()
        self._state = _State.OPEN
        follows = self._faults.open()
        if follows is not None:
            self._enter(follows)
            self._begin(follows)

    def _take(self, frames: list[Frame | Malformed]) -> None:
        judged: _Judged = []
        follows = None
        for at, frame in enumerate(frames):
            if self._state is _State.STALLED:
                self._held += frames[at:]
                break
            if self._state is _State.OPEN:
                judgement = self._faults.judge(frame)
                if judgement.follows is not None:
                    follows = judgement.follows
                    self._enter(follows)
            else:
                judgement = BEHIND
                self._wanted -= 1
            judged.append((frame, judgement))
        self._note(judged)
        if follows is not None:
            self._begin(follows)
        elif self._state is _State.WAITING and self._is_far_enough():
            self._answer()

    def _note(self, judged: _Judged) -> None:
        server, at = self._server, self._server.now()
        server.journal.note(at, self._faults.number, judged)
        server.gone.add(
            at,
            [
                frame.token
                for frame, judgement in judged
                if judgement.status == INVALID_TOKEN and isinstance(frame, Frame)
            ],
        )

    # -- what follows -------------------------------------------------------------

    def _enter(self, follows: Ending | Stall) -> None:
        """From here on frames are held or discarded."""
        if isinstance(follows, Stall):
            self._state = _State.STALLED
            return
        self._state = _State.WAITING
        self._ending = follows
        self._wanted = follows.answer.behind

    def _begin(self, follows: Ending | Stall) -> None:
        if isinstance(follows, Stall):
            self.transport.pauseProducing()
            self._wait(follows.seconds, self._read_on)
        elif self._is_far_enough():
            self._answer()
        else:
            self._wait(follows.answer.delay_seconds, self._answer)

    def _is_far_enough(self) -> bool:
        answer = self._ending.answer
        return self._wanted <= 0 and bool(answer.behind or not answer.delay_seconds)

    def _read_on(self) -> None:
        held, self._held = self._held, []
        self._state = _State.OPEN
        self.transport.resumeProducing()
        self._take(held)

    def _answer(self) -> None:
        self._state = _State.ANSWERING
        self._stop_waiting()
        self._pieces = cut_packet(self._ending)
        self._write_piece()

    def _write_piece(self) -> None:
        """One write for each piece; behind the last, linger to see the tail."""
        if not self._pieces:
            self._end()
            return
        self.transport.write(self._pieces.pop(0))
        if self._pieces:
            self._wait(self._ending.answer.gap_seconds, self._write_piece)
        else:
            self._wait(self._server.script.linger_seconds, self._end)

    def _end(self) -> None:
        if self._ending.answer.reset:
            self.transport.abortConnection()
            return
        self._wait(PATIENCE_SECONDS, self.transport.abortConnection)
        self.transport.loseConnection()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._timer = self._server.clock.callLater(seconds, then)

    def _stop_waiting(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def cut_packet(ending: Ending) -> list[bytes]:
    """The packet in the pieces it is to be written in; maybe not all of it."""
    pieces, rest = [], ending.packet
    for size in ending.answer.pieces:
        pieces.append(rest[:size])
        rest = rest[size:]
    return [piece for piece in pieces if piece]


class ApnsSimulatorFactory(ServerFactory):
    """The pretend gateway, port 2195: one for all connections of a server.

    `dice` wants to be `random.Random(script.seed)`.  `gone` holds the tokens
    refused as invalid, for an `ApnsFeedbackFactory`.
    """

    noisy = False

    def __init__(
        self, *, script: Script, journal: Journal, clock: Clock, now: Now, dice: Dice
    ) -> None:
        self.script = script
        self.journal = journal
        self.clock = clock
        self.now = now
        self.gone = GoneTokens()
        self.connected: set[ApnsSimulatorProtocol] = set()
        self._faults = Faults(script, dice)

    def buildProtocol(self, addr: IAddress | None) -> ApnsSimulatorProtocol:
        """Connections are numbered in the order in which they come."""
        faults = self._faults.connect()
        _log.debug(
            "gateway connection {number} from {peer}", number=faults.number, peer=addr
        )
        protocol = ApnsSimulatorProtocol(self, faults)
        protocol.factory = self
        return protocol

    def disconnect(self) -> None:
        """Cut every connection off; for whoever takes the listener down."""
        for protocol in list(self.connected):
            protocol.transport.abortConnection()
