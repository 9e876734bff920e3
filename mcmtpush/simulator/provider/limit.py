"""How many streams a client may have open, and what it has been told of that.

A lower limit counts when the client acknowledged it, a higher one at once: so a
client that obeys is never in the wrong.
"""

from __future__ import annotations

from collections import deque


class StreamLimit:
    """SETTINGS_MAX_CONCURRENT_STREAMS of one connection.

    Attributes:
        full: the limit of a client that is trusted.
        told: what the last SETTINGS said.
    """

    def __init__(self, first: int, full: int, after_error: int) -> None:
        self.full = full
        self.told = first
        self._after_error = after_error
        self._acknowledged = first
        self._underway: deque[int] = deque()

    @property
    def allowed(self) -> int:
        """How many may be open now."""
        return max((self._acknowledged, *self._underway))

    def begin(self) -> int:
        """The first SETTINGS go out; they count from the start."""
        self._underway.append(self.told)
        return self.told

    def tell(self, streams: int) -> int | None:
        """The number to be sent now; None when that was said already."""
        if streams == self.told:
            return None
        self.told = streams
        self._underway.append(streams)
        return streams

    def after_success(self) -> int | None:
        """What is to be sent after a push was accepted."""
        return None if self.told == self.full else self.tell(self.full)

    def after_error(self) -> int | None:
        """What is to be sent after a push was refused for a fault of its sender."""
        return self.tell(min(self._after_error, self.told))

    def acknowledge(self) -> None:
        """The client has read the oldest SETTINGS it had not."""
        if self._underway:
            self._acknowledged = self._underway.popleft()
