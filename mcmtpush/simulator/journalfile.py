"""The file that the lines of a journal go to."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.logger import Logger


_log = Logger()


def _ends_torn(path: str) -> bool:
    """Whether a process that was killed left part of a line."""
    place = Path(path)
    if not place.is_file() or not place.stat().st_size:
        return False
    with place.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class JournalFile:
    """Where a journal's lines go: appended and visible to readers at once.

    A fragment that a killed process left is ended with a line feed.  Raises OSError
    when the file cannot be opened.  Later failures are told in the diagnostics, once
    until writing works again; the lines are lost.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._path = path
        self._descriptor = os.open(path, flags, 0o640)
        self._failed = False
        if _ends_torn(path):
            self.write(b"\n")

    def write(self, lines: bytes) -> None:
        """Append whole lines; after `close` they go nowhere."""
        if self._descriptor < 0:
            return
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self._tell(error)
        else:
            self._failed = False

    def close(self) -> None:
        """Let go of the file; connections that end later are not told."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _tell(self, error: OSError) -> None:
        if not self._failed:
            _log.error(
                "the simulator's journal {path} cannot be written, its lines are "
                "lost until it can: {error}",
                path=self._path,
                error=error,
            )
        self._failed = True
