"""A worker's process, without the process: what it does when it is told to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from mcmtpush import worker
from mcmtpush.config.part import pack
from mcmtpush.config.settings import Configuration
from mcmtpush.counters import Counters
from mcmtpush.errors import StartError
from mcmtpush.intercom import (
    ORDERS,
    REPORT_LIMIT,
    REPORTS,
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
    Stop,
    write,
)
from mcmtpush.reception.board import make_board
from mcmtpush.worker import COUNT_SECONDS, GOODBYE_SECONDS, Worker
from tests.config.samples import tree
from tests.support.case import TestCase


@define(eq=False)
class Gateway:
    """Notes what is asked of it."""

    started: Configuration
    world: Any
    calls: list[str] = field(factory=list)
    configuration: Any = None
    latest: Any = None
    counters: Counters = field(factory=Counters)
    empty: bool = False
    refuses: str | None = None
    follows: bool = True
    drained: Deferred[None] = field(factory=Deferred)

    def __attrs_post_init__(self) -> None:
        self.configuration = self

    def adopt(self, configuration: Configuration) -> None:
        self.latest = configuration

    def startService(self) -> None:
        if self.refuses:
            raise StartError(self.refuses)
        self.calls.append("start")

    def stopService(self) -> Deferred[None]:
        self.calls.append("stop")
        return self.drained

    def hurry(self) -> None:
        self.calls.append("hurry")

    def resume(self) -> None:
        self.calls.append("resume")

    def reload(self) -> bool:
        self.calls.append("reload")
        return self.follows

    def reopen(self) -> None:
        self.calls.append("reopen")


class Machine(MemoryReactorClock):
    """Says how often it was stopped."""

    stops = 0

    def stop(self) -> None:
        self.stops += 1


class WorkerCase(TestCase):
    drains = False

    def setUp(self) -> None:
        self.patch(worker, "Gateway", Gateway)
        self.machine = Machine()
        lock, _ = tempfile.mkstemp(dir=self.folder())
        begin = Begin(
            number=2,
            of=3,
            drains=self.drains,
            lock=lock,
            board=0 if self.drains else make_board(2, 1),
            listens=[":25"],
            sockets={":25": 9},
            started=pack(Configuration(tree("retry_interval = 5")), {}),
            latest=pack(Configuration(tree("retry_interval = 6")), {"/a": "ü"}),
        )
        self.worker = Worker(self.machine, begin, Ear(ORDERS, 10**6))
        self.gateway: Any = self.worker.gateway
        self.addCleanup(self.gateway.world.duty.lock.close)
        self.transport = StringTransport()
        self.worker.parent.makeConnection(self.transport)

    def folder(self) -> str:
        made = Path(self.mktemp())
        made.mkdir(parents=True)
        return os.fspath(made)

    def hear(self, *orders: Any) -> None:
        for order in orders:
            self.worker.parent.dataReceived(write(order))

    def told(self) -> list[Any]:
        """What the parent hears, since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return list(Ear(REPORTS, REPORT_LIMIT).feed(data))

    def lose(self) -> None:
        self.worker.parent.connectionLost(Failure(ConnectionDone()))

    def interval(self, configuration: Configuration) -> int:
        key = configuration.routing_key("e.com")
        return configuration.queue(key).retry_interval_seconds


class WorkTests(WorkerCase):
    def test_what_it_was_given(self) -> None:
        """Reaches the gateway."""
        duty = self.gateway.world.duty
        self.assertEqual((duty.part.number, duty.part.of), (2, 3))
        self.assertEqual(duty.sockets, {":25": 9})
        self.assertEqual((duty.board.row, duty.board.listens), (1, [":25"]))
        self.assertEqual(self.interval(self.gateway.started), 5)
        self.assertEqual(self.interval(self.gateway.latest), 6)

    def test_ready_and_counters(self) -> None:
        """Told at once, and every few seconds."""
        self.worker.start()
        self.assertEqual(self.told(), [Ready(), Counted({})])
        self.gateway.counters.add("a")
        self.machine.advance(COUNT_SECONDS)
        self.assertEqual(self.told(), [Counted({"a": 1})])

    def test_cannot_start(self) -> None:
        """The reason is told before the end, whose code is 1."""
        self.gateway.refuses = "no disk"
        self.worker.start()
        self.hear(Stop(True), Resume(), Follow(""))
        self.assertEqual(self.told(), [Failed("no disk")])
        self.assertTrue(self.transport.disconnecting)
        self.lose()
        self.assertEqual((self.machine.stops, self.worker.code), (1, 1))
        self.assertEqual(self.gateway.calls, [])

    def test_orders(self) -> None:
        """Each does what it says."""
        self.worker.start()
        text = pack(Configuration(tree("retry_interval = 7")), {"/b": "b"})
        self.hear(Follow(text), Follow(""), Resume(), Obey("1", "purge"))
        self.assertEqual(self.gateway.calls, ["start", "reload", "reopen", "resume"])
        self.assertEqual(self.gateway.world.files.read("/b"), b"b")
        self.assertRaises(FileNotFoundError, self.gateway.world.files.read, "/a")
        read, findings = self.gateway.world.reread()
        self.assertEqual((self.interval(read), findings), (7, []))
        self.assertEqual(self.gateway.world.duty.orders.pending(), ["1"])

    def test_what_cannot_be_followed(self) -> None:
        """The parent is told, and what held before holds."""
        self.worker.start()
        self.told()
        self.gateway.follows = False
        self.hear(Follow(pack(Configuration(tree("retry_interval = 7")), {})))
        self.assertEqual(self.told(), [Declined()])
        self.assertEqual(self.gateway.world.files.read("/a"), "ü".encode())
        read, _ = self.gateway.world.reread()
        self.assertEqual(self.interval(read), 6)

    def test_stop(self) -> None:
        """Drained, counters told meanwhile and at last, then the end."""
        self.worker.start()
        self.told()
        self.hear(Stop(False), Resume(), Follow(""))
        self.worker.end()
        self.assertEqual(self.gateway.calls, ["start", "stop"])
        self.gateway.counters.add("a")
        self.machine.advance(60)
        self.assertEqual(self.told(), [Counted({"a": 1})])
        self.gateway.counters.add("a")
        self.gateway.drained.callback(None)
        self.assertEqual(self.told(), [Counted({"a": 2})])
        self.assertEqual(self.machine.stops, 0)
        self.lose()
        self.assertEqual((self.machine.stops, self.worker.code), (1, 0))
        self.machine.advance(60)
        self.assertEqual(self.told(), [])

    def test_in_a_hurry(self) -> None:
        """At once or later."""
        self.worker.start()
        self.hear(Stop(False), Stop(True))
        self.assertEqual(self.gateway.calls, ["start", "stop", "hurry"])

    def test_a_parent_that_does_not_listen(self) -> None:
        """It is not waited for."""
        self.worker.start()
        self.hear(Stop(False))
        self.gateway.drained.callback(None)
        self.machine.advance(GOODBYE_SECONDS)
        self.assertEqual((self.machine.stops, self.worker.code), (1, 0))

    def test_a_parent_that_is_gone(self) -> None:
        """The worker drains and ends; the same when it is draining already."""
        self.worker.start()
        self.lose()
        self.assertEqual(self.gateway.calls, ["start", "stop"])
        self.gateway.drained.callback(None)
        self.assertEqual((self.machine.stops, self.worker.code), (1, 0))


class DrainTests(WorkerCase):
    drains = True

    def test_ends_when_empty(self) -> None:
        """And when no order waits for its answer."""
        self.worker.start()
        self.hear(Obey("1", "purge"))
        self.machine.advance(2)
        self.gateway.empty = True
        self.machine.advance(2)
        self.assertNotIn(Emptied(), self.told())
        self.worker.orders.answer("1", {"purged": 1})
        self.told()
        self.machine.advance(2)
        self.assertEqual(self.told()[-1:], [Emptied()])
        self.assertEqual(self.gateway.calls, ["start", "stop"])
