"""One log file: whole lines, appended in order, kept until they are written.

Knows the file system and nothing of records.  Rules of this file:

- A batch is one write.  What the system does not take is kept and goes first
  the next time, so that a torn line is finished before another begins.
- After any failure the file is opened anew before the next try.  Should the path
  then lead to another file, the torn line is written to it as a whole.
- A file removed under our hands is noticed at the next write and made anew.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
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
    }
)


@define(eq=False)
class LogFile:
    """An append-only file of lines.

    Attributes:
        path: absolute; missing folders are made (mode 0755).
        mode: permission bits of the file, whatever the umask says.
    """

    path: str
    mode: int
    _fd: int | None = None
    _doubtful: bool = field(default=False, init=False)
    _kept: bytes = field(default=b"", init=False)
    _torn: int = field(default=0, init=False)

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
            if self._fd is not None and os.fstat(self._fd).st_nlink:
                with suppress(OSError):
                    self._pour(self._fd)
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

    def _write(self) -> None:
        fd = self._fd
        if fd is None or self._doubtful or os.fstat(fd).st_nlink == 0:
            fd = self._attach()
        self._pour(fd)

    def _pour(self, fd: int) -> None:
        """Write until nothing is kept; raises OSError."""
        while self._kept:
            taken = os.write(fd, self._kept[self._torn :])
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._advance(self._torn + taken)

    def _advance(self, written: int) -> None:
        """So many bytes of what is kept are in the file; keep whole lines."""
        begun = self._kept.rfind(b"\n", 0, written) + 1
        self._kept = self._kept[begun:]
        self._torn = written - begun

    def _attach(self) -> int:
        """Make `_fd` the file that the path leads to now."""
        Path(self.path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        new = os.open(self.path, flags, self.mode)
        old, self._fd, self._doubtful = self._fd, new, False
        status = os.fstat(new)
        if old is not None:
            if not os.path.samestat(os.fstat(old), status):
                self._torn = 0
            os.close(old)
        if stat.S_ISREG(status.st_mode):
            self._tidy(new, status)
        return new

    def _tidy(self, fd: int, status: os.stat_result) -> None:
        """Set the mode, and end a line that an earlier process left torn."""
        if stat.S_IMODE(status.st_mode) != self.mode:
            with suppress(PermissionError):  # another user's file keeps its mode
                os.fchmod(fd, self.mode)
        if status.st_size and not self._torn and self._kept[:1] != b"\n":
            with suppress(OSError), Path(self.path).open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    self._kept = b"\n" + self._kept

    def _explain(self, error: OSError) -> str:
        remedy = _REMEDIES.get(error.errno or 0, "see the system's log")
        return f"cannot write {self.path}: {error.strerror or error}; {remedy}"
