"""A writer over a real store, with a thread moved by hand, and a disk with faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.task import Clock

from mcmtpush.counters import Counters
from mcmtpush.spool.store import Store
from mcmtpush.spool.writer import (
    SpoolWriter,
)
from mcmtpush.values import Entry, Submission
from tests.spool.test_codec import a_submission
from tests.spool.test_store import (
    copy_files,
    open_store,
    recover_all,
)
from tests.support.case import TestCase


class HandWorker:
    """A worker that works when told, after the turn in which it was called."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given: list[Callable[[], None]] = []
        self.log: list[str] = []

    @property
    def jobs(self) -> list[Callable[[], None]]:
        """What is to be done once this turn is over."""
        self.clock.advance(0)
        return self.given

    def start(self) -> None:
        self.log.append("start")

    def run(self, job: Callable[[], None]) -> None:
        self.given.append(job)

    def close(self) -> None:
        self.log.append("close")

    def step(self) -> None:
        """Do the oldest job."""
        self.jobs.pop(0)()

    def go(self) -> None:
        """Do all jobs, those that come up meanwhile included."""
        while self.jobs:
            self.step()


class Calls:
    """Stands in for `callFromThread`: remembers, then calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, function: Callable[..., None], *args: object) -> None:
        self.count += 1
        function(*args)


class WriterCase(TestCase):
    """A writer over a real store, with a worker moved by hand."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.store = open_store(self.place)
        self.addCleanup(self.store.close)
        self.clock = Clock()
        self.worker = HandWorker(self.clock)
        self.calls = Calls()
        self.counters = Counters()
        self.writer = self.new_writer(self.store)

    def new_writer(self, store: Store) -> SpoolWriter:
        """A writer over a store."""
        return SpoolWriter(
            store,
            worker=self.worker,
            to_reactor=self.calls,
            clock=self.clock,
            counters=self.counters,
        )

    def stored(self, count: int = 1) -> list[Entry]:
        """Some messages, durable."""
        done = [self.writer.store(a_submission()) for _ in range(count)]
        self.worker.go()
        return [entry for one in done for entry in self.successResultOf(one)]

    def on_disk(self) -> set[int]:
        """The rows that another process would find if this one died now."""
        crashed = open_store(copy_files(self.place, Path(self.mktemp())))
        rows = {entry.row for _, entry in recover_all(crashed, 1000)}
        crashed.close()
        return rows

    def dead(self) -> int:
        """How many dead letters are on the disk."""
        found = self.store._connection.execute("SELECT count(*) FROM dead_letter")
        return int(found.fetchone()[0])

    def execute(self, sql: str) -> None:
        """Change the database through the store's own connection."""
        self.store._connection.execute(sql)


class FullDiskCase(WriterCase):
    """Fifty messages, and no room for more."""

    def setUp(self) -> None:
        super().setUp()
        self.entries = self.stored(50)
        self.fill()

    def fill(self) -> None:
        """Not one page more."""
        (pages,) = self.store._connection.execute("PRAGMA page_count").fetchone()
        self.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        """The disk is enlarged."""
        self.execute("PRAGMA max_page_count = 1000000")

    def big(self) -> Submission:
        """More than fits into free space on existing pages."""
        return a_submission(mail=b"x" * 200_000)
