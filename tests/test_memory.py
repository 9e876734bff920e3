"""What the process uses."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from mcmtpush.memory import GARBAGE_AT, ProcessMemory, tolerate_garbage
from tests.support.case import TestCase


PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessMemoryTests(TestCase):
    def file(self, text: str) -> str:
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path)

    def test_this_process(self) -> None:
        """A running interpreter uses some memory, and not all of it."""
        memory = ProcessMemory()
        self.assertGreater(memory.total_bytes, 2**24)
        self.assertGreater(memory.used_percent(), 0.0)
        self.assertLess(memory.used_percent(), 100.0)

    def test_grows(self) -> None:
        """What is taken is seen, and what is given back is seen, too."""
        memory = ProcessMemory()
        before = memory.used_percent()
        ballast = bytearray(b"x" * 2**26)
        share = 100 * len(ballast) / memory.total_bytes
        self.assertGreater(memory.used_percent(), before + share / 2)
        del ballast
        memory.trim()
        self.assertLess(memory.used_percent(), before + share / 2)

    def test_container(self) -> None:
        """The smallest limit of a control group counts; "max" and nonsense do not."""
        limits = ("8192000\n", "max\n", "0\n", "9000000000000000000\n", "?")
        ceilings = tuple(map(self.file, limits))
        memory = ProcessMemory(self.file("9 1000 3"), (*ceilings, "/no/such/file"))
        self.assertEqual(memory.total_bytes, 8192000)
        self.assertEqual(memory.used_percent(), 100.0 * 1000 * PAGE / 8192000)

    def test_elsewhere(self) -> None:
        """Where nobody says, nothing is used."""
        for statm in ("/no/such/file", self.file(""), self.file("1 x")):
            self.assertEqual(ProcessMemory(statm).used_percent(), 0.0)


class GarbageTests(TestCase):
    def test_tolerated(self) -> None:
        """Cycles are looked for, but seldom."""
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        tolerate_garbage()
        self.assertTrue(gc.isenabled())
        self.assertEqual(gc.get_threshold()[0], GARBAGE_AT)
