"""What is started: one process, or a parent of workers."""

from __future__ import annotations

import os
import sys
from io import StringIO
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning

from mcmtpush import tap
from mcmtpush.config.settings import Configuration
from mcmtpush.errors import SpoolError, StartError
from tests.config.samples import tree
from tests.support.case import TestCase


class Started:
    """Either of them; notes what it was made of and what is asked."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.calls: list[str] = []

    def startService(self) -> None:
        self.calls.append("start")

    def stopService(self) -> Deferred[None]:
        self.calls.append("stop")
        return succeed(None)

    def hurry(self) -> None:
        self.calls.append("hurry")

    def resume(self) -> None:
        self.calls.append("resume")

    def reload(self) -> None:
        self.calls.append("reload")


class Several(Started):
    """A parent."""


class World:
    """As much of it as is needed."""

    def __init__(self) -> None:
        self.reactor = self
        self.stops = 0

    def now(self) -> float:
        return 7.0

    def stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning


class ProgramTests(TestCase):
    def setUp(self) -> None:
        self.patch(tap, "Gateway", Started)
        self.patch(tap, "Workers", Several)
        self.patch(tap, "cores", lambda: 3)
        self.left: Any = []
        self.patch(tap, "left_over", lambda *_: self.left)
        self.world = World()

    def start(self, text: str) -> Any:
        """What was started."""
        world: Any = self.world
        self.program = tap.Program(Configuration(tree(text)), world)
        self.program.startService()
        return self.program._chosen

    def test_one_process(self) -> None:
        """Without workers, and without anything that others left."""
        for text in ("", "workers = 1"):
            self.assertIs(type(self.start(text)), Started)

    def test_several(self) -> None:
        """As many as are asked for, or as there are cores."""
        for text, count in (("workers = 2", 2), ("workers = auto", 3)):
            started = self.start(text)
            self.assertIs(type(started), Several)
            self.assertEqual(started.arguments[2], count)

    def test_left_over(self) -> None:
        """One worker, and a parent for it and for what others left."""
        self.left = [2]
        self.assertEqual(self.start("workers = 1").arguments[2], 1)

    def test_a_spool_that_cannot_be_read(self) -> None:
        """It keeps the program from starting."""

        def refuse(*_: object) -> list[int]:
            raise SpoolError("worker-2 is damaged")

        self.patch(tap, "left_over", refuse)
        self.assertRaisesRegex(StartError, "worker-2 is damaged", self.start, "")

    def test_orders(self) -> None:
        """They go to whichever it is."""
        started = self.start("workers = 2")
        self.program.reload()
        self.program.resume()
        self.program.hurry()
        self.successResultOf(self.program.stopService())
        self.assertEqual(started.calls, ["start", "reload", "resume", "hurry", "stop"])

    def test_failing_late(self) -> None:
        """One line, the end, and exit code 1 at the very end; said twice or not."""
        registered: list[Any] = []
        self.patch(tap.atexit, "register", registered.append)
        said = StringIO()
        self.patch(sys, "__stderr__", said)
        started = self.start("workers = 2")
        for _ in range(2):
            started.arguments[3]("no disk")
        self.assertEqual(said.getvalue(), "mcmtpush: not started: no disk\n")
        self.assertEqual(self.world.stops, 1)
        codes: list[int] = []
        self.patch(os, "_exit", codes.append)
        registered[0]()
        self.assertEqual(codes, [1])

    def test_cores(self) -> None:
        """Those that this process may use."""
        if hasattr(os, "sched_getaffinity"):
            self.assertEqual(CORES(), len(os.sched_getaffinity(0)))
        self.assertGreater(CORES(), 0)


CORES = tap.cores
