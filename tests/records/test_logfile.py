"""A file of whole lines, on disks that fill up, paths that move, by many hands."""

from __future__ import annotations

import errno
import os
import resource
import stat
import tempfile
from collections import Counter
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
from mcmtpush.shared.lock import FileLock
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


def refuse(*_: object) -> None:
    """As the system does for a file that may only grow."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


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
        """What there is no room for whole is not in the file, and goes first later."""
        with room(6):
            reason = self.file.append(b"one\ntwo\nthree\n")
            self.assertIn(str(self.path), reason)
            self.assertIsNotNone(self.file.append(b"four\n"))
        self.assertTrue(self.file.kept)
        self.assertEqual(self.path.read_bytes(), b"one\n")
        self.assertIsNone(self.file.flush())
        self.assertFalse(self.file.kept)
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nthree\nfour\n")

    def test_a_torn_line_moves_whole_to_another_file(self) -> None:
        """After a rotation on a full disk both files have whole lines only."""
        rotated = self.folder / "apnlog.ec.1"
        with room(6):
            self.file.append(b"one\ntwo\nthree\n")
            self.path.rename(rotated)
            self.assertIsNotNone(self.file.open())
        self.assertIsNone(self.file.flush())
        self.assertEqual(rotated.read_bytes(), b"one\n")
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
        self.assertIsNone(self.file.open())
        with room(8):
            self.assertIsNotNone(self.file.append(b"two\n"))
        self.assertEqual(self.path.read_bytes(), b"one\nfrag")
        for size in (9, 11):
            with room(size):
                self.assertIsNotNone(self.file.flush())
            self.assertEqual(self.path.read_bytes(), b"one\nfrag\n")
        self.assertIsNone(self.file.flush())
        self.assertEqual(self.path.read_bytes(), b"one\nfrag\ntwo\n")

    def test_a_dead_line_is_ended_on_a_full_disk(self) -> None:
        """Nor is it taken for a whole one when there was no room behind it."""
        self.file.open()
        self.path.write_bytes(b"torn")
        with room(4):
            self.assertIsNotNone(self.file.append(b"one\n"))
        self.assertIsNone(self.file.open())
        self.assertEqual(self.path.read_bytes(), b"torn\none\n")

    def test_what_cannot_be_cut_off_is_ended(self) -> None:
        """Where nothing may be taken back the torn piece stands by itself."""
        self.patch(logfile.os, "ftruncate", refuse)
        with room(6):
            self.assertIsNotNone(self.file.append(b"one\ntwo\nthree\n"))
        self.assertEqual(self.path.read_bytes(), b"one\ntw")
        self.assertIsNone(self.file.flush())
        self.assertEqual(self.path.read_bytes(), b"one\ntw\ntwo\nthree\n")

    def test_only_what_others_wrote_is_looked_at(self) -> None:
        """Who writes alone does not read where its own last line ended."""
        looks: list[int] = []
        self.patch(logfile.os, "pread", lambda *_: looks.append(1) or b"\n")
        self.file.append(b"one\n")
        self.file.append(b"two\n")
        self.assertEqual(looks, [])
        with self.path.open("ab") as other:
            other.write(b"three\n")
        self.file.append(b"four\n")
        self.file.append(b"five\n")
        self.assertEqual(looks, [1])

    def test_a_file_that_cannot_be_read(self) -> None:
        """It is written all the same; how it ends is not known then."""
        real = os.open

        def write_only(path: str, flags: int, *mode: int) -> int:
            if flags & os.O_RDWR:
                raise PermissionError(errno.EACCES, "not to be read")
            return real(path, flags, *mode)

        self.patch(logfile.os, "open", write_only)
        self.path.write_bytes(b"frag")
        self.assertIsNone(self.file.append(b"one\n"))
        self.assertEqual(self.path.read_bytes(), b"fragone\n")

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

    def test_a_pipe_takes_short_lines_whole(self) -> None:
        """A slow reader tears no line, so that those of others cannot get into it."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        line = b"x" * 98 + b"\n"
        self.assertIsNotNone(self.file.append(line * 2000))
        other = LogFile(str(self.path), 0o644)
        self.addCleanup(other.close)
        other.append(b"other\n" * 50)
        taken = b""
        while self.file.flush() or other.flush():
            taken += os.read(reader, 10**6)
        taken += os.read(reader, 10**6)
        found = Counter(taken.split(b"\n"))
        self.assertEqual(found, {line[:-1]: 2000, b"other": 50, b"": 1})

    def test_a_long_line_in_a_pipe_is_finished_first(self) -> None:
        """What the system does not take whole goes on where it stopped."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        lines = b"short\n" + b"x" * 200_000 + b"\nlast\n"
        self.assertIsNotNone(self.file.append(lines))
        taken = os.read(reader, 10**6)
        self.assertTrue(taken.startswith(b"short\nxxx"))
        while self.file.flush():
            taken += os.read(reader, 10**6)
        taken += os.read(reader, 10**6)
        self.assertEqual(taken, lines)

    def test_a_lock_that_cannot_be_had(self) -> None:
        """The lines are kept, and it is said who is in the way."""
        lock = FileLock(str(self.folder / "lock"), 0.001)
        self.addCleanup(lock.close)
        self.file.lock = lock
        self.assertIsNone(self.file.append(b"one\n"))
        with FileLock(lock.path):
            reason = self.file.append(b"two\n")
        self.assertIn(f"another process keeps {lock.path} locked", reason)
        self.assertIn("goes on", reason)
        self.assertIsNone(self.file.append(b"three\n"))
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nthree\n")

    def test_reopening_while_it_is_locked(self) -> None:
        """What the old file cannot be given goes to the new one."""
        lock = FileLock(str(self.folder / "lock"), 0.001)
        self.addCleanup(lock.close)
        self.file.lock = lock
        self.file.open()
        with FileLock(lock.path):
            self.assertIsNotNone(self.file.append(b"one\n"))
            self.path.rename(self.folder / "old")
            self.assertIsNotNone(self.file.open())
        self.assertIsNone(self.file.flush())
        self.assertEqual(self.path.read_bytes(), b"one\n")
        self.assertEqual((self.folder / "old").read_bytes(), b"")

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
        self.assertEqual(rotated.read_bytes(), b"one\n")
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
    def every_file_is_whole_lines(self) -> None:
        files = [path.read_bytes() for path in self.rotated]
        files.append(self.path.read_bytes() if self.path.exists() else b"")
        assert all(data.endswith(b"\n") for data in files if data)
        assert b"".join(self.lines).startswith(b"".join(files))

    def teardown(self) -> None:
        assert self.file.close() is None
        self.every_file_is_whole_lines()
        files = [path.read_bytes() for path in [*self.rotated, self.path]]
        assert b"".join(files) == b"".join(self.lines)
        self.folder.cleanup()


class SharedMachine(RuleBasedStateMachine):
    """Three writers of one file: full disks, rotations, and deaths in a write."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "log")
        self.files = [self.make() for _ in range(3)]
        self.given: list[list[bytes]] = [[], [], []]  # by each writer that lives
        self.dead: list[list[bytes]] = []
        self.torn: list[bytes] = []
        self.rotated: list[Path] = []

    def make(self) -> LogFile:
        lock = FileLock(str(Path(self.folder.name, "lock")))
        file = LogFile(str(self.path), 0o644, lock)
        file.open()
        return file

    @property
    def paths(self) -> list[Path]:
        return [path for path in [*self.rotated, self.path] if path.exists()]

    def limit(self, spare: int) -> int:
        """So that the largest file may grow by so much."""
        return max((path.stat().st_size for path in self.paths), default=0) + spare

    @rule(
        who=st.integers(0, 2),
        lengths=st.lists(st.integers(0, 9), max_size=4),
        spare=st.integers(0, 30),
    )
    def append(self, who: int, lengths: list[int], spare: int) -> None:
        number = sum(map(len, self.given + self.dead))
        lines = [
            b"%d%s\n" % (number + at, b"." * length)
            for at, length in enumerate(lengths)
        ]
        self.given[who] += lines
        with room(self.limit(spare)):
            reason = self.files[who].append(b"".join(lines))
        assert (reason is None) == (not self.files[who].kept)

    @rule(who=st.integers(0, 2), spare=st.integers(0, 30))
    def reopen(self, who: int, spare: int) -> None:
        with room(self.limit(spare)):
            self.files[who].open()

    @rule()
    def rename(self) -> None:
        if self.path.exists():
            self.rotated.append(self.path.with_suffix(f".{len(self.rotated)}"))
            self.path.rename(self.rotated[-1])

    @rule(who=st.integers(0, 2))
    def die_in_a_write(self, who: int) -> None:
        """A piece of a line is left; what was kept in memory is gone."""
        file, piece = self.files[who], b"piece %d" % len(self.torn)
        assert file._fd is not None
        os.write(file._fd, piece)
        self.torn.append(piece)
        os.close(file._fd)
        kept = file._kept
        lines = self.given[who]
        self.dead.append(lines[: len(lines) - kept.count(b"\n")])
        self.given[who] = []
        self.files[who] = self.make()

    @invariant()
    def every_line_is_whole(self) -> None:
        found = b"\n".join(path.read_bytes() for path in self.paths)
        given = {line[:-1] for lines in self.given + self.dead for line in lines}
        strange = [line for line in found.split(b"\n") if line and line not in given]
        # Dead writers' pieces may have come together; nothing came behind them.
        assert b"".join(sorted(strange)).count(b"piece") == len(self.torn)
        assert all(line.startswith(b"piece") for line in strange)

    def teardown(self) -> None:
        for file in self.files:
            assert file.close() is None
        self.every_line_is_whole()
        found = Counter(
            line
            for path in self.paths
            for line in path.read_bytes().splitlines(keepends=True)
            if not line.startswith(b"piece")
        )
        given = Counter(line for lines in self.given + self.dead for line in lines)
        assert found == given
        self.folder.cleanup()


class LogFileMachineTests(TestCase):
    @readable
    def test_no_line_is_lost_torn_or_repeated(self) -> None:
        """Over all rotated files together every line stands once, in order."""
        run_state_machine_as_test(LogFileMachine)

    @readable
    def test_nor_by_several_writers(self) -> None:
        """Whoever fails or dies between: every line stands once, and whole."""
        run_state_machine_as_test(SharedMachine)
