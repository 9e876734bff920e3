"""What each worker begins with."""

from __future__ import annotations

from mcmtpush.config.part import unpack
from mcmtpush.inheritance import left_over
from mcmtpush.intercom import (
    Begin,
    Emptied,
    Ready,
)
from mcmtpush.post import BOARD, LOCK, SOCKETS
from mcmtpush.spool.folder import open_spool
from tests.support.crew import WorkersCase


class InheritanceTests(WorkersCase):
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
