"""A lock between processes: held by one, given back by the dead."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from mcmtpush.shared.lock import FileLock
from tests.support.case import TestCase


HOLDER = """
import sys
from mcmtpush.shared.lock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


class FileLockTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve()

    def make(self) -> FileLock:
        lock = FileLock(str(self.path), 0.001)
        self.addCleanup(lock.close)
        return lock

    def test_one_at_a_time(self) -> None:
        """Whoever waits in vain is told so; once it is left another enters."""
        one, two = self.make(), self.make()
        with one:
            self.assertRaises(OSError, two.__enter__)
        with two:
            self.assertRaises(OSError, one.__enter__)
        with one:
            pass

    def test_nobody_else_may_open_it(self) -> None:
        """Who could lock it could stop deliveries."""
        self.addCleanup(os.umask, os.umask(0))
        with self.make():
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_left_by_an_error(self) -> None:
        """An error inside passes through and leaves it."""
        one = self.make()
        with self.assertRaises(ZeroDivisionError), one:
            raise ZeroDivisionError
        with self.make():
            pass

    def test_a_removed_file_is_made_anew(self) -> None:
        """Those who come later and those who were there meet in one file."""
        old, new = self.make(), self.make()
        with old:
            pass
        self.path.unlink()
        with old:
            self.assertRaises(OSError, new.__enter__)

    def test_it_cannot_be_opened(self) -> None:
        """The system's reason comes out."""
        self.path.mkdir()
        self.assertRaises(IsADirectoryError, self.make().__enter__)

    def test_a_killed_process_leaves_it(self) -> None:
        """Nothing is to be done for it."""
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with child:
            assert child.stdout is not None
            self.assertEqual(child.stdout.readline(), b"held\n")
            self.assertRaises(OSError, self.make().__enter__)
            child.kill()
            child.wait()
            with self.make():
                pass
