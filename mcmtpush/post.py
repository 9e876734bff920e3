"""One worker, as its parent sees it: its lives, its process, what that says.

Part of the composition root; decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import InvalidLogLevelError, Logger, LogLevel
from twisted.python.failure import Failure

from mcmtpush.errors import RemoteProtocolError
from mcmtpush.intercom import REPORT_LIMIT, REPORTS, Ear, Lines, Order, Said, write
from mcmtpush.spool.lock import SpoolLock
from mcmtpush.supervisor import Life


FROM_CHILD: Final = 3
TO_CHILD: Final = 4
LOCK: Final = 5
BOARD: Final = 6
SOCKETS: Final = 7
"""Descriptors of a worker, the first of its sockets last."""

log = Logger()


@define(eq=False)
class Post:
    """One worker, over all its lives.

    Attributes:
        number: which.
        drains: it only empties its spool.
        lock: of its spool.
        process: Twisted's transport of the process, None while there is none.
        finished: it said that nothing is left to do.
        reason: why it could not start, as far as it said.
        counts: counters of its present process.
        silence: looks at it since it last said anything.
        hangs: that was for too long.
    """

    number: int
    drains: bool
    lock: SpoolLock
    life: Life = field(factory=Life, init=False)
    process: Any = field(default=None, init=False)
    spawned_at: float = field(default=0.0, init=False)
    finished: bool = field(default=False, init=False)
    reason: str | None = field(default=None, init=False)
    counts: Counter[str] = field(factory=Counter, init=False)
    silence: int = field(default=0, init=False)
    hangs: bool = field(default=False, init=False)
    timer: IDelayedCall | None = field(default=None, init=False)

    def tell(self, order: Order) -> None:
        """Say it to the process, if there is one that listens."""
        if self.process is not None and TO_CHILD in self.process.pipes:
            self.process.writeToChild(TO_CHILD, write(order))


class Child(ProcessProtocol):
    """One process: its words, its last words, its end."""

    def __init__(
        self,
        post: Post,
        heard: Callable[[Post, Any], None],
        ended: Callable[[Post, str], None],
    ) -> None:
        self._post = post
        self._heard = heard
        self._ended = ended
        self._ear: Ear | None = Ear(REPORTS, REPORT_LIMIT)
        self._lines = {1: Lines(), 2: Lines()}

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803 - Twisted's
        """Words, or what was printed by something that knows no log."""
        if childFD in self._lines:
            self._print(self._lines[childFD].feed(data))
        elif self._ear is not None:
            self._post.silence = 0
            self._hear(self._ear, data)

    def _hear(self, ear: Ear, data: bytes) -> None:
        try:
            words = ear.feed(data)
        except RemoteProtocolError as error:
            self._ear = None
            log.error(
                "worker {number} is not understood: {error}; killed",
                number=self._post.number,
                error=str(error),
            )
            self._post.process.signalProcess("KILL")
            return
        for word in words:
            self._heard(self._post, word)

    def _print(self, lines: Sequence[str]) -> None:
        for line in lines:
            log.warn(
                "worker {number} prints: {line}", number=self._post.number, line=line
            )

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - Twisted's
        """All that it said has been read."""
        for lines in self._lines.values():
            self._print(lines.end())
        self._ended(self._post, reason.getErrorMessage())


def repeat(post: Post, said: Said) -> None:
    """What a worker logs is logged with its number."""
    try:
        level = LogLevel.levelWithName(said.level)
    except InvalidLogLevelError:
        level = LogLevel.error
    Logger(namespace=said.namespace).emit(
        level, "worker {number}: {text}", number=post.number, text=said.text
    )
