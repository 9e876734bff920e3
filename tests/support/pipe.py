"""The whole program in memory: one fake clock, one disk folder, one simulator.

A `Pipe` is the world around the program: the network, the wall clock, the log
disk, injectors and the pretend Apple.  A `Program` is one life of the program in
it, wired by the real `Gateway`.  What outlives it is what is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from ipaddress import ip_network
from math import inf
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakSet

from attrs import define, evolve, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure

from mcmtpush.apns.window import Window
from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    ListenSettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
    Route,
)
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.delivery.pool import Pool
from mcmtpush.mcmt.compose import alert_payload, compose
from mcmtpush.ports import Lane, Queue
from mcmtpush.service import Gateway, World
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.journal import Journal, JournalLine
from mcmtpush.simulator.script import Script
from mcmtpush.values import QueueKey, Record
from tests.delivery.stage import Turns


EPOCH = 1_700_000_000
TOKEN = "0f" * 32
RESPONSE_SECONDS = 2.0
LOOPBACK = IPv4Address("TCP", "127.0.0.1", 40000)
HOST_BUFFER = 4096  # bytes on a wire that make its writer pause
MOST_TURNS = 20_000  # in one instant


# -- wires ------------------------------------------------------------------------


@define(eq=False)
class End:
    """One end of a wire, as a transport; bytes move when the wire does."""

    protocol: Any
    peer: Any = None
    out: bytes = b""
    reading: bool = True
    disconnecting: bool = False
    aborted: bool = False
    producer: Any = None
    choked: bool = False

    def write(self, data: bytes) -> None:
        if self.disconnecting:
            return
        self.out += data
        if self.producer is not None and len(self.out) > HOST_BUFFER:
            self.choked = True
            self.producer.pauseProducing()

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.disconnecting = self.aborted = True

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def getPeer(self) -> IPv4Address:
        return LOOPBACK

    getHost = getPeer

    def setTcpKeepAlive(self, _on: object) -> None:
        """Nothing to keep alive."""

    setTcpNoDelay = setTcpKeepAlive

    def take(self) -> bytes:
        """What was written, which leaves; the writer may go on."""
        data, self.out = self.out, b""
        if self.choked:
            self.choked = False
            if self.producer is not None:
                self.producer.resumeProducing()
        return data


class Wire:
    """Two protocols that are connected.  An abort loses what is under way."""

    def __init__(self, ours: Any, theirs: Any) -> None:
        self.ends = ours, theirs = End(ours), End(theirs)
        ours.peer, theirs.peer = theirs, ours
        self.cut = False
        theirs.protocol.makeConnection(theirs)
        ours.protocol.makeConnection(ours)

    def move(self) -> bool:
        """Carry what there is once in each direction; whether there was any."""
        if self.cut:
            return False
        if any(end.aborted for end in self.ends):
            self._cut(ConnectionLost, ConnectionAborted)
            return True
        moved = [self._carry(end) for end in self.ends]
        if any(end.disconnecting and not end.out for end in self.ends):
            self._cut(ConnectionDone, ConnectionDone)
            return True
        return any(moved)

    def kill(self) -> None:
        """Our process is dead: what it wrote still arrives."""
        ours, theirs = self.ends
        if not self.cut:
            self.cut = True
            if ours.out and not theirs.disconnecting:
                theirs.protocol.dataReceived(ours.out)
            theirs.protocol.connectionLost(Failure(ConnectionLost()))

    def _carry(self, end: End) -> bool:
        if not end.out or not end.peer.reading:
            return False
        end.peer.protocol.dataReceived(end.take())
        return True

    def _cut(self, reason: type[Exception], own: type[Exception]) -> None:
        self.cut = True
        for end in self.ends:
            end.protocol.connectionLost(Failure(own() if end.aborted else reason()))


# -- injectors --------------------------------------------------------------------


@define(eq=False)
class Injection:
    """One transaction of a client.

    Attributes:
        ids: of its messages, by recipient; empty unless it was answered 250.
        reply: to the content, or to what was refused; empty if none came.
    """

    number: int
    recipients: tuple[str, ...]
    token: str
    ids: list[str] = field(factory=list)
    reply: str = ""

    @property
    def alert(self) -> str:
        return f"m{self.number}."

    def content(self) -> bytes:
        return compose(
            sender="news@example.net",
            recipient=self.recipients[0],
            token=self.token,
            payload=alert_payload(self.alert),
            subject="News",
            date="Mon, 23 Nov 2026 12:00:00 +0000",
            message_id=f"<{self.number}@example.net>",
        )


class Injector(Protocol):
    """One session with one transaction, one command at a time."""

    def __init__(self, injection: Injection) -> None:
        self.injection = injection
        self.received = b""
        self.commands = [
            b"EHLO client.example",
            b"MAIL FROM:<news@example.net>",
            *(b"RCPT TO:<%s>" % one.encode() for one in injection.recipients),
            b"DATA",
            injection.content() + b".",
            b"QUIT",
        ]

    def dataReceived(self, data: bytes) -> None:
        *lines, self.received = (self.received + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                self.answered(line.decode())

    def answered(self, line: str) -> None:
        if len(self.commands) == 1 or line[0] not in "23":
            self.injection.reply = line
            if line.startswith("250"):
                self.injection.ids = line.split()[3:]
        if self.commands and line[0] in "23":
            self.transport.write(self.commands.pop(0) + b"\r\n")  # type: ignore[union-attr]
        else:
            self.transport.loseConnection()  # type: ignore[union-attr]


# -- one life of the program --------------------------------------------------------


class Machine(MemoryReactor):
    """The reactor of one process: its timers die with it."""

    def __init__(self, clock: Turns) -> None:
        super().__init__()
        self.clock = clock
        self.calls: WeakSet[Any] = WeakSet()

    def seconds(self) -> float:
        return self.clock.seconds()

    def callLater(self, delay: float, *what: Any, **named: Any) -> Any:
        call = self.clock.callLater(delay, *what, **named)
        self.calls.add(call)
        return call

    def callFromThread(self, *what: Any) -> None:
        self.callLater(0, *what)

    def kill(self) -> None:
        for call in list(self.calls):
            if call.active():
                call.cancel()


class Thread:
    """A worker that does one job in each turn."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def start(self) -> None:
        """It has been started by whoever moves it."""

    def close(self) -> None:
        """It ends when nobody moves it."""

    def run(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def step(self) -> bool:
        """Do the oldest job; whether there was one."""
        if self.jobs:
            self.jobs.pop(0)()
            return True
        return False


@define
class Ledger:
    """The disk of the record log, with room for so many more lines."""

    lines: list[Record] = field(factory=list)
    room: float = inf


@define
class Log:
    """`ports.Records` of one life over a ledger; keeps what does not fit."""

    ledger: Ledger
    kept: list[Record] = field(factory=list)

    def start(self) -> None:
        """Nothing to open."""

    def write(self, records: Sequence[Record]) -> str | None:
        self.kept += records
        return self.flush()

    def flush(self) -> str | None:
        fits = int(min(self.ledger.room, len(self.kept)))
        self.ledger.lines += self.kept[:fits]
        self.ledger.room -= fits
        del self.kept[:fits]
        return "no room for the log" if self.kept else None

    close = flush


class Program(Gateway):
    """The real wiring but for threads, TLS, files and sockets."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.machine = Machine(pipe.clock)
        self.thread = Thread()
        dice = Random(pipe.lives)
        super().__init__(
            pipe,  # type: ignore[arg-type]
            World(self.machine, pipe.now, dice, lambda: pipe.lives, pipe),
        )

    def build(self) -> None:
        super().build()
        self.spool._worker = self.thread
        self.store = self.spool._store
        self.store.apply = self.pipe.guarded(self.store.apply)  # type: ignore[method-assign]
        log: Any = Log(self.pipe.ledger)
        self.records = self.settler._records = log
        self.scheduler.open_lane = self._open_lane

    def _open_lane(self, queue: Queue) -> Lane:
        return Pool(
            queue,
            settings=self.pipe.delivery(queue.key),
            connect=Network(self.pipe, self.machine),  # type: ignore[arg-type]
            disposition=self.settler,
            clock=self.machine,
            now=self.world.now,
            dice=self.world.dice,
            counters=self.counters,
            limits=self.lanes._limits,
            buckets=self.lanes._buckets,
        )

    @property
    def smtp(self) -> Any:
        """The factory that listens."""
        return self.machine.tcpServers[-1][1]


class Network:
    """How the pool reaches its routes."""

    def __init__(self, pipe: Pipe, machine: Machine) -> None:
        self.pipe = pipe
        self.machine = machine

    def __call__(self, _route: Route) -> Endpoint:
        return Endpoint(self.pipe, self.machine)

    def fail(self, address: str) -> None:
        """There is only one address."""


class Endpoint:
    """The way to the simulator, as the pipe's network has it."""

    def __init__(self, pipe: Pipe, machine: Machine) -> None:
        self.pipe = pipe
        self.machine = machine

    def connect(self, factory: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        if self.pipe.network != "silent":
            self.machine.callLater(0.01, self._finish, factory, done)
        return done

    def _finish(self, factory: Any, done: Deferred[Any]) -> None:
        if done.called:
            return
        if self.pipe.network == "refuses":
            done.errback(ConnectError())
            return
        protocol: BinaryConnection = factory.buildProtocol(None)
        self.pipe.windows.append(protocol._window)
        self.pipe.plug(protocol, self.pipe.apns.buildProtocol(None))
        done.callback(protocol)


# -- the world around ---------------------------------------------------------------


class Pipe:
    """Everything, in a folder of its own.  It is also the program's configuration.

    Attributes:
        jump: how far the wall clock is off.
        network: "up", "refuses" or "silent", for new connections.
        spool_fails: whether the spool's disk takes nothing.
        memory_used: in percent; `trims` counts who gave some back.
        queueing, delivering: settings; change them with `attrs.evolve`.
        windows: of every connection there ever was.
    """

    def __init__(
        self, folder: Path, script: Script | None = None, **queueing: Any
    ) -> None:
        self.folder = folder
        self.clock = Turns()
        self.jump = 0.0
        self.lives = 0
        self.network = "up"
        self.spool_fails = False
        self.memory_used = 0.0
        self.trims = 0
        self.ledger = Ledger()
        self.journal = Journal(keep=1_000_000)
        self.windows: list[Window] = []
        self.wires: list[Wire] = []
        self.injections: list[Injection] = []
        self.queueing = evolve(
            QueueSettings(
                "apn",
                60,
                240,
                message_expiration_seconds=7200,
                generate_bounces=False,
            ),
            **queueing,
        )
        self.delivering = DeliverySettings(
            "apn",
            routes=(Route("apn", "gateway.example", None, 0),),
            response_timeout_seconds=RESPONSE_SECONDS,
            connect_timeout_seconds=5,
            max_outbound_connections=3,
            guard=GuardSettings(first=0, window=0, share=0.0),
        )
        self.follow(script or Script())
        self.begin()

    # -- the configuration --

    def process(self) -> ProcessSettings:
        return ProcessSettings(
            hostname="gateway.example",
            spoolbase=str(self.folder),
            force_fsync=False,
            listens=(ListenSettings("127.0.0.1:2525", "127.0.0.1", 2525),),
        )

    def queue(self, _key: QueueKey) -> QueueSettings:
        return self.queueing

    def delivery(self, _key: QueueKey) -> DeliverySettings:
        return self.delivering

    def reception(self, _listen: str, _peer: str) -> ReceptionSettings:
        return ReceptionSettings("allow", relay_hosts=(ip_network("127.0.0.0/8"),))

    def routing_key(self, domain: str) -> QueueKey:
        return QueueKey("default", "default", domain)

    # -- the world --

    def now(self) -> float:
        return EPOCH + self.clock.seconds() + self.jump

    def used_percent(self) -> float:
        return self.memory_used

    def trim(self) -> None:
        self.trims += 1

    def follow(self, script: Script) -> None:
        """What the simulator does on connections that come from now on."""
        self.apns = ApnsSimulatorFactory(
            script=script,
            journal=self.journal,
            clock=self.clock,
            now=self.now,
            dice=Random(script.seed),
        )

    def plug(self, ours: Any, theirs: Any) -> None:
        """Connect a protocol of the program with one of the world."""
        self.wires.append(Wire(ours, theirs))

    def guarded(self, apply: Callable[..., None]) -> Callable[..., None]:
        """A store's `apply` that fails when the disk does."""

        def run(operations: Any) -> None:
            if self.spool_fails:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            apply(operations)

        return run

    # -- time --

    def turn(self) -> bool:
        """One job of the spool, due timers, every wire once; whether any was."""
        worked = self.program.thread.step()
        due = [c for c in self.clock.calls if c.getTime() <= self.clock.seconds()]
        self.clock.turn()
        moved = [wire.move() for wire in self.wires]
        self.wires = [wire for wire in self.wires if not wire.cut]
        return bool(due) or worked or any(moved)

    def settle(self) -> None:
        """Turns until nothing happens without time going by."""
        for _ in range(MOST_TURNS):
            if not self.turn():
                return
        raise AssertionError("the program never comes to rest")

    def run(self, seconds: float = 0.0) -> None:
        """Let time go by, from event to event."""
        end = self.clock.seconds() + seconds
        self.settle()
        while True:
            due = min((call.getTime() for call in self.clock.calls), default=inf)
            self.clock.rightNow = max(self.clock.rightNow, min(due, end))
            if due > end:
                return
            self.settle()

    # -- lives --

    def begin(self) -> None:
        """A program starts on what is in the folder."""
        self.lives += 1
        self.program = Program(self)
        self.program.startService()

    def crash(self, at_death: Callable[[], None] | None = None) -> None:
        """The program is gone at once, and another one starts."""
        self.program.machine.kill()
        for wire in self.wires:
            wire.kill()
        self.wires = []
        self.close()
        self._follow_up(at_death)

    def restart(self, at_death: Callable[[], None] | None = None) -> None:
        """The program is told to stop, and another one starts."""
        stopped = self.program.stopService()
        for _ in range(100):
            self.run(1.0)
            if stopped.called:
                break
        else:
            raise AssertionError("the program does not stop")
        stopped.addErrback(Failure.raiseException)
        self.program.machine.kill()
        self._follow_up(at_death)

    def close(self) -> None:
        """Let go of the folder; the program cannot go on."""
        self.program.store.close()

    def _follow_up(self, at_death: Callable[[], None] | None) -> None:
        if at_death is not None:
            at_death()
        self.begin()

    # -- messages --

    def inject(self, *recipients: str, token: str = TOKEN) -> Injection:
        """A client connects; its transaction goes on with the next turns."""
        number = len(self.injections)
        to = recipients or (f"{number}@apn_example.com",)
        injection = Injection(number, to, token)
        self.injections.append(injection)
        self.plug(self.program.smtp.buildProtocol(LOOPBACK), Injector(injection))
        return injection

    def records(self, kinds: str, injection: Injection | None = None) -> list[Record]:
        """Those of such kinds, of all messages or of one transaction."""
        return [
            record
            for record in self.ledger.lines
            if record.kind in kinds
            and (injection is None or record.message.id in injection.ids)
        ]

    @property
    def frames(self) -> list[Any]:
        """The journal's lines of pushes, without the frames that ask for proof."""
        return [line for line in self.journal.lines if line.token]

    def judged(self, injection: Injection, verdict: str) -> list[JournalLine]:
        """What the simulator did with a transaction's frames."""
        sign = f'"{injection.alert}"'
        return [
            line
            for line in self.journal.lines
            if line.verdict == verdict and sign in line.payload
        ]

    def spooled(self) -> list[str]:
        """Ids of the messages on the disk, as another process would find them."""
        with closing(sqlite3.connect(self.folder / "mcmtpush.db")) as database:
            ids = [row[0] for row in database.execute("SELECT id FROM entry")]
            (contents,) = database.execute("SELECT count(*) FROM content").fetchone()
        assert bool(ids) == bool(contents), "bodies without entries, or the reverse"
        return ids
