"""What a worker has of its parent, and what it shares with the other workers.

A process without a parent has none of it.  Part of the composition root.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from attrs import field, frozen

from mcmtpush.config.part import ALONE, Part
from mcmtpush.lookout import OrderSource
from mcmtpush.reception.board import Board
from mcmtpush.reception.session import Sessions
from mcmtpush.records.logfile import ALONE as LOG_ALONE
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.lock import FileLock
from mcmtpush.spool.lock import SpoolLock


LEDGER = "workers.db"
"""In the spool folder: what limits are counted in over all workers."""

_RECORDS = "records.lock"
_SESSIONS = "sessions.lock"


@frozen
class Duty:
    """A worker's.  `folder` is the spool folder that is the same for all workers.

    Attributes:
        part: of the work.
        lock: of the spool, inherited.
        sockets: by listen address, descriptors that are inherited.
        orders: where operators' orders come from, instead of the spool's folder.
        board: how many sessions other workers have.
    """

    part: Part = ALONE
    lock: SpoolLock | None = None
    sockets: Mapping[str, int] = field(factory=dict)
    orders: OrderSource | None = None
    board: Board | None = None

    def writing(self, folder: str) -> AbstractContextManager[object]:
        """Held while a record log is appended to: all workers write the same files."""
        if self.part == ALONE:
            return LOG_ALONE
        return FileLock(posixpath.join(folder, _RECORDS))

    def ledger(self, folder: str, seconds: Callable[[], float]) -> Ledger | None:
        """What limits are counted in together; None if nobody else counts."""
        if self.part == ALONE:
            return None
        path = posixpath.join(folder, LEDGER)
        return Ledger(path, worker=self.part.number, seconds=seconds)

    def sessions(self, folder: str) -> Sessions:
        """How many sessions there are, those of other workers included."""
        if self.board is None:
            return Sessions()
        return Sessions(self.board, FileLock(posixpath.join(folder, _SESSIONS)))

    def take(self, *, taking: bool) -> None:
        """Tell other workers whether this one takes connections."""
        if self.board is not None:
            self.board.open(taking=taking)
