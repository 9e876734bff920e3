"""When certificates end, and when to warn of it.

Many lanes may use one file, and each looks at it for every connection: this
remembers who was warned of what.  Reads no files and writes no log.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.ports import Now


NOTICE_SECONDS: Final = 30 * 86400
"""From so long before the end on there are warnings."""

REPEAT_SECONDS: Final = 86400
"""Between two warnings of one file."""


class Expiries:
    """What the process warned of; `now` is the wall clock."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._warned: dict[str, tuple[float, float]] = {}

    def over(self, ends_at: float) -> bool:
        """Whether a certificate that ends then, seconds since the epoch, is over."""
        return ends_at <= self._now()

    def due(self, path: str, ends_at: float) -> float | None:
        """The seconds that are left, when it is time to warn of this file.

        Negative when it is over.  None when nothing needs to be said, or was said
        within a day of this very certificate.
        """
        now = self._now()
        left = ends_at - now
        if left > NOTICE_SECONDS:
            self._warned.pop(path, None)
            return None
        said_of, said_at = self._warned.get(path, (None, 0.0))
        # A clock that was set back starts the day anew.
        if said_of == ends_at and 0 <= now - said_at < REPEAT_SECONDS:
            return None
        self._warned[path] = ends_at, now
        return left
