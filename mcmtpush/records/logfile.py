"""One log file: whole lines, appended in order, kept until they are written.

Knows the file system and nothing of records.  Rules of this file:

- A batch is one write.  What the system does not take is kept, in whole lines, and
  goes first the next time: what it took of a torn line is cut off again.
- Several processes may append to one file if they share a lock.  A line that one
  of them left torn, since it was killed, is ended by whoever writes next.
- After any failure the file is opened anew before the next try.
- A file removed under our hands is noticed at the next write and made anew.
- Nothing is cut off a pipe: the rest of a torn line goes first.  It is handed over
  in pieces that the system takes whole or not at all, as far as lines are so short.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from select import PIPE_BUF
from types import MappingProxyType
from typing import Final

from attrs import define, field


_REMEDIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ENOSPC: "make room on its disk",
        errno.EDQUOT: "raise the quota or make room",
        errno.EACCES: "let this user write there",
        errno.EPERM: "let this user write there",
        errno.EROFS: "let this user write there",
        errno.ENOENT: "correct the path",
        errno.ENOTDIR: "correct the path",
        errno.EISDIR: "correct the path",
        errno.ENXIO: "start the reader of this pipe",
        errno.EAGAIN: "see that whoever holds it up goes on",
    }
)

ALONE: Final = nullcontext()
"""The lock of a file that one process appends to."""


@define(eq=False)
class LogFile:
    """An append-only file of lines.

    Attributes:
        path: absolute; missing folders are made (mode 0755).
        mode: permission bits of the file, whatever the umask says.
        lock: held while the file is written: `FileLock` if others append to it, too.
    """

    path: str
    mode: int
    lock: AbstractContextManager[object] = ALONE
    _fd: int | None = field(default=None, init=False)
    _doubtful: bool = field(default=False, init=False)
    _kept: bytes = field(default=b"", init=False)
    _end: int = field(default=0, init=False)  # of the file, where a line of ours ends
    _torn: int = field(default=0, init=False)  # bytes of `_kept` a pipe has already

    @property
    def kept(self) -> bool:
        """Whether lines still wait to be written."""
        return bool(self._kept)

    def append(self, lines: bytes) -> str | None:
        """Write `lines` (each with its line feed) behind what is kept.

        None when nothing is left; otherwise the reason, and the rest is kept.
        """
        self._kept += lines
        return self.flush()

    def flush(self) -> str | None:
        """Write what is kept: None when nothing is left, otherwise the reason."""
        if not self._kept:
            return None
        try:
            with self.lock:
                self._write()
        except OSError as error:
            self._doubtful = True
            return self._explain(error)
        return None

    def open(self) -> str | None:
        """Open the path now, again if need be; None or the reason why not.

        What is kept goes to the old file if it will take it.  The old file is left
        even when the new one cannot be opened: it is no longer ours.
        """
        self._doubtful = True
        try:
            if self._kept and self._fd is not None:
                with suppress(OSError), self.lock:
                    self._finish(self._fd)
            self._attach()
        except OSError as error:
            self._leave()
            return self._explain(error)
        return self.flush()

    def close(self) -> str | None:
        """Write what is kept and close; None or the reason why lines were lost."""
        reason = self.flush()
        self._leave()
        return reason

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._torn = None, 0

    # -- writing ------------------------------------------------------------------

    def _write(self) -> None:
        fd = self._fd
        status = None if fd is None or self._doubtful else os.fstat(fd)
        if fd is None or status is None or not status.st_nlink:
            fd = self._attach()
            status = os.fstat(fd)
        self._pour(fd, status)

    def _finish(self, fd: int) -> None:
        """The old file gets what belongs to it, unless nobody can read it."""
        status = os.fstat(fd)
        if status.st_nlink:
            self._pour(fd, status)

    def _pour(self, fd: int, status: os.stat_result) -> None:
        """Write until nothing is kept; raises OSError."""
        if stat.S_ISREG(status.st_mode):
            self._add(fd, status.st_size)
        else:
            self._feed(fd)

    def _add(self, fd: int, size: int) -> None:
        """To a file of so many bytes: all, or the whole lines it has room for."""
        lead = b"" if size in {0, self._end} or _ends_line(fd, size) else b"\n"
        data, taken = lead + self._kept, 0
        try:
            while taken < len(data):
                taken += _put(fd, data[taken:] if taken else data)
        finally:
            whole = data.rfind(b"\n", 0, taken) + 1
            self._kept = data[max(whole, len(lead)) :]
            # Where nothing went behind a torn line, the file ends with it.
            self._end = 0 if lead and not whole else size + whole
            if whole < taken:
                with suppress(OSError):  # then it is ended by whoever writes next
                    os.ftruncate(fd, self._end)

    def _feed(self, fd: int) -> None:
        """To a pipe: what it took of a line cannot be taken back."""
        while kept := self._kept:
            end = 0 if self._torn else kept.rfind(b"\n", 0, PIPE_BUF) + 1
            piece = kept[self._torn : end or kept.index(b"\n") + 1]
            written = self._torn + _put(fd, piece)
            begun = kept.rfind(b"\n", 0, written) + 1
            self._kept = kept[begun:]
            self._torn = written - begun

    # -- opening ------------------------------------------------------------------

    def _attach(self) -> int:
        """Make `_fd` the file that the path leads to now."""
        Path(self.path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = self._open()
        old, self._fd, self._doubtful, self._end = self._fd, new, False, 0
        status = os.fstat(new)
        if old is not None:
            if not os.path.samestat(os.fstat(old), status):
                self._torn = 0
            os.close(old)
        if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) != self.mode:
            with suppress(PermissionError):  # another user's file keeps its mode
                os.fchmod(new, self.mode)
        return new

    def _open(self) -> int:
        """To append, and but for pipes to read, which is for how the file ends."""
        flags = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        if _may_be_regular(self.path):
            with suppress(PermissionError):
                return os.open(self.path, flags | os.O_RDWR, self.mode)
        return os.open(self.path, flags | os.O_WRONLY, self.mode)

    def _explain(self, error: OSError) -> str:
        remedy = _REMEDIES.get(error.errno or 0, "see the system's log")
        return f"cannot write {self.path}: {error.strerror or error}; {remedy}"


def _put(fd: int, data: bytes) -> int:
    """How many bytes were written, at least one; raises OSError."""
    taken = os.write(fd, data)
    if not taken:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return taken


def _may_be_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a path is text
    except FileNotFoundError:
        return True


def _ends_line(fd: int, size: int) -> bool:
    """Whether the last byte is a line feed; so it is taken where it cannot be read."""
    try:
        return os.pread(fd, 1, size - 1) in {b"\n", b""}
    except OSError:
        return True
