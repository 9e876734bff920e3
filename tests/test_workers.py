"""The parent of workers: what is shared, and what is added up."""

from __future__ import annotations

import os
import socket

from twisted.logger import capturedLogs, formatEvent

from mcmtpush.duty import LEDGER
from mcmtpush.errors import StartError
from mcmtpush.intercom import (
    Answered,
    Counted,
    Obey,
    Ready,
    Resume,
    Said,
)
from mcmtpush.lookout import LOOK_SECONDS
from mcmtpush.spool.order import Orders
from tests.support.crew import WorkersCase


class StartTests(WorkersCase):
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
