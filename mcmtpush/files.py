"""The `Files` port on the real file system."""

from __future__ import annotations

import os
import stat


class DiskFiles:
    """What `mcmtpush.ports.Files` asks, answered by the operating system."""

    def read(self, path: str) -> bytes:
        """The content; raises OSError."""
        with open(path, "rb") as file:  # noqa: PTH123 - the port speaks of strings
            return file.read()

    def entries(self, path: str) -> list[str] | None:
        """Names in a folder, or None if it is not one; raises OSError if absent."""
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
            return None
        return os.listdir(path)  # noqa: PTH208

    def mode(self, path: str) -> int:
        """Permission bits; raises OSError."""
        return stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116
