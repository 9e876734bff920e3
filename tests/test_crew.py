"""The lives of workers: who is replaced, who is killed, what the dead leave."""

from __future__ import annotations

import sqlite3

from twisted.logger import capturedLogs, formatEvent

from mcmtpush.crew import FORGET_SECONDS, LAST_SECONDS, LOOK_SECONDS, SILENT_LOOKS
from mcmtpush.duty import LEDGER
from mcmtpush.intercom import (
    Counted,
    Failed,
    Ready,
    Stop,
)
from mcmtpush.post import BOARD, LOCK
from mcmtpush.reception.board import Board
from tests.support.crew import WorkersCase


class BirthTests(WorkersCase):
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


class LifeTests(WorkersCase):
    def test_replaced(self) -> None:
        """At once; after a short life only later; with the lock it had."""
        self.begin()
        one, two = self.machine.processes
        board = Board.of(two.descriptors[BOARD], [self.address], row=1)
        board.note(self.address, 5, 5)
        two.dies()
        self.assertEqual(self.workers._inheritance.board.total(), 0)
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

    def test_hanging_at_the_end(self) -> None:
        """Who drains says something meanwhile; who does not is killed in the end."""
        self.begin()
        one, two = self.machine.processes
        stopped = self.workers.stopService()
        for _ in range(3 * SILENT_LOOKS):
            self.machine.advance(LOOK_SECONDS)
            one.says(Counted({"a": 1}))
            if two.killed:
                two.dies()
        self.assertEqual((one.killed, two.killed), ([], ["KILL"]))
        self.assertNoResult(stopped)
        one.dies(0)
        self.successResultOf(stopped)
        self.assertEqual(self.machine.getDelayedCalls(), [])

    def test_hanging_at_work(self) -> None:
        """It is told of once, and when it is back; nobody is killed."""
        self.begin()
        one, two = self.machine.processes
        with capturedLogs() as events:
            for _ in range(2 * SILENT_LOOKS):
                self.machine.advance(LOOK_SECONDS)
                one.says(Counted({}))
            two.says(Counted({}))
            self.machine.advance(LOOK_SECONDS)
        hangs, back = map(formatEvent, events)
        self.assertIn("worker 2 says nothing for 30 s", hangs)
        self.assertEqual(back, "worker 2 is back")
        self.assertEqual((one.killed, two.killed), ([], []))
        self.stop(one, two)

    def test_a_machine_that_slept(self) -> None:
        """Much time at once is no silence."""
        self.begin()
        one, two = self.machine.processes
        stopped = self.workers.stopService()
        self.machine.advance(1000 * LOOK_SECONDS)
        self.assertEqual((one.killed, two.killed), ([], []))
        one.dies(0)
        two.dies(0)
        self.successResultOf(stopped)

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
