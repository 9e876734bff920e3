"""Stand-ins around delivery: a queue, a disposition, gateways that obey the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.apns.frames import Frame, FrameReader, encode_error
from mcmtpush.config.views import Route
from mcmtpush.values import Attempt, Entry, Message, PushPart, QueueKey


KEY = QueueKey("default", "default", "apn_example.com")
ROUTE = Route("apn", "gateway.example", 2195, 10)
OTHER = Route("apn", "other.example", 2195, 20)
NOW = 1_700_000_000.0
TOKEN = "0f" * 32


def an_entry(row: int, token: str = TOKEN, payload: bytes = b"{}") -> Entry:
    """Resident, with a push part; `row` is its number everywhere."""
    message = Message(f"id-{row}", "batch", "connection", NOW, "s", "r", KEY, 100)
    return Entry(row, NOW, message=message, push=PushPart(token, payload, "back@x"))


class Turns(Clock):
    """A clock that can also do one turn of a reactor: what is due, and no more."""

    def turn(self) -> None:
        due = [call for call in self.calls if call.getTime() <= self.seconds()]
        for call in due:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


class Always:
    """Dice that always fall alike."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def randrange(self, stop: int) -> int:
        return int(self.value * stop)


class Waiting:
    """A queue of resident entries; those beyond `resident` are on the disk."""

    key = KEY

    def __init__(self, count: int = 0) -> None:
        self.entries = [an_entry(row) for row in range(1, count + 1)]
        self.resident = 10**9
        self.taken: list[int] = []  # the size of each successful take
        self.orders: list[tuple[str, str]] = []  # what the lane asked for, and why
        self.suspended = False

    @property
    def backlog(self) -> int:
        return 0 if self.suspended else len(self.entries)

    def take(self, limit: int) -> list[Entry]:
        limit = 0 if self.suspended else min(limit, self.resident)
        taken, self.entries = self.entries[:limit], self.entries[limit:]
        self.resident -= len(taken)
        if taken:
            self.taken.append(len(taken))
        return taken

    def delay(self, reason: str) -> None:
        self.orders.append(("delay", reason))

    def suspend(self, reason: str) -> None:
        self.suspended = True
        self.orders.append(("suspend", reason))

    def resume(self) -> None:
        self.suspended = False
        self.orders.append(("resume", ""))


class Settled:
    """A disposition that remembers."""

    def __init__(self) -> None:
        self.batches: list[list[Attempt]] = []

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        assert key == KEY
        assert attempts
        self.batches.append(list(attempts))

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for batch in self.batches for attempt in batch]

    def outcomes(self) -> list[tuple[int, object]]:
        """Rows and outcomes, in order of settling."""
        return [(each.entry.row, each.outcome) for each in self.attempts]


class Wire(StringTransport):
    """The client's transport, with the gateway's view of what was written."""

    def __init__(self, host: str = "192.0.2.1") -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 2195))
        self.writes: list[bytes] = []
        self.reader = FrameReader()
        self.frames: list[Frame] = []
        self.flushes: list[Frame] = []  # those that no gateway takes
        self.answers_flushes = True
        self.protocol: Any = None
        self.producer: Any = None
        self.lost = False

    def attach(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        if self.disconnecting:
            return
        self.writes.append(data)
        for frame in self.reader.feed(data):
            assert isinstance(frame, Frame), frame
            (self.frames if frame.token else self.flushes).append(frame)

    def stopConsuming(self) -> None:
        raise NotImplementedError

    # -- what the gateway does --

    def say(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def object_to(self, identifier: int, status: int = 8) -> None:
        """One error packet, then the close."""
        self.say(encode_error(status, identifier))
        self.close()

    def answer_flush(self) -> None:
        """What Apple says to a frame known to be bad."""
        [flush] = self.flushes
        self.object_to(flush.identifier, 2)

    def close(self, *, cleanly: bool = True) -> None:
        if not self.lost:
            self.lost = True
            reason = ConnectionDone() if cleanly else ConnectionLost()
            self.protocol.connectionLost(Failure(reason))


class Gateways:
    """Every connection that is wanted, made or refused when the test says so."""

    def __init__(self) -> None:
        self.pending: list[tuple[Route, Any, Deferred[Any]]] = []
        self.wires: list[Wire] = []
        self.asked: list[Route] = []
        self.cancelled = 0
        self.blamed: list[str] = []  # addresses

    def connect(self, route: Route) -> Any:
        return _Endpoint(self, route)

    def __call__(self, route: Route) -> Any:
        return self.connect(route)

    def fail(self, address: str) -> None:
        self.blamed.append(address)

    def accept(self, count: int = 1) -> list[Wire]:
        """Let so many of the attempts succeed, the oldest first."""
        made = []
        for _ in range(count):
            _, factory, done = self.pending.pop(0)
            wire = Wire()
            protocol = factory.buildProtocol(None)
            wire.attach(protocol)
            done.callback(protocol)
            self.wires.append(wire)
            made.append(wire)
        return made

    def refuse(self, reason: Exception) -> None:
        """Let the oldest attempt fail."""
        self.pending.pop(0)[2].errback(Failure(reason))

    def cancel(self, deferred: Deferred[Any]) -> None:
        self.cancelled += 1
        self.pending = [each for each in self.pending if each[2] is not deferred]
        deferred.errback(CancelledError())

    @property
    def open(self) -> list[Wire]:
        return [wire for wire in self.wires if not wire.lost]


class _Endpoint:
    def __init__(self, gateways: Gateways, route: Route) -> None:
        self.gateways = gateways
        self.route = route

    def connect(self, factory: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred(self.gateways.cancel)
        self.gateways.asked.append(self.route)
        self.gateways.pending.append((self.route, factory, done))
        return done


def sink(clock: Any, gateways: Gateways) -> None:
    """Answer flushes, and carry out closes that this side began, in the next turn."""
    clock.advance(0)
    for wire in gateways.open:
        if wire.disconnecting:
            wire.close()
        elif wire.flushes and wire.answers_flushes:
            wire.answer_flush()
    clock.advance(0)
