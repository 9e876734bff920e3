"""Workers whose processes do nothing by themselves, and the reactor that makes them."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from mcmtpush.config.settings import Configuration
from mcmtpush.duty import LEDGER
from mcmtpush.errors import ConfigError
from mcmtpush.intercom import (
    ORDER_LIMIT,
    ORDERS,
    Ear,
    Ready,
    Stop,
    Word,
    write,
)
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.places import SharedPlaces
from mcmtpush.spool.codec import insert_of
from mcmtpush.spool.folder import open_spool
from mcmtpush.workers import Workers
from mcmtpush.world import World
from tests.config.samples import tree
from tests.spool.test_codec import a_message, a_submission
from tests.support.case import TestCase


@define(eq=False)
class Process:
    """One process: what it was given, what it was told; it does nothing by itself."""

    child: Any
    descriptors: dict[int, Any]
    environment: dict[str, str]
    pid: int
    pipes: dict[int, object] = field(factory=lambda: {4: None})
    killed: list[str] = field(factory=list)
    _told: list[Any] = field(factory=list)
    _ear: Ear = field(factory=lambda: Ear(ORDERS, ORDER_LIMIT))

    def writeToChild(self, descriptor: int, data: bytes) -> None:  # noqa: N802
        assert descriptor == 4
        self._told += self._ear.feed(data)

    def signalProcess(self, name: str) -> None:  # noqa: N802
        self.killed.append(name)

    def told(self) -> list[Any]:
        """Since the last time."""
        told, self._told = self._told, []
        return told

    def says(self, *words: Word) -> None:
        for word in words:
            self.child.childDataReceived(3, write(word))

    def dies(self, status: int = signal.SIGKILL) -> None:
        self.child.processEnded(Failure(ProcessTerminated(None, status, status)))


class Machine(MemoryReactorClock):
    """A reactor whose processes are made here."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.waiting: list[Any] = []
        self.refuses = 0

    def callWhenRunning(self, *call: Any) -> None:  # noqa: N802
        self.waiting.append(call)

    def spawnProcess(  # type: ignore[override]  # noqa: N802
        self,
        child: Any,
        executable: str,
        args: Any,
        env: Any,
        childFDs: Any,  # noqa: N803
    ) -> Process:
        if self.refuses:
            self.refuses -= 1
            raise OSError("no room for processes")
        assert args[1:4] == ["-P", "-m", "mcmtpush.worker"]
        for descriptor in childFDs.values():
            if isinstance(descriptor, int):
                os.fstat(descriptor)
        process = Process(child, childFDs, env, 1000 + len(self.processes))
        self.processes.append(process)
        child.makeConnection(process)
        return process


class WorkersCase(TestCase):
    """A parent, its folder, its reactor."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.machine = Machine()
        self.failed: list[str] = []
        self.found: tuple[Configuration | None, list[ConfigError]] = (None, [])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"

    def configuration(self, more: str = "") -> Configuration:
        return Configuration(
            tree(
                f'spoolbase = "{self.folder}/spool" {more} '
                f'apn_logger "main" {{ logfile = "{self.folder}/log" }} '
                f'esmtp_listener {{ listen "{self.address}" {{}} }}'
            )
        )

    def make(self, count: int = 2, more: str = "") -> Workers:
        world = World(
            reactor=self.machine,
            now=lambda: 1_700_000_000.0,
            dice=Random(1),
            pid=os.getpid,
            memory=None,  # type: ignore[arg-type]
            reread=lambda: self.found,
        )
        return Workers(self.configuration(more), world, count, self.failed.append)

    def start(self, count: int = 2, more: str = "") -> Workers:
        """Started, its processes spawned, none of them ready."""
        self.workers = self.make(count, more)
        self.workers.startService()
        for call, *arguments in self.machine.waiting:
            call(*arguments)
        return self.workers

    def begin(self, count: int = 2) -> Workers:
        """All of them ready, and told what they are told first."""
        workers = self.start(count)
        for process in self.machine.processes:
            process.says(Ready())
            process.told()
        return workers

    def places(self, number: int) -> SharedPlaces:
        """As this worker sees them, by another ledger each time."""
        path = str(self.folder / "spool" / LEDGER)
        ledger = Ledger(path, worker=number, seconds=self.machine.seconds)
        self.addCleanup(ledger.close)
        return SharedPlaces(ledger, Clock(), Random(number))

    def stop(self, *processes: Process) -> None:
        """And these processes end."""
        stopped = self.workers.stopService()
        for process in processes:
            self.assertEqual(process.told(), [Stop(False)])
            self.assertNoResult(stopped)
            process.dies(0)
        self.successResultOf(stopped)

    def leave_messages(self, number: int) -> None:
        """As if a worker of this number had left some."""
        store = open_spool(
            str(self.folder / "spool" / f"worker-{number}"),
            mode=0o640,
            force_fsync=False,
            pid=1,
        )
        store.apply([insert_of(a_submission(a_message()), store.first_row)])
        store.close()
