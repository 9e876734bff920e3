"""The whole program in memory: one fake clock, one disk folder, one simulator.

A `Pipe` is the world around the program: the network, the wall clock, the log
disk, injectors and the pretend Apple.  A `Program` is one life of the program in
it, wired by the real `Gateway`.  What outlives it is what is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_network
from math import ceil, inf
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from twisted.python.failure import Failure

from mcmtpush.apns.window import Window
from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    KeySettings,
    ListenSettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
    Route,
)
from mcmtpush.delivery.binary import ANSWER_SECONDS, MARGIN_SECONDS
from mcmtpush.delivery.link import CLOSE_SECONDS
from mcmtpush.drain import SETTLED_SECONDS
from mcmtpush.errors import ConfigError
from mcmtpush.gateway import GOODBYE_SECONDS
from mcmtpush.simulator.journal import Journal, JournalLine
from mcmtpush.simulator.script import Script
from mcmtpush.values import QueueKey, Record
from tests.delivery.stage import Turns
from tests.support.account import Account
from tests.support.apple import BINARY, KEY_ID, PEM, TEAM_ID, TOPIC, Apple
from tests.support.injector import Injection, Injector
from tests.support.program import Ledger, Program
from tests.support.sheet import Sheet
from tests.support.wire import LOOPBACK, Wire


EPOCH: Final = 1_700_000_000
TOKEN: Final = "0f" * 32
RESPONSE_SECONDS: Final = 2.0
REQUEST_SECONDS: Final = 10.0
STOP_SECONDS: Final = ceil(
    GOODBYE_SECONDS
    + max(RESPONSE_SECONDS + ANSWER_SECONDS, REQUEST_SECONDS)
    + MARGIN_SECONDS
    + CLOSE_SECONDS
    + SETTLED_SECONDS
)
"""What a stop may take whatever others do, as docs/explanation/exactness.md says."""

MOST_TURNS: Final = 20_000  # in one instant


class Pipe:
    """Everything, in a folder of its own.  It is also what its configuration says.

    Attributes:
        jump: how far the wall clock is off.
        network: "up", "refuses" or "silent", for new connections.
        ways: the same for single hosts.
        spool_fails: whether the spool's disk takes nothing.
        memory_used: in percent; `trims` counts who gave some back.
        queueing: settings; change them with `attrs.evolve`.
        delivering: settings of queues to come; the others need a `reload`.
        domains: other settings than `delivering` for single domains.
        faults: what is wrong with the configuration when it is read again.
        asked: the routes by which connections were wanted.
        key: of provider tokens, for settings that want one.
        windows, accounts: of every connection there ever was, binary or HTTP/2.
    """

    def __init__(
        self, folder: Path, script: Script | None = None, **queueing: Any
    ) -> None:
        self.folder = folder
        self.clock = Turns()
        self.jump = 0.0
        self.lives = 0
        self.network = "up"
        self.ways: dict[str, str] = {}
        self.spool_fails = False
        self.memory_used = 0.0
        self.trims = 0
        self.faults: list[ConfigError] = []
        self.ledger = Ledger()
        self.journal = Journal(keep=1_000_000)
        self.domains: dict[str, DeliverySettings] = {}
        self.asked: list[Route] = []
        self.windows: list[Window] = []
        self.accounts: list[Account] = []
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
            routes=(BINARY,),
            response_timeout_seconds=RESPONSE_SECONDS,
            request_timeout_seconds=REQUEST_SECONDS,
            topic=TOPIC,
            connect_timeout_seconds=5,
            max_outbound_connections=3,
            guard=GuardSettings(first=0, window=0, share=0.0),
        )
        self.key = KeySettings(str(folder / "AuthKey.p8"), KEY_ID, TEAM_ID)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "AuthKey.p8").write_bytes(PEM)
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

    def delivery(self, key: QueueKey) -> DeliverySettings:
        return self.domains.get(key.domain, self.delivering)

    def reception(self, _listen: str, _peer: str) -> ReceptionSettings:
        return ReceptionSettings("allow", relay_hosts=(ip_network("127.0.0.0/8"),))

    def routing_key(self, domain: str) -> QueueKey:
        return QueueKey("default", "default", domain)

    def reread(self) -> tuple[Any, list[ConfigError]]:
        return None if self.faults else Sheet(self), self.faults

    def reload(self, **changes: Any) -> None:
        """The program is told to read its configuration again, which has changed."""
        self.delivering = evolve(self.delivering, **changes)
        self.program.reload()

    # -- the world --

    def now(self) -> float:
        return EPOCH + self.clock.seconds() + self.jump

    def used_percent(self) -> float:
        return self.memory_used

    def trim(self) -> None:
        self.trims += 1

    def follow(self, script: Script) -> None:
        """What the simulator does on connections that come from now on."""
        self.apns = Apple(self, script)

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
        """The program is told to stop, does so in time, and another one starts."""
        stopped = self.program.stopService()
        for _ in range(STOP_SECONDS):
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

    def inject(self, *recipients: str, token: str = TOKEN, **content: Any) -> Injection:
        """A client connects; its transaction goes on with the next turns."""
        number = len(self.injections)
        to = recipients or (f"{number}@apn_example.com",)
        injection = Injection(number, to, token, **content)
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
