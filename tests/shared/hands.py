"""Several workers' hands on one ledger, in one process and on one clock."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field
from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, formatEvent

from mcmtpush.shared import ledger as module
from mcmtpush.shared.database import prepare
from mcmtpush.shared.ledger import Ledger
from tests.support.case import TestCase


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes, the tests' log included."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@define
class Hands:
    """A folder with a ledger, and whoever holds it; `close` at the end."""

    clock: Clock = field(factory=Clock)
    folder: tempfile.TemporaryDirectory[str] = field(
        factory=tempfile.TemporaryDirectory
    )
    ledgers: list[Ledger] = field(factory=list)
    lines: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        prepare(str(self.path))

    def listen(self, case: TestCase) -> None:
        """Note what the ledger logs in `lines`, and keep it out of the tests' log."""

        def note(event: LogEvent) -> None:
            self.lines.append(formatEvent(event) or "")

        case.patch(module, "log", Logger("ledger", observer=note))

    @property
    def path(self) -> Path:
        """The ledger."""
        return Path(self.folder.name, "workers.db")

    def ledger(self, worker: int) -> Ledger:
        """Another worker's hand."""
        ledger = Ledger(str(self.path), worker=worker, seconds=self.clock.seconds)
        self.ledgers.append(ledger)
        return ledger

    def close(self) -> None:
        """Let go, and remove all."""
        for each in self.ledgers:
            each.close()
        self.folder.cleanup()
