"""What waits, queue by queue."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from mcmtpush.errors import SpoolError
from mcmtpush.spool.census import QueueCount, count_queues, has_work
from mcmtpush.spool.codec import bury_of, insert_of, update_of
from mcmtpush.spool.folder import DATABASE
from mcmtpush.values import HELD, Entry, QueueKey
from tests.spool.test_codec import a_message, a_submission
from tests.spool.test_store import a_letter, open_store
from tests.support.case import TestCase


class CensusTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.store = open_store(self.folder)
        self.addCleanup(self.store.close)

    def count(self) -> list[QueueCount]:
        return count_queues(str(self.folder / DATABASE), now=1000.0)

    def test_empty(self) -> None:
        """Nothing waits in a new spool."""
        self.assertEqual(self.count(), [])

    def test_counts(self) -> None:
        """By queue: all, those that wait for a time, those that are held."""
        one, two = QueueKey("g", "b", "a.example"), QueueKey("g", "c", "b.example")
        for row, key in enumerate((one, one, one, two), 1):
            message = evolve(a_message(), key=key, received_at=100.0 + row)
            self.store.apply([insert_of(a_submission(message), row)])
        times = {1: 2000.0, 2: HELD, 3: 500.0}
        entries = [Entry(row, 0.0, next_attempt_at=at) for row, at in times.items()]
        self.store.apply([update_of(entries)])
        self.assertEqual(
            self.count(),
            [
                QueueCount("g", "b", "a.example", 3, 1, 1, 101.0),
                QueueCount("g", "c", "b.example", 1, 0, 0, 104.0),
            ],
        )

    def test_no_spool(self) -> None:
        """Where there is none a line says so."""
        with self.assertRaises(SpoolError):
            count_queues(str(self.folder / "nothing.db"), now=0.0)

    def test_work(self) -> None:
        """Messages are, and dead letters whose time is over; others are not."""

        def work(now: float) -> bool:
            return has_work(str(self.folder / DATABASE), now=now)

        self.assertFalse(work(0.0))
        self.store.apply([insert_of(a_submission(), 1)])
        self.assertTrue(work(0.0))
        self.store.apply([bury_of([a_letter(1, keep_until=1000.0)])])
        self.assertEqual(
            [work(now) for now in (999.0, 1000.0, 1001.0)], [False, False, True]
        )
