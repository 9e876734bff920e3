"""How much of the machine's memory this process uses; the `Memory` port.

And how seldom the interpreter looks through it.
"""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path
from typing import Final


STATM: Final = "/proc/self/statm"
"""Linux, proc(5): sizes in pages, the second is what is resident."""

CEILINGS: Final = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""What a container may use, control groups version 2 and 1: bytes, or "max"."""


GARBAGE_AT: Final = 20_000
"""New objects between two looks for cycles, instead of 700."""


def tolerate_garbage() -> None:
    """Let the interpreter look for cycles more seldom.

    Hardly anything that is made for a message is in one, and there may be a million
    queued entries to look through.  Measured, this saves a tenth of what a message
    costs that is delivered with many others behind it.
    """
    gc.set_threshold(GARBAGE_AT)


class ProcessMemory:
    """Implements `mcmtpush.ports.Memory`.

    Where the system does not say, as anywhere but on Linux, nothing is ever used.
    """

    def __init__(
        self, statm: str = STATM, ceilings: tuple[str, ...] = CEILINGS
    ) -> None:
        self._statm = Path(statm)
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        physical = os.sysconf("SC_PHYS_PAGES") * self._page_bytes
        self.total_bytes = min([physical, *filter(None, map(_ceiling, ceilings))])

    def used_percent(self) -> float:
        """Resident memory as a share of the machine's, or of the container's."""
        try:
            pages = int(self._statm.read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0.0
        return 100.0 * pages * self._page_bytes / self.total_bytes

    def trim(self) -> None:
        """Return to the system what is free and was kept for later (glibc)."""
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _ceiling(path: str) -> int | None:
    """The bytes a control group may use; None where there is no limit."""
    try:
        return int(Path(path).read_text()) or None
    except (OSError, ValueError):
        return None
