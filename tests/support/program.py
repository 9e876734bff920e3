"""One life of the program, without threads, TLS, files and sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from attrs import define, field
from twisted.internet.testing import MemoryReactor

from mcmtpush.delivery.pool import Pool
from mcmtpush.gateway import Gateway
from mcmtpush.places import Places
from mcmtpush.ports import Lane, Queue
from mcmtpush.values import Record
from mcmtpush.world import World
from tests.delivery.stage import Turns
from tests.support.apple import Network
from tests.support.sheet import Sheet


if TYPE_CHECKING:
    from tests.support.pipe import Pipe


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

    close = reopen = flush


class Program(Gateway):
    """The real wiring but for threads, TLS, files and sockets."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.machine = Machine(pipe.clock)
        self.thread = Thread()
        dice = Random(pipe.lives)
        super().__init__(
            Sheet(pipe),  # type: ignore[arg-type]
            World(self.machine, pipe.now, dice, lambda: pipe.lives, pipe, pipe.reread),
        )

    def build(self) -> None:
        super().build()
        parts = self.parts
        parts.spool._worker = self.thread
        self.store = parts.spool._turns.store
        self.store.apply = self.pipe.guarded(self.store.apply)  # type: ignore[method-assign]
        log: Any = Log(self.pipe.ledger)
        parts.records = parts.settler._records = log
        parts.scheduler.open_lane = self._open_lane
        # So few that lanes have to wait for one another.
        self.openings: Places[Pool] = Places(Pool.work, 2)

    def _open_lane(self, queue: Queue) -> Lane:
        return Pool(
            queue,
            settings=self.configuration.delivery(queue.key),
            connect=Network(self.pipe, self.machine),  # type: ignore[arg-type]
            disposition=self.parts.policy,
            hooks=self.parts.policy,
            clock=self.machine,
            now=self.world.now,
            dice=self.world.dice,
            counters=self.counters,
            limits=self.parts.lanes._limits,
            buckets=self.parts.lanes._buckets,
            openings=self.openings,
            credential=self.parts.lanes._keys.of(self.pipe.delivery(queue.key).key),
        )

    @property
    def smtp(self) -> Any:
        """The factory that listens."""
        return self.machine.tcpServers[-1][1]
