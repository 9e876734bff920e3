"""A file of whole lines, on disks that fill up and paths that move."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.records import logfile
from mcmtpush.records.logfile import LogFile
from tests.support.case import TestCase, readable


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class LogFileTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.path = self.folder / "apnlog.ec"
        self.file = LogFile(str(self.path), 0o644)
        self.addCleanup(self.file.close)

    def mode(self) -> int:
        return stat.S_IMODE(self.path.stat().st_mode)

    def test_appends_in_one_write(self) -> None:
        """A batch is one call to the system, behind what is in the file."""
        self.path.write_bytes(b"old\n")
        self.assertIsNone(self.file.open())
        writes: list[bytes] = []
        self.patch(
            logfile.os,
            "write",
            lambda _, data: writes.append(data) or len(data),
        )
        self.assertIsNone(self.file.append(b"one\ntwo\n"))
        self.assertEqual(writes, [b"one\ntwo\n"])

    def test_makes_missing_folders(self) -> None:
        """Folders are made with their parents, readable by all."""
        path = self.folder / "a" / "b" / "log"
        file = LogFile(str(path), 0o644)
        self.assertIsNone(file.open())
        self.addCleanup(file.close)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o755)
        self.assertEqual(path.read_bytes(), b"")

    def test_mode_is_exact(self) -> None:
        """The umask cuts no bits, and a file that is there already is corrected."""
        self.addCleanup(os.umask, os.umask(0o077))
        self.file.mode = 0o664
        self.file.open()
        self.assertEqual(self.mode(), 0o664)
        self.path.chmod(0o600)
        self.file.open()
        self.assertEqual(self.mode(), 0o664)

    def test_lines_written_after_a_rename_go_to_the_renamed_file(self) -> None:
        """Until it is reopened, a rotated file receives everything."""
        rotated = self.folder / "apnlog.ec.1"
        self.file.append(b"one\n")
        self.path.rename(rotated)
        self.file.append(b"two\n")
        self.assertIsNone(self.file.open())
        self.file.append(b"three\n")
        self.assertEqual(rotated.read_bytes(), b"one\ntwo\n")
        self.assertEqual(self.path.read_bytes(), b"three\n")

    def test_a_removed_file_is_made_anew(self) -> None:
        """Lines are not written where nobody can read them."""
        self.file.append(b"one\n")
        self.path.unlink()
        self.assertIsNone(self.file.append(b"two\n"))
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_a_full_disk_tears_no_line(self) -> None:
        """The rest of a torn line is written before any other line."""
        with room(6):
            reason = self.file.append(b"one\ntwo\nthree\n")
            self.assertIn(str(self.path), reason)
            self.assertIsNotNone(self.file.append(b"four\n"))
        self.assertTrue(self.file.kept)
        self.assertEqual(self.path.read_bytes(), b"one\ntw")
        self.assertIsNone(self.file.flush())
        self.assertFalse(self.file.kept)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nthree\nfour\n")

    def test_a_torn_line_moves_whole_to_another_file(self) -> None:
        """After a rotation on a full disk the new file begins with a whole line."""
        rotated = self.folder / "apnlog.ec.1"
        with room(6):
            self.file.append(b"one\ntwo\nthree\n")
            self.path.rename(rotated)
            self.assertIsNotNone(self.file.open())
        self.assertIsNone(self.file.flush())
        self.assertEqual(rotated.read_bytes(), b"one\ntw")
        self.assertEqual(self.path.read_bytes(), b"two\nthree\n")

    def test_reopening_finishes_the_old_file_if_it_can(self) -> None:
        """Lines that were kept belong before the rotation."""
        rotated = self.folder / "apnlog.ec.1"
        self.file.open()
        with room(2):
            self.file.append(b"one\n")
        self.path.rename(rotated)
        self.assertIsNone(self.file.open())
        self.assertEqual(rotated.read_bytes(), b"one\n")
        self.assertEqual(self.path.read_bytes(), b"")

    def test_a_line_torn_by_a_dead_process_is_ended(self) -> None:
        """The fragment stays by itself; our first line begins a line."""
        self.path.write_bytes(b"one\nfrag")
        self.assertIsNone(self.file.open())
        self.file.append(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"one\nfrag\ntwo\n")

    def test_a_dead_line_is_ended_once(self) -> None:
        """However often the first write is tried, it leaves no empty lines."""
        self.path.write_bytes(b"one\nfrag")
        with room(8):
            self.assertIsNotNone(self.file.open())
            self.assertIsNotNone(self.file.append(b"two\n"))
        self.assertIsNone(self.file.flush())
        self.assertEqual(self.path.read_bytes(), b"one\nfrag\ntwo\n")

    def test_reasons_say_what_to_do(self) -> None:
        """Path, trouble and remedy in one line."""
        self.path.mkdir()
        self.assertEqual(
            self.file.open(),
            f"cannot write {self.path}: Is a directory; correct the path",
        )
        full = LogFile("/dev/full", 0o666)
        self.addCleanup(full.close)
        self.assertEqual(
            full.append(b"x\n"),
            "cannot write /dev/full: No space left on device; make room on its disk",
        )

    def test_a_write_that_takes_nothing_is_a_failure(self) -> None:
        """Nothing taken counts as no room, not as a reason to try for ever."""
        self.file.open()
        self.patch(logfile.os, "write", lambda *_: 0)
        self.assertIn("No space left", self.file.append(b"x\n"))

    def test_a_pipe_without_a_reader_does_not_block(self) -> None:
        """Nor does one whose reader is slow: what it does not take is kept."""
        os.mkfifo(self.path)
        self.assertIn("start the reader", self.file.append(b"one\n"))
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assertIsNone(self.file.flush())
        self.assertEqual(os.read(reader, 100), b"one\n")
        line = b"x" * 99 + b"\n"
        self.assertIsNotNone(self.file.append(line * 2000))
        taken = os.read(reader, 10**6)
        while self.file.flush():
            taken += os.read(reader, 10**6)
        taken += os.read(reader, 10**6)
        self.assertEqual(taken, line * 2000)

    def test_a_path_that_cannot_be_opened_keeps_the_lines(self) -> None:
        """After a failed reopening nothing goes to the file that is no longer ours."""
        rotated = self.folder / "apnlog.ec.1"
        self.file.append(b"one\n")
        self.path.rename(rotated)
        self.path.mkdir()
        self.assertIsNotNone(self.file.open())
        self.assertIsNotNone(self.file.append(b"two\n"))
        self.path.rmdir()
        self.assertIsNone(self.file.flush())
        self.assertEqual(rotated.read_bytes(), b"one\n")
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_a_file_once_left_is_never_written_again(self) -> None:
        """Not even the rest of a torn line, when the path is mended later."""
        rotated = self.folder / "apnlog.ec.1"
        with room(6):
            self.file.append(b"one\ntwo\n")
            self.path.rename(rotated)
            self.path.mkdir()
            self.assertIn("Is a directory", self.file.open())
        self.path.rmdir()
        self.assertIsNone(self.file.open())
        self.assertEqual(rotated.read_bytes(), b"one\ntw")
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_reopening_writes_nothing_into_a_removed_file(self) -> None:
        """What is kept goes where it can be read."""
        with room(6):
            self.file.append(b"one\ntwo\n")
        self.path.unlink()
        self.assertIsNone(self.file.open())
        self.assertEqual(self.path.read_bytes(), b"two\n")

    def test_closing_writes_what_is_kept_or_says_why_not(self) -> None:
        """The last words are not lost in silence."""
        with room(2):
            self.file.append(b"one\n")
        self.assertIsNone(self.file.close())
        self.assertEqual(self.path.read_bytes(), b"one\n")
        with room(2):
            self.file.append(b"two\n")
            self.assertIsNotNone(self.file.close())


class LogFileMachine(RuleBasedStateMachine):
    """Appends, rotations and full disks in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "log")
        self.file = LogFile(str(self.path), 0o644)
        self.file.open()
        self.lines: list[bytes] = []
        self.rotated: list[Path] = []

    def grown(self, path: Path, spare: int) -> int:
        return (path.stat().st_size if path.exists() else 0) + spare

    @rule(lengths=st.lists(st.integers(0, 9), max_size=4), spare=st.integers(0, 30))
    def append(self, lengths: list[int], spare: int) -> None:
        lines = [
            b"%d%s\n" % (len(self.lines) + at, b"." * length)
            for at, length in enumerate(lengths)
        ]
        self.lines += lines
        with room(self.grown(self.path, spare)):
            reason = self.file.append(b"".join(lines))
        assert (reason is None) == (not self.file.kept)

    @rule(spare=st.integers(0, 30))
    def rotate(self, spare: int) -> None:
        if self.path.exists():
            self.rotated.append(self.path.with_suffix(f".{len(self.rotated)}"))
            self.path.rename(self.rotated[-1])
            with room(self.grown(self.rotated[-1], spare)):
                self.file.open()

    @rule(spare=st.integers(0, 30))
    def flush(self, spare: int) -> None:
        with room(self.grown(self.path, spare)):
            self.file.flush()

    @invariant()
    def every_file_is_whole_lines_and_at_most_a_torn_end(self) -> None:
        files = [path.read_bytes() for path in self.rotated]
        files.append(self.path.read_bytes() if self.path.exists() else b"")
        whole = b"".join(data[: data.rfind(b"\n") + 1] for data in files)
        assert b"".join(self.lines).startswith(whole)

    def teardown(self) -> None:
        assert self.file.close() is None
        self.every_file_is_whole_lines_and_at_most_a_torn_end()
        files = [path.read_bytes() for path in [*self.rotated, self.path]]
        whole = b"".join(data[: data.rfind(b"\n") + 1] for data in files)
        assert whole == b"".join(self.lines)
        assert files[-1].endswith(b"\n") or not files[-1]
        self.folder.cleanup()


class LogFileMachineTests(TestCase):
    @readable
    def test_no_line_is_lost_torn_or_repeated(self) -> None:
        """Over all rotated files together every line stands once, in order."""
        run_state_machine_as_test(LogFileMachine)
