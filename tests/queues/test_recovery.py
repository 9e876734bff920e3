"""What an earlier process left; the pages are also tested with the scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolError
from mcmtpush.queues.recovery import Recovery
from mcmtpush.values import HELD, Entry, QueueKey
from tests.queues.sample import KEY, an_entry, rows
from tests.support.case import TestCase


class Left:
    """A spool with so many entries a page; fails when told to."""

    def __init__(self, *entries: Entry, page: int = 2) -> None:
        self.entries = entries
        self.page = page
        self.fails = 0

    def recover(self, after_row: int, _limit: int) -> Deferred[Any]:
        if self.fails:
            self.fails -= 1
            return fail(SpoolError("disk"))
        found = [(KEY, each) for each in self.entries if each.row > after_row]
        return succeed(found[: self.page])


class RecoveryTests(TestCase):
    def make(self, spool: Any) -> Recovery:
        self.clock = Clock()
        self.pages: list[list[Entry]] = []
        self.counters = Counters()
        return Recovery(
            clock=self.clock,
            now=lambda: 1000.0,
            spool=spool,
            settings_for=lambda _: QueueSettings(max_retry_interval_seconds=60),
            enqueue=self.enqueue,
            counters=self.counters,
            retry_seconds=15,
        )

    def enqueue(self, pairs: Sequence[tuple[QueueKey, Entry]]) -> None:
        self.pages.append([entry for _, entry in pairs])

    def test_page_by_page(self) -> None:
        """One page a turn, and then it is over."""
        recovery = self.make(Left(*map(an_entry, (1, 2, 3))))
        over = recovery.start()
        self.assertEqual([rows(page) for page in self.pages], [[1, 2]])
        self.assertNoResult(over)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual([rows(page) for page in self.pages], [[1, 2], [3]])
        self.assertIsNone(self.successResultOf(over))
        self.assertEqual(self.counters.get("queues.recovered"), 3)

    def test_nobody_waits_longer_than_any_may(self) -> None:
        """A clock that was set back delays no retry; held ones stay held."""
        times = (0.0, 1030.0, 9000.0, HELD)
        entries = [an_entry(row, at=at) for row, at in enumerate(times, 1)]
        self.make(Left(*entries, page=9)).start()
        found = [entry.next_attempt_at for entry in self.pages[0]]
        self.assertEqual(found, [0.0, 1030.0, 1060.0, HELD])

    def test_trouble(self) -> None:
        """A spool that cannot be read is tried again."""
        spool = Left(an_entry(1))
        spool.fails = 2
        over = self.make(spool).start()
        for _ in range(2):
            self.assertEqual(self.pages, [])
            self.clock.advance(15)
        self.clock.advance(0)
        self.assertEqual(rows(self.pages[0]), [1])
        self.assertIsNone(self.successResultOf(over))

    def test_stop(self) -> None:
        """Between two pages or in trouble: it is over, and nobody is left waiting."""
        for fails in (0, 1):
            spool = Left(*map(an_entry, (1, 2, 3)))
            spool.fails = fails
            recovery = self.make(spool)
            over = recovery.start()
            recovery.stop()
            self.assertIsNone(self.successResultOf(over))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_while_a_page_is_read(self) -> None:
        """What comes too late is left in the spool."""
        page: Deferred[Any] = Deferred()
        spool = Left()
        spool.recover = lambda *_: page  # type: ignore[method-assign]
        recovery = self.make(spool)
        over = recovery.start()
        recovery.stop()
        self.assertNoResult(over)
        page.callback([(KEY, an_entry(1))])
        self.assertEqual((self.successResultOf(over), self.pages), (None, []))
