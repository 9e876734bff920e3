"""The simulator's gateway and feedback service, as Twisted factories.

Carries verdicts out: answers, waits, lingers, closes, resets.  TLS is put around
by whoever listens; what is thought of a frame is `verdict`'s business.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
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

from mcmtpush.apns.feedback import encode_feedback
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


@implementer(IHandshakeListener)
class ApnsFeedbackProtocol(Protocol):
    """One reader of the feedback service: it is told everything at once."""

    transport: Any

    def __init__(self, server: ApnsFeedbackFactory) -> None:
        self._server = server
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Begin, after the handshake where there is TLS."""
        abort = self.transport.abortConnection
        self._timer = self._server.clock.callLater(PATIENCE_SECONDS, abort)
        if not INegotiated.providedBy(self.transport):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """Send all records, which are then forgotten, and close."""
        self.transport.write(encode_feedback(self._server.gone.take()))
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing is waited for any more."""
        _log.debug("feedback connection: {why}", why=reason.getErrorMessage())
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


class ApnsFeedbackFactory(ServerFactory):
    """The pretend feedback service, port 2196; what is read is gone."""

    noisy = False

    def __init__(self, *, gone: GoneTokens, clock: Clock) -> None:
        self.gone = gone
        self.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> ApnsFeedbackProtocol:
        """Every reader gets what there is since the last one."""
        _log.debug("feedback connection from {peer}", peer=addr)
        protocol = ApnsFeedbackProtocol(self)
        protocol.factory = self
        return protocol


def _ends_torn(path: str) -> bool:
    """Whether a process that was killed left part of a line."""
    place = Path(path)
    if not place.is_file() or not place.stat().st_size:
        return False
    with place.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class JournalFile:
    """Where a journal's lines go: appended and visible to readers at once.

    A fragment that a killed process left is ended with a line feed.  Raises OSError
    when the file cannot be opened.  Later failures are told in the diagnostics, once
    until writing works again; the lines are lost.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._path = path
        self._descriptor = os.open(path, flags, 0o640)
        self._failed = False
        if _ends_torn(path):
            self.write(b"\n")

    def write(self, lines: bytes) -> None:
        """Append whole lines; after `close` they go nowhere."""
        if self._descriptor < 0:
            return
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self._tell(error)
        else:
            self._failed = False

    def close(self) -> None:
        """Let go of the file; connections that end later are not told."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _tell(self, error: OSError) -> None:
        if not self._failed:
            _log.error(
                "the simulator's journal {path} cannot be written, its lines are "
                "lost until it can: {error}",
                path=self._path,
                error=error,
            )
        self._failed = True
