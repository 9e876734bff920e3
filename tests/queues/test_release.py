"""Messages that are held, and go on when they are released."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from mcmtpush.errors import SpoolError
from mcmtpush.queues.release import NOTED_AT_ONCE
from mcmtpush.values import HELD, QueueKey
from tests.queues.desk import OTHER, SchedulerCase
from tests.queues.sample import KEY, an_entry


class HoldTests(SchedulerCase):
    """Messages that wait for an operator."""

    def hold(self, *numbers: int, key: QueueKey = KEY) -> None:
        """Held after a flight."""
        self.enqueue(*numbers, key=key)
        self.clock.advance(0)
        self.taken(key)
        self.scheduler.hold(key, self.flying)

    def test_never_due(self) -> None:
        """Days pass and clocks jump: held ones stay, and no timer waits for them."""
        self.start()
        self.hold(1, 2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for jump in (0.0, 30 * 86400.0, -30 * 86400.0):
            self.jump = jump
            with capturedLogs():
                self.clock.pump([15] * 300)
        self.assertEqual(self.taken(), [])
        self.assertEqual((self.scheduler.held, self.scheduler.queued), (2, 2))
        self.assertEqual(self.lanes[KEY].drains, 0)
        self.assertEqual(self.counters.get("queues.held"), 2)

    def test_release_one_queue(self) -> None:
        """Those of one queue are delivered, the spool is told, others stay held."""
        self.start()
        self.hold(1, 2)
        self.hold(3, key=OTHER)
        with capturedLogs() as logs:
            self.assertEqual(self.scheduler.release(KEY), 2)
        self.assertEqual(self.spool.rescheduled, [[(1, 0.0), (2, 0.0)]])
        self.clock.advance(0)
        self.assertEqual((self.taken(KEY), self.taken(OTHER)), ([1, 2], []))
        self.assertEqual(self.scheduler.held, 1)
        self.assertEqual([line["count"] for line in logs], [2])

    def test_release_all(self) -> None:
        """Without a queue all are released; with nothing held nothing happens."""
        self.start()
        unknown = QueueKey("g", "b", "nobody.example")
        self.assertEqual(self.scheduler.release(unknown), 0)
        self.hold(1)
        self.hold(2, key=OTHER)
        self.assertEqual(self.scheduler.release(None), 2)
        self.assertEqual(self.scheduler.release(None), 0)
        self.clock.advance(0)
        self.assertEqual((self.taken(KEY), self.taken(OTHER)), ([1], [2]))
        self.assertEqual(len(self.spool.rescheduled), 2)

    def test_survives_a_restart(self) -> None:
        """What was held before the start is held, and goes when it is released."""
        self.spool.left = [
            (KEY, an_entry(1, bare=True, at=HELD)),
            (KEY, an_entry(2, bare=True)),
        ]
        self.start()
        self.assertEqual((self.taken(), self.scheduler.held), ([2], 1))
        self.scheduler.release(KEY)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [1])

    def test_the_spool_is_told_in_pages(self) -> None:
        """A great crowd is not one commit; the next page follows the one before."""
        self.start()
        self.limit = NOTED_AT_ONCE + 10
        self.hold(*range(NOTED_AT_ONCE + 3))
        self.spool.taking = taking = Deferred[Any]()
        self.scheduler.release(KEY)
        self.assertEqual([len(page) for page in self.spool.rescheduled], [5000])
        self.spool.taking = None
        taking.callback(None)
        self.assertEqual([len(page) for page in self.spool.rescheduled], [5000, 3])

    def test_a_spool_that_does_not_take_it(self) -> None:
        """They are delivered all the same, and what may follow is said."""
        self.start()
        self.hold(1)
        self.spool.taking = fail(SpoolError("closed"))
        with capturedLogs() as logs:
            self.scheduler.release(KEY)
        self.assertEqual(logs[0]["log_level"].name, "error")
        self.clock.advance(0)
        self.assertEqual(self.taken(), [1])
