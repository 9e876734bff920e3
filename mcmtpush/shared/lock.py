"""One process at a time: for files that several processes append to.

The lock is on a file of its own, which nobody else may open.  Who may read a log
could lock the log itself, and would hold up all that write to it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import Final

from attrs import define, field


PAUSE_SECONDS: Final = 0.0001
"""Between two tries: about what a write takes."""

PATIENCE_SECONDS: Final = 0.25
"""Nobody writes a log for so long but a process that was stopped."""


@define(eq=False)
class FileLock:
    """A context: entered by one process at a time, and left when that is killed.

    It is opened when first entered; who forks has to do so before.  Entering raises
    OSError when the file cannot be opened, and when it is held for too long.

    Attributes:
        path: absolute; the file is made if need be (mode 0600) and stays empty.
        patience_seconds: how long it is waited for.
    """

    path: str
    patience_seconds: float = PATIENCE_SECONDS
    _fd: int | None = field(default=None, init=False)

    def __enter__(self) -> None:
        if self._take():
            return
        end = time.monotonic() + self.patience_seconds
        while time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            if self._take():
                return
        raise OSError(errno.EWOULDBLOCK, f"another process keeps {self.path} locked")

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; it is opened again when entered again."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _take(self) -> bool:
        fd = self._open() if self._fd is None else self._fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if os.fstat(fd).st_nlink:
            return True
        self.close()  # it was removed: others will meet in a new one
        return self._take()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o600)
        return self._fd
