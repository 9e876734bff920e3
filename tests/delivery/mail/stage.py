"""Stand-ins around mail: a directory of names, a queue, servers that obey the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.delivery.mail.exchange import Absent
from mcmtpush.values import Attempt, Entry, Message, QueueKey


KEY = QueueKey("default", "default", "y.example")
NOW = 1_700_000_000.0


def an_entry(row: int, **changes: Any) -> Entry:
    """Resident; every row is a transaction of its own unless told otherwise."""
    given = {
        "id": f"id-{row}",
        "batch_id": f"batch-{row}",
        "connection_id": "c",
        "received_at": NOW,
        "sender": "s@x.example",
        "recipient": f"r{row}@y.example",
        "key": KEY,
        "size": 100,
        **changes,
    }
    return Entry(row, NOW, message=Message(**given))


class Directory:
    """Implements `Resolver` at once; what is not in it is not there."""

    def __init__(self) -> None:
        self.mx: dict[str, Any] = {}
        self.hosts: dict[str, Any] = {}
        self.asked: list[str] = []

    async def exchanges(self, domain: str) -> Any:
        self.asked.append(f"MX {domain}")
        return self.mx.get(domain, Absent(exists=False))

    async def addresses(self, host: str) -> Any:
        self.asked.append(f"A {host}")
        return self.hosts.get(host, Absent(exists=False))


class Waiting:
    """A queue of resident entries; what is put back comes first again."""

    key = KEY

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = list(entries)
        self.flight: dict[int, Entry] = {}

    @property
    def backlog(self) -> int:
        return len(self.entries)

    def take(self, limit: int) -> list[Entry]:
        taken, self.entries = self.entries[:limit], self.entries[limit:]
        self.flight.update((entry.row, entry) for entry in taken)
        return taken


class Settled:
    """A disposition that remembers, and puts back what costs nothing if wanted."""

    def __init__(self, queue: Waiting, again: tuple[type, ...] = ()) -> None:
        self.queue = queue
        self.again = again
        self.attempts: list[Attempt] = []
        self.lane: Any = None

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        assert key == KEY
        assert attempts
        for attempt in attempts:
            entry = self.queue.flight.pop(attempt.entry.row)
            assert entry is attempt.entry
            self.attempts.append(attempt)
            if isinstance(attempt.outcome, self.again):
                self.queue.entries.append(entry)
        self.queue.entries.sort(key=lambda entry: entry.row)

    def outcomes(self) -> list[tuple[int, object]]:
        """Rows and outcomes, in order of settling."""
        return [(each.entry.row, each.outcome) for each in self.attempts]


class Wire(StringTransport):
    """The client's transport; a server's lines are said by the test."""

    def __init__(self, host: str) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 25))
        self.host = host
        self.protocol: Any = None
        self.lost = False
        self.creators: list[Any] = []
        self.read = 0
        self.is_data = False

    def attach(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)

    def startTLS(self, creator: Any) -> None:
        self.creators.append(creator)

    def abortConnection(self) -> None:
        self.disconnecting = True

    def loseConnection(self) -> None:
        raise AssertionError("mail connections are dropped")

    # -- what the server does --

    def heard(self) -> str:
        """What was written since this was asked last."""
        new = self.value()[self.read :]
        self.read += len(new)
        return new.decode()

    def say(self, *lines: str) -> str:
        """Say these, one at a time; what was written then."""
        for line in lines:
            if not self.lost:
                self.protocol.dataReceived(line.encode() + b"\r\n")
        return self.heard()

    def close(self, *, cleanly: bool = True) -> None:
        if not self.lost:
            self.lost = True
            reason = ConnectionDone() if cleanly else ConnectionLost()
            self.protocol.connectionLost(Failure(reason))

    def serve(self, refusals: dict[str, str] | None = None) -> int:
        """Answer every command that came, the longest match of `refusals` first.

        How many messages were taken.
        """
        taken = 0
        refusals = refusals or {}
        while not self.lost and not self.disconnecting and (heard := self.heard()):
            for line in heard.splitlines():
                if self.is_data:
                    if line != ".":
                        continue
                    self.is_data = False
                    answer = refusals.get(".", "250 2.0.0 taken")
                    taken += answer.startswith("250")
                    self.say_only(answer)
                    continue
                known = [one for one in refusals if one != "." and line.startswith(one)]
                answer = (
                    refusals[max(known, key=len)]
                    if known
                    else _ANSWERS[line.split(" ", 1)[0]]
                )
                self.is_data = answer.startswith("354")
                self.say_only(answer)
        return taken

    def say_only(self, line: str) -> None:
        if not self.lost:
            self.protocol.dataReceived(line.encode() + b"\r\n")


_ANSWERS = {
    "EHLO": "250-mx\r\n250 PIPELINING",
    "HELO": "250 mx",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


class Servers:
    """Every connection that is wanted, made or refused when the test says so."""

    def __init__(self) -> None:
        self.pending: list[tuple[str, Any, Deferred[Any]]] = []
        self.wires: list[Wire] = []
        self.asked: list[tuple[str, int]] = []

    def connect(self, host: str, port: int) -> Any:
        self.asked.append((host, port))
        return _Endpoint(self, host)

    def accept(self, *, greet: bool = False) -> Wire:
        """Let the oldest attempt succeed; with `greet` the server is ready."""
        host, factory, done = self.pending.pop(0)
        wire = Wire(host)
        protocol = factory.buildProtocol(None)
        wire.attach(protocol)
        done.callback(protocol)
        self.wires.append(wire)
        if greet:
            wire.say("220 hello")
            wire.say("250-mx\r\n250 PIPELINING")
        return wire

    def refuse(self) -> None:
        """Let the oldest attempt fail."""
        self.pending.pop(0)[2].errback(Failure(ConnectionLost("refused")))

    def cancel(self, deferred: Deferred[Any]) -> None:
        self.pending = [each for each in self.pending if each[2] is not deferred]
        deferred.errback(CancelledError())

    @property
    def open(self) -> list[Wire]:
        return [wire for wire in self.wires if not wire.lost]

    def sink(self) -> None:
        """Carry out closes that this side began."""
        for wire in self.open:
            if wire.disconnecting:
                wire.close()


class _Endpoint:
    def __init__(self, servers: Servers, host: str) -> None:
        self.servers = servers
        self.host = host

    def connect(self, factory: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred(self.servers.cancel)
        self.servers.pending.append((self.host, factory, done))
        return done
