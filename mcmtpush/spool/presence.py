"""Whether the files of a database that is open are still those of the next start.

A file that was removed while it is open can be read and written as ever, and is gone
once it is closed: all that was answered 250 with it.

So it is with the index of the log.  Others that write, `dead replay` among them,
make another one when it is missing and write over what is in the log, since neither
side knows of the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mcmtpush.errors import SpoolLostError


INTERVAL_SECONDS = 1.0
"""Between two looks: a look at every commit would cost more than it is worth."""

Identity = tuple[int, int]


class Presence:
    """Of the database at `path`, its log and the index of that.

    Make it when the database is open.
    """

    def __init__(
        self, path: Path, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._seconds = seconds
        names = (f"{path.name}{suffix}" for suffix in ("", "-wal", "-shm"))
        self._files = {
            each: identity
            for each in map(path.with_name, names)
            if (identity := _identity(each)) is not None
        }
        self._missing: Path | None = None
        self._next_look = seconds() + INTERVAL_SECONDS

    def require(self) -> None:
        """Raise SpoolLostError if a file was not there at the last look.

        There is a new look when that one is a second old.
        """
        now = self._seconds()
        if now >= self._next_look:
            self._next_look = now + INTERVAL_SECONDS
            self._missing = self._look()
        if self._missing is not None:
            raise SpoolLostError(
                f"{self._missing} was removed or replaced while this program had it "
                "open"
            )

    def _look(self) -> Path | None:
        for path, identity in self._files.items():
            # Who cannot look has not seen that it is gone.
            with suppress(OSError):
                if _identity(path) != identity:
                    return path
        return None


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
