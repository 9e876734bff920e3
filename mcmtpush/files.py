"""The `Files` port on the real file system, and where the user has files looked for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from typing import Final


SEARCH_PATH: Final = "EC_CONF_SEARCH_PATH"
"""The environment variable with the folders that includes are looked for in."""


class DiskFiles:
    """What `mcmtpush.ports.Files` asks, answered by the operating system."""

    def read(self, path: str) -> bytes:
        """The content of a regular file; raises OSError, for any other kind too.

        A pipe or a device might never end, or never begin: those are not opened.
        """
        _check_regular(os.stat(path).st_mode, path)  # noqa: PTH116 - of strings
        # Should it have become a pipe meanwhile, opening it does not wait.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as file:
            _check_regular(os.fstat(file.fileno()).st_mode, path)
            return file.read()

    def entries(self, path: str) -> list[str] | None:
        """Names in a folder, or None if it is not one; raises OSError if absent."""
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
            return None
        return os.listdir(path)  # noqa: PTH208

    def mode(self, path: str) -> int:
        """Permission bits; raises OSError."""
        return stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116


def stamp(path: str | None) -> object:
    """Changes whenever the file does; None for no path."""
    if path is None:
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 - of strings
    except OSError:
        return "absent"
    return found.st_mtime_ns, found.st_size, found.st_ino


def _check_regular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", path)


def read_search_path(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The folders of EC_CONF_SEARCH_PATH; None when it is not set or names none."""
    folders = environment.get(SEARCH_PATH, "").split(":")
    return tuple(filter(None, folders)) or None
