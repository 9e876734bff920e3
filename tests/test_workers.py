"""The parent of workers: what is shared, who is replaced, what is added up."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from mcmtpush.config.part import unpack
from mcmtpush.config.settings import Configuration
from mcmtpush.duty import LEDGER
from mcmtpush.errors import ConfigError, StartError
from mcmtpush.intercom import (
    ORDER_LIMIT,
    ORDERS,
    Answered,
    Begin,
    Counted,
    Declined,
    Ear,
    Emptied,
    Failed,
    Follow,
    Obey,
    Ready,
    Resume,
    Said,
    Stop,
    Word,
    write,
)
from mcmtpush.obedience import LOOK_SECONDS
from mcmtpush.post import BOARD, LOCK, SOCKETS
from mcmtpush.reception.board import Board
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.places import SharedPlaces
from mcmtpush.spool.codec import insert_of
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.order import Orders
from mcmtpush.workers import FORGET_SECONDS, LAST_SECONDS, Workers, left_over
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


class StartTests(WorkersCase):
    def test_what_each_is_given(self) -> None:
        """A number, its lock, the sockets, the configuration."""
        workers = self.start(3)
        self.assertEqual(len(self.machine.processes), 3)
        for number, process in enumerate(self.machine.processes, 1):
            (begin,) = process.told()
            self.assertIsInstance(begin, Begin)
            self.assertEqual(
                (begin.number, begin.of, begin.drains, begin.lock),
                (number, 3, False, LOCK),
            )
            self.assertEqual(begin.sockets, {self.address: SOCKETS})
            self.assertEqual((begin.board, begin.listens), (BOARD, [self.address]))
            self.assertEqual(
                unpack(begin.started)[0].process(), workers.current.latest.process()
            )
            self.assertEqual(
                {name for name, kind in process.descriptors.items() if kind == "r"},
                {1, 2, 3},
            )
        self.stop(*self.machine.processes)
        self.assertEqual(self.failed, [])

    def test_left_over(self) -> None:
        """A spool that has no worker any more, and messages, gets one that drains."""
        self.leave_messages(5)
        open_spool(
            str(self.folder / "spool" / "worker-6"),
            mode=0o640,
            force_fsync=False,
            pid=1,
        ).close()
        self.assertEqual(left_over(str(self.folder / "spool"), 1, 0.0), [5])
        self.assertEqual(left_over(str(self.folder / "spool"), 5, 0.0), [])
        self.start(1)
        one, five = self.machine.processes
        (begin,) = five.told()
        self.assertEqual(
            (begin.number, begin.of, begin.drains, begin.sockets), (5, 2, True, {})
        )
        five.says(Ready(), Emptied())
        five.dies(0)
        self.machine.advance(100)
        self.assertEqual(len(self.machine.processes), 2)
        one.told()
        self.stop(one)

    def test_a_worker_that_cannot_start(self) -> None:
        """Its reason ends the program; the others are stopped."""
        self.start()
        one, two = self.machine.processes
        for process in (one, two):
            process.told()
        one.says(Ready())
        two.says(Failed("no certificate"))
        two.dies(1)
        self.assertEqual(self.failed, ["no certificate"])
        self.stop(one)
        self.assertEqual(self.failed, ["no certificate"])

    def test_a_worker_that_dies_at_the_start(self) -> None:
        """So does its end, without any reason."""
        self.machine.refuses = 1
        self.start()
        (process,) = self.machine.processes
        process.told()
        self.assertEqual(
            self.failed,
            ["worker 1 has ended: cannot start a process: no room for processes"],
        )
        self.stop(process)

    def test_errors_of_the_parent(self) -> None:
        """Nothing is started: a spool in use, a log, an address."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", int(self.address.rpartition(":")[2])))
            taken.listen()
            self.assertRaisesRegex(
                StartError, "cannot listen: Address already", self.make().startService
            )
        (self.folder / "log").unlink()
        (self.folder / "log").mkdir()
        self.assertRaisesRegex(StartError, "cannot write", self.make().startService)
        (self.folder / "log").rmdir()
        self.start()
        self.assertRaisesRegex(
            StartError,
            f"in use by process {os.getpid()}: stop it",
            self.make().startService,
        )
        self.assertEqual(len(self.machine.processes), 2)

    def test_what_workers_count(self) -> None:
        """It is made anew, or nothing is started."""
        ledger = self.folder / "spool" / LEDGER
        ledger.mkdir(parents=True)
        self.assertRaisesRegex(
            StartError, "cannot make .*/spool/workers.db", self.make().startService
        )
        ledger.rmdir()
        ledger.write_bytes(b"from an earlier version")
        self.start()
        self.assertIsNone(self.places(1).take([("a", 1)]))

    def test_stopped_before_it_began(self) -> None:
        """There is nobody to wait for."""
        self.workers = self.make()
        self.workers.startService()
        self.stop()
        for call, *arguments in self.machine.waiting:
            call(*arguments)
        self.assertEqual(self.machine.processes, [])


class LifeTests(WorkersCase):
    def test_replaced(self) -> None:
        """At once; after a short life only later; with the lock it had."""
        self.begin()
        one, two = self.machine.processes
        board = Board.of(two.descriptors[BOARD], [self.address], row=1)
        board.note(self.address, 5, 5)
        two.dies()
        self.assertEqual(self.workers._board.total(), 0)
        self.machine.advance(0)
        third = self.machine.processes[2]
        self.assertEqual(third.told()[0].number, 2)
        self.assertEqual(third.descriptors[LOCK], two.descriptors[LOCK])
        third.says(Ready())
        third.dies()
        self.machine.advance(0.9)
        self.assertEqual(len(self.machine.processes), 3)
        self.machine.advance(0.2)
        fourth = self.machine.processes[3]
        fourth.told()
        self.stop(one, fourth)

    def test_what_a_dead_worker_had(self) -> None:
        """Is free at once, or as soon as that can be noted."""
        self.begin()
        _, two = self.machine.processes
        self.assertIsNone(self.places(2).take([("a", 1)]))
        self.assertEqual(self.places(1).take([("a", 1)]), "a")
        two.dies()
        self.assertIsNone(self.places(1).take([("a", 1)]))

        self.machine.advance(0)
        third = self.machine.processes[2]
        self.assertIsNone(self.places(2).take([("b", 1)]))
        blocked = sqlite3.connect(self.folder / "spool" / LEDGER)
        self.addCleanup(blocked.close)
        blocked.execute("BEGIN IMMEDIATE")
        third.dies()
        blocked.rollback()
        self.assertEqual(self.places(1).take([("b", 1)]), "b")
        self.machine.advance(FORGET_SECONDS)
        self.assertIsNone(self.places(1).take([("b", 1)]))

    def test_stop_in_a_rest(self) -> None:
        """Who is dead stays so."""
        self.begin()
        one, two = self.machine.processes
        two.dies()
        self.machine.advance(0)
        self.machine.processes[2].dies()
        self.stop(one)
        self.machine.advance(100)
        self.assertEqual(len(self.machine.processes), 3)
        self.assertEqual(self.machine.getDelayedCalls(), [])

    def test_in_a_hurry(self) -> None:
        """All are told; who does not end is killed."""
        self.begin()
        stopped = self.workers.stopService()
        self.workers.hurry()
        self.workers.hurry()
        one, two = self.machine.processes
        self.assertEqual(one.told(), [Stop(False), Stop(True), Stop(True)])
        one.dies(0)
        self.machine.advance(LAST_SECONDS + 1)
        self.assertEqual((one.killed, two.killed), ([], ["KILL"]))
        self.assertNoResult(stopped)
        two.dies()
        self.successResultOf(stopped)
        self.assertEqual(self.machine.getDelayedCalls(), [])

    def test_not_understood(self) -> None:
        """Who says odd things is killed, and nothing more is heard of it."""
        self.begin(1)
        (process,) = self.machine.processes
        process.child.childDataReceived(3, b"hello")
        self.assertEqual(process.killed, ["KILL"])
        process.says(Counted({"a": 1}))
        self.assertEqual(self.workers.totals(), {})
        process.dies()
        self.machine.advance(0)
        self.assertEqual(len(self.machine.processes), 2)


class TogetherTests(WorkersCase):
    def test_counters(self) -> None:
        """The last of each process, over all that ever were; zeros as well."""
        self.begin()
        one, two = self.machine.processes
        one.says(Counted({"b": 1, "zero": 0}), Counted({"b": 5, "zero": 0}))
        two.says(Counted({"a": 2, "b": 10}))
        two.dies()
        self.machine.advance(0)
        self.machine.processes[2].says(Ready(), Counted({"b": 100}))
        totals = {"a": 2, "b": 115, "zero": 0}
        self.assertEqual(self.workers.totals(), totals)
        self.assertEqual(list(self.workers.totals()), sorted(totals))
        one.says(Counted({"b": 6, "zero": 0}))
        self.machine.processes[2].told()
        with capturedLogs() as events:
            self.stop(one, self.machine.processes[2])
        self.assertIn("drained; a 2, b 116, zero 0", map(formatEvent, events))

    def test_log(self) -> None:
        """Workers' words with their number; what is printed as a warning."""
        self.begin()
        process = self.machine.processes[1]
        with capturedLogs() as events:
            process.says(Said("warn", "a.room", "{odd} text"), Said("x", "y", "z"))
            process.child.childDataReceived(2, b"Fatal Python error: x\nand")
            process.dies()
        said = [
            (event["log_level"].name, event["log_namespace"], formatEvent(event))
            for event in events
        ]
        self.assertEqual(
            said[:4],
            [
                ("warn", "a.room", "worker 2: {odd} text"),
                ("error", "y", "worker 2: z"),
                *(
                    ("warn", "mcmtpush.post", f"worker 2 prints: {line}")
                    for line in ("Fatal Python error: x", "and")
                ),
            ],
        )
        self.assertIn("worker 2 has ended", said[4][2])

    def test_reload(self) -> None:
        """One reading for all; also for those that are born later."""
        self.begin()
        self.found = self.configuration("retry_interval = 7 workers = 3"), []
        with capturedLogs() as events:
            self.workers.reload()
        self.assertEqual(
            [
                (formatEvent(event) or "").rpartition("warning: ")[2]
                for event in events
                if event["log_level"].name == "warn"
            ],
            ["workers needs a restart: until then it is 1"],
        )
        key = self.configuration().routing_key("e.com")
        for process in self.machine.processes:
            (follow,) = process.told()
            queue = unpack(follow.configuration)[0].queue(key)
            self.assertEqual(queue.retry_interval_seconds, 7)
        self.machine.processes[0].dies()
        self.machine.advance(0)
        (begin,) = self.machine.processes[2].told()
        for text, seconds in ((begin.started, 1200), (begin.latest, 7)):
            self.assertEqual(unpack(text)[0].queue(key).retry_interval_seconds, seconds)

    def test_reload_with_errors(self) -> None:
        """Only the logs are opened anew."""
        self.begin()
        self.found = None, [ConfigError("odd", "gw.conf", 3, 1)]
        with capturedLogs() as events:
            self.workers.reload()
        self.assertIn("gw.conf:3:1: error: odd", map(formatEvent, events))
        self.assertIn("nothing is changed", formatEvent(events[-1]))
        for process in self.machine.processes:
            self.assertEqual(process.told(), [Follow("")])

    def test_reload_that_does_not_work(self) -> None:
        """When a worker declines, those that are born later get what held before."""
        self.begin()
        self.found = self.configuration("retry_interval = 7"), []
        self.workers.reload()
        for process in self.machine.processes:
            process.told()
            process.says(Declined())
        self.machine.processes[0].dies()
        self.machine.advance(0)
        (begin,) = self.machine.processes[2].told()
        key = self.configuration().routing_key("e.com")
        latest, _ = unpack(begin.latest)
        self.assertEqual(latest.queue(key).retry_interval_seconds, 1200)
        self.assertEqual(self.workers.current.queue(key).retry_interval_seconds, 1200)

    def test_scripts(self) -> None:
        """They are read once, with the configuration; also when that is read again."""
        script = self.folder / "quiet.py"
        self.folder.mkdir(parents=True)
        script.write_text("one = 1")
        more = f'python {{ script "q" {{ source = "{script}" }} }}'
        self.start(1, more)
        (process,) = self.machine.processes
        (begin,) = process.told()
        self.assertEqual(unpack(begin.latest)[1], {str(script): "one = 1"})
        script.write_text("two = 2")
        self.found = self.configuration(more), []
        self.workers.reload()
        (follow,) = process.told()
        self.assertEqual(unpack(follow.configuration)[1], {str(script): "two = 2"})
        script.unlink()
        self.workers.reload()
        self.assertEqual(process.told(), [Follow("")])
        process.dies()
        self.assertEqual(len(self.failed), 1)

    def test_resume(self) -> None:
        """All are told; who is dead is not."""
        self.begin()
        one, two = self.machine.processes
        two.pipes.clear()
        self.workers.resume()
        self.assertEqual((one.told(), two.told()), ([Resume()], []))

    def test_orders(self) -> None:
        """They come from the first spool, go to all, and again to who is replaced."""
        self.begin()
        orders = Orders(str(self.folder / "spool"))
        orders.give("1", b"purge")
        self.machine.advance(LOOK_SECONDS)
        one, two = self.machine.processes
        for process in (one, two):
            self.assertEqual(process.told(), [Obey("1", "purge")])
        one.says(Answered("1", {"purged": 2}))
        two.dies()
        self.machine.advance(0)
        third = self.machine.processes[2]
        third.told()
        third.says(Ready())
        self.assertEqual(third.told(), [Obey("1", "purge")])
        self.assertIsNone(orders.take_answer("1"))
        third.says(Answered("1", {"purged": 3}))
        self.assertEqual(orders.take_answer("1"), {"purged": 5})
