"""All queues together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from mcmtpush.errors import LocalProtocolError
from mcmtpush.queues.outlet import NOT_ATTEMPTED, TOO_OLD
from mcmtpush.queues.recovery import RECOVERED_AT_ONCE
from mcmtpush.queues.scheduler import (
    IDLE_SECONDS,
    PAGES_WHILE_RECOVERING,
)
from mcmtpush.values import PushPart
from tests.queues.desk import NOW, OTHER, SchedulerCase
from tests.queues.sample import KEY, an_entry, rows


class EnqueueTests(SchedulerCase):
    """From reception to the lane."""

    def test_each_to_its_queue(self) -> None:
        """Entries reach the lane of their own queue, in order."""
        self.start()
        pairs = [(KEY, 1), (OTHER, 2), (KEY, 3)]
        self.scheduler.enqueue([(key, an_entry(row)) for key, row in pairs])
        self.clock.advance(0)
        self.assertEqual((self.taken(KEY), self.taken(OTHER)), ([1, 3], [2]))
        self.assertEqual(self.scheduler.queued, 3)

    def test_one_wake_for_a_turn(self) -> None:
        """All that arrives in one reactor turn leaves in one batch, in the next."""
        self.start()
        for number in range(20):
            self.enqueue(number)
        self.assertEqual(self.lanes[KEY].works, 0)
        self.clock.advance(0)
        self.assertEqual(self.lanes[KEY].works, 1)
        self.assertEqual(self.taken(), list(range(20)))

    def test_one_lane_a_queue(self) -> None:
        """A queue keeps its lane."""
        self.start()
        self.enqueue(1)
        lane = self.lanes[KEY]
        self.enqueue(2)
        self.assertIs(self.lanes[KEY], lane)

    def test_total_of_bodies(self) -> None:
        """All queues together keep no more bodies than the total allows."""
        self.configure(max_resident_active_queue=-1, suspend_delivery=True)
        self.scheduler._residence.limit = 5
        entries = [(key, an_entry(row)) for row in range(4) for key in (KEY, OTHER)]
        self.scheduler.enqueue(entries)
        resident = [entry for _, entry in entries if entry.message is not None]
        self.assertEqual(len(resident), 5)


class SettleTests(SchedulerCase):
    """The arrows that point back."""

    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.enqueue(1, 2, 3, 4)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [1, 2, 3, 4])

    def test_done(self) -> None:
        """What is done is gone."""
        self.scheduler.done(KEY, 4)
        self.assertEqual(self.scheduler.queued, 0)

    def test_requeue(self) -> None:
        """What is requeued comes again at the next turn."""
        self.enqueue(5)
        self.scheduler.requeue(KEY, [self.flying[2], self.flying[1]])
        self.scheduler.done(KEY, 2)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [2, 3, 5])
        self.assertEqual(self.spool.loads, [])

    def test_requeue_without_payloads(self) -> None:
        """Bodies that are gone are fetched anew before anything behind them goes."""
        self.enqueue(5)
        for entry in self.flying:
            entry.push = PushPart("ab", b"")
        self.scheduler.requeue(KEY, [self.flying[2], self.flying[1]])
        self.scheduler.done(KEY, 2)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [2, 3, 5])
        self.assertEqual(self.spool.loads, [[2, 3]])

    def test_retry(self) -> None:
        """What is to be retried comes at its time, and not before."""
        entry = self.flying[0]
        entry.next_attempt_at = self.now() + 1200.5
        self.scheduler.retry(KEY, [entry])
        for _ in range(120):
            self.clock.advance(10)
        self.assertEqual(self.taken(), [])
        self.clock.advance(0.5)
        self.assertEqual(self.taken(), [1])

    def test_several_retries_with_one_timer(self) -> None:
        """Queues wait together: one timer, each entry in time."""
        self.enqueue(9, key=OTHER)
        self.clock.advance(0)
        self.taken(OTHER)
        (other,) = self.flying
        self.taken(KEY)
        other.next_attempt_at = self.now() + 7.0
        self.scheduler.retry(OTHER, [other])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(7.0)
        self.assertEqual(self.taken(OTHER), [9])

    def test_unknown_queue(self) -> None:
        """Nothing can come back to a queue that gave nothing: a loud bug."""
        for verb in (
            lambda: self.scheduler.done(OTHER, 1),
            lambda: self.scheduler.retry(OTHER, [an_entry(1)]),
            lambda: self.scheduler.requeue(OTHER, [an_entry(1)]),
            lambda: self.scheduler.hold(OTHER, [an_entry(1)]),
        ):
            with self.assertRaises(LocalProtocolError):
                verb()


class GateTests(SchedulerCase):
    """Holding back."""

    def test_pause_and_resume(self) -> None:
        """Paused lanes get nothing; resumed ones everything, and each is said once."""
        self.start()
        with capturedLogs() as logs:
            self.scheduler.pause("the log is full")
            self.scheduler.pause("the log is still full")
            self.enqueue(1)
            self.clock.advance(60)
            self.assertEqual(self.taken(), [])
            self.scheduler.resume()
            self.scheduler.resume()
            self.clock.advance(0)
        self.assertEqual(self.taken(), [1])
        self.assertEqual([line["log_level"].name for line in logs], ["warn", "info"])
        self.assertEqual(logs[0]["reason"], "the log is full")

    def test_suspended_until_the_next_scan(self) -> None:
        """A lifted suspension is noticed at the next scan without being told."""
        self.start()
        self.configure(suspend_delivery=True)
        self.enqueue(1)
        self.clock.advance(14)
        self.assertEqual(self.taken(), [])
        self.configure(suspend_delivery=False)
        self.clock.advance(1)
        self.assertEqual(self.taken(), [1])


class DelayTests(SchedulerCase):
    """A lane that finds no way out."""

    def test_tried_again_in_time(self) -> None:
        """Those that were put off come back by themselves when their time has come."""
        self.configure(retry_interval_seconds=100)
        self.start()
        self.limit = 0
        self.enqueue(1, 2)
        self.clock.advance(0)
        self.lanes[KEY].limit = 100
        with capturedLogs() as events:
            self.lanes[KEY].queue.delay("each route failed")
        [event] = [one for one in events if "reason" in one]
        self.assertEqual(
            (event["count"], event["domain"], event["reason"]),
            (2, KEY.domain, "each route failed"),
        )
        self.assertEqual(self.counters.get("queues.put_off"), 2)
        self.clock.advance(99)
        self.assertEqual(self.taken(), [])
        self.clock.advance(1.1)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [1, 2])


class ExpiryTests(SchedulerCase):
    """Too old."""

    def test_not_attempted(self) -> None:
        """With the option expired messages end at the head of the queue."""
        self.configure(never_attempt_expired_messages=True)
        self.start()
        self.enqueue(1, 2, age=601)
        self.enqueue(3)
        self.clock.advance(0)
        self.assertEqual(self.taken(), [3])
        self.assertEqual(
            [(key, one.entry.row, one.outcome) for key, one in self.ended],
            [(KEY, 1, NOT_ATTEMPTED), (KEY, 2, NOT_ATTEMPTED)],
        )
        self.assertEqual(self.scheduler.queued, 1)

    def test_unreachable_gateway(self) -> None:
        """Everything that waits for a gateway in vain ends when it is too old."""
        self.limit = 0
        self.configure(max_resident_active_queue=10)
        self.start()
        self.enqueue(*range(1300))
        self.clock.pump([15] * 40)
        self.assertEqual(self.ended, [])
        self.clock.pump([15] * 2)
        self.assertEqual([one.entry.row for _, one in self.ended], list(range(1300)))
        self.assertEqual({one.outcome for _, one in self.ended}, {TOO_OLD})
        self.assertTrue(all(one.entry.message for _, one in self.ended))
        self.assertEqual(self.scheduler.queued, 0)


class ClockTests(SchedulerCase):
    """Wall clocks that jump."""

    def delayed(self, seconds: float) -> None:
        """One entry that waits for a retry."""
        self.start()
        self.enqueue(1)
        self.clock.advance(0)
        self.taken()
        self.flying[0].next_attempt_at = self.now() + seconds
        self.scheduler.retry(KEY, self.flying)

    def test_ahead(self) -> None:
        """After a jump ahead what is due is found at the next scan."""
        self.delayed(1200)
        self.jump = 86400.0
        self.clock.advance(15)
        self.assertEqual(self.taken(), [1])

    def test_back(self) -> None:
        """After a jump back nobody waits longer than was meant."""
        self.delayed(1200)
        self.clock.pump([15] * 4)
        self.jump = -30 * 86400.0
        with capturedLogs() as logs:
            self.clock.pump([15] * 75)
        self.assertEqual(self.taken(), [])
        self.assertEqual([line["log_level"].name for line in logs], ["warn"])
        self.clock.advance(15)
        self.assertEqual(self.taken(), [1])


class ShortScanTests(SchedulerCase):
    """An interval of nothing, which no configuration may have."""

    scan_interval_seconds = 0.0

    def test_clocks_that_do_not_jump(self) -> None:
        """Clocks that differ by their rounding were not set back, and nothing spins."""
        self.start()
        with capturedLogs() as logs:
            for _ in range(8):
                self.jump -= 0.001
                self.clock.advance(0.5)
        self.assertEqual(logs, [])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertGreater(self.clock.getDelayedCalls()[0].getTime(), 4.0)


class RecoverTests(SchedulerCase):
    """The start."""

    def test_pages(self) -> None:
        """The spool is read page by page, with reactor turns in between."""
        self.spool.left = [
            (KEY, an_entry(row, bare=True)) for row in range(1, RECOVERED_AT_ONCE + 11)
        ]
        started = self.scheduler.start()
        self.assertNoResult(started)
        self.assertEqual(len(self.spool.pages), 1)
        self.enqueue(9_000_000)
        self.clock.advance(0)
        self.successResultOf(started)
        page = RECOVERED_AT_ONCE
        self.assertEqual(self.spool.pages, [(0, page), (page, page), (page + 10, page)])
        self.clock.advance(0)
        taken = self.taken()
        self.assertEqual(sorted(taken), [*range(1, page + 11), 9_000_000])
        self.assertEqual(len(taken), len(set(taken)))
        self.assertEqual(self.counters.get("queues.recovered"), page + 10)

    def test_queues_fill_first(self) -> None:
        """Of many mixed queues a few fetch at once, so that most fetch a whole page."""
        keys = [KEY._replace(domain=f"{number}.example") for number in range(40)]
        page = RECOVERED_AT_ONCE
        self.spool.left = [
            (keys[row % 40], an_entry(row, bare=True)) for row in range(1, 4 * page + 1)
        ]
        load, waiting = self.spool.load, []
        recover, stuck = self.spool.recover, Deferred[Any]()

        def load_later(rows: Sequence[int]) -> Deferred[Any]:
            waiting.append((rows, Deferred()))
            return waiting[-1][1]

        def recover_later(after_row: int, limit: int) -> Any:
            page = recover(after_row, limit)
            return page if after_row < 3 * limit else stuck.addCallback(lambda _: page)

        self.patch(self.spool, "load", load_later)
        self.patch(self.spool, "recover", recover_later)
        started = self.scheduler.start()
        self.clock.advance(0)
        self.assertNoResult(started)
        self.assertEqual(len(waiting), PAGES_WHILE_RECOVERING)
        stuck.callback(None)
        while waiting or not started.called:
            asked, waiting[:] = waiting[:], []
            for wanted, done in asked:
                load(wanted).chainDeferred(done)
            self.clock.advance(0)
        self.assertEqual(sum(len(lane.taken) for lane in self.lanes.values()), 4 * page)
        self.assertLessEqual(len(self.spool.loads), 2 * len(keys))
        self.assertEqual(self.scheduler.places._used, 0)

    def test_a_long_line(self) -> None:
        """Who stands in line for minutes gets its turn, and nothing ends for that."""
        keys = [KEY._replace(domain=f"{number}.example") for number in range(5)]
        waiting: list[tuple[Sequence[int], Deferred[Any]]] = []

        def load_later(rows: Sequence[int]) -> Deferred[Any]:
            waiting.append((rows, Deferred()))
            return waiting[-1][1]

        load = self.spool.load
        self.patch(self.spool, "load", load_later)
        self.start()
        self.scheduler.places.allow(1)
        now = self.now()
        self.scheduler.enqueue(
            [(key, an_entry(row, age=now, bare=True)) for row, key in enumerate(keys)]
        )
        for _ in keys:
            self.clock.pump([15.0] * 6)
            [(asked, done)] = waiting
            waiting.clear()
            load(asked).chainDeferred(done)
            self.clock.advance(0)
        self.assertEqual(
            [rows(self.lanes[key].taken) for key in keys],
            [[row] for row in range(len(keys))],
        )
        self.assertEqual(self.ended, [])

    def test_schedule_survives(self) -> None:
        """A recovered entry waits for the time it was given before."""
        waiting = an_entry(1, bare=True, at=self.now() + 100)
        self.spool.left = [(KEY, waiting), (KEY, an_entry(2, bare=True))]
        self.start()
        self.assertEqual(self.taken(), [2])
        self.clock.advance(100)
        self.assertEqual(self.taken(), [1])

    def test_disk_trouble(self) -> None:
        """A page that cannot be read is asked for again."""
        self.spool.left = [(KEY, an_entry(1, bare=True))]
        self.spool.failures = 2
        started = self.scheduler.start()
        with capturedLogs() as logs:
            self.clock.advance(15)
            self.clock.advance(15)
        self.successResultOf(started)
        self.assertEqual(self.taken(), [1])
        self.assertEqual(logs[0]["log_level"].name, "error")

    def test_drained_meanwhile(self) -> None:
        """Draining ends the recovery: the rest stays on the disk."""
        self.spool.left = [
            (KEY, an_entry(row, bare=True)) for row in range(1, 2 * RECOVERED_AT_ONCE)
        ]
        started = self.scheduler.start()
        self.scheduler.drain()
        self.successResultOf(started)
        self.clock.advance(60)
        self.assertEqual(len(self.spool.pages), 1)

    def test_drained_in_trouble(self) -> None:
        """The same while it waits for the disk."""
        self.spool.failures = 1
        started = self.scheduler.start()
        self.successResultOf(self.scheduler.drain())
        self.successResultOf(started)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DrainTests(SchedulerCase):
    """The end."""

    def test_waits_for_every_lane(self) -> None:
        """Nothing more is handed out; it is over when the last lane says so."""
        self.start()
        self.enqueue(1)
        self.enqueue(2, key=OTHER)
        self.clock.advance(0)
        self.enqueue(3)
        drained = self.scheduler.drain()
        self.assertNoResult(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.lanes[KEY].queue.take(5), [])
        self.lanes[KEY].drained.callback(None)
        self.assertNoResult(drained)
        self.lanes[OTHER].drained.callback(None)
        self.assertIsNone(self.successResultOf(drained))

    def test_settling_goes_on(self) -> None:
        """What was in flight can still come back, and nothing is woken by it."""
        self.start()
        self.enqueue(1, 2, 3)
        self.clock.advance(0)
        self.taken()
        self.scheduler.drain()
        first, second = self.flying[:2]
        second.next_attempt_at = self.now() + 5
        self.scheduler.requeue(KEY, [first])
        self.scheduler.retry(KEY, [second])
        self.scheduler.done(KEY, 1)
        self.assertEqual(self.scheduler.queued, 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failing_lane(self) -> None:
        """A lane that fails to drain is told and does not hold up the others."""
        self.start()
        self.enqueue(1)
        drained = self.scheduler.drain()
        with capturedLogs() as logs:
            self.lanes[KEY].drained.errback(RuntimeError("bug"))
        self.successResultOf(drained)
        self.assertEqual(len(logs), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class RenewTests(SchedulerCase):
    """Another configuration wants other lanes."""

    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.limit = 2
        self.enqueue(1, 2, 3)
        self.enqueue(4, key=OTHER)
        self.clock.advance(0)
        self.old, self.other = self.lanes[KEY], self.lanes[OTHER]

    def test_one_takes_over(self) -> None:
        """The old lane drains, the new one gets the rest and what comes back."""
        self.old.limit = 0
        self.assertEqual(self.scheduler.renew(lambda key: key == KEY), 1)
        new = self.lanes[KEY]
        self.assertIsNot(new, self.old)
        self.assertIs(self.lanes[OTHER], self.other)
        self.assertEqual((self.old.drains, new.drains, self.other.drains), (1, 0, 0))
        works = self.old.works
        self.enqueue(5)
        self.scheduler.requeue(KEY, [an_entry(1)])
        self.clock.advance(0)
        self.assertEqual(self.old.works, works)
        self.assertEqual(self.taken(), [1, 5])
        self.scheduler.done(KEY, 4)
        self.assertEqual(self.scheduler.queued, 1)

    def test_settings_are_looked_at(self) -> None:
        """Also by those that keep their lane: nobody waits for the next scan."""
        self.configure(suspend_delivery=True)
        self.enqueue(6, key=OTHER)
        self.clock.advance(0)
        self.assertEqual(self.taken(OTHER), [4])
        self.configure(suspend_delivery=False)
        self.assertEqual(self.scheduler.renew(lambda _: False), 0)
        self.clock.advance(0)
        self.assertEqual(self.taken(OTHER), [6])

    def test_drain_waits_for_those_that_leave(self) -> None:
        """The end waits for a lane that has been replaced and is not done yet."""
        self.scheduler.renew(lambda key: key == KEY)
        drained = self.scheduler.drain()
        for lane in (self.lanes[KEY], self.other):
            lane.drained.callback(None)
        self.assertNoResult(drained)
        self.old.drained.callback(None)
        self.successResultOf(drained)

    def test_forgotten_when_it_has_left(self) -> None:
        """Nothing is kept of a lane that has drained, or could not."""
        for outcome in (None, RuntimeError("broken")):
            old = self.lanes[KEY]
            self.scheduler.renew(lambda key: key == KEY)
            self.assertEqual(self.scheduler._leaving, {old})
            if outcome is None:
                old.drained.callback(None)
            else:
                old.drained.errback(outcome)
                self.flushLoggedErrors(RuntimeError)
            self.assertEqual(self.scheduler._leaving, set())


class CondemnTests(SchedulerCase):
    """What an operator orders to end."""

    def test_chosen_queues(self) -> None:
        """Those of the chosen queues that came before then, and no others."""
        self.settings = evolve(self.settings, suspend_delivery=True)
        old, new = NOW - 10, NOW + 10
        for key in (KEY, OTHER):
            entries = [an_entry(1, age=old), an_entry(2, age=old), an_entry(3, age=new)]
            self.scheduler.enqueue([(key, entry) for entry in entries])
        count = self.scheduler.condemn(lambda key: key == OTHER, NOW, TOO_OLD)
        self.assertEqual((count, self.scheduler.condemned), (2, 2))
        for _ in range(3):
            self.clock.advance(0)
        found = [(key, each.entry.row, each.outcome) for key, each in self.ended]
        self.assertEqual(found, [(OTHER, 1, TOO_OLD), (OTHER, 2, TOO_OLD)])
        self.assertEqual((self.scheduler.condemned, self.scheduler.queued), (0, 4))

    def test_resumed(self) -> None:
        """An order that the log holds up goes on with the deliveries."""
        self.settings = evolve(self.settings, suspend_delivery=True)
        self.scheduler.enqueue([(KEY, an_entry(1, age=NOW - 10))])
        self.scheduler.pause("no room")
        self.scheduler.condemn(lambda _: True, NOW, TOO_OLD)
        self.clock.advance(0)
        self.assertEqual(self.ended, [])
        self.scheduler.resume()
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual(len(self.ended), 1)


class IdleTests(SchedulerCase):
    """Queues that nobody needs."""

    def test_given_up(self) -> None:
        """An empty queue goes after a long while, and comes back when needed."""
        self.start()
        self.enqueue(1)
        self.clock.advance(0)
        self.scheduler.done(KEY, 1)
        lane = self.lanes[KEY]
        self.clock.advance(IDLE_SECONDS)
        self.assertEqual(lane.drains, 0)
        self.clock.advance(15)
        self.assertEqual(lane.drains, 1)
        lane.drained.callback(None)
        self.enqueue(2)
        self.clock.advance(0)
        self.assertIsNot(self.lanes[KEY], lane)
        self.taken()
        self.assertEqual(rows(self.flying), [2])

    def test_kept(self) -> None:
        """Not while anything is in flight or waits for its time."""
        self.start()
        self.enqueue(1, 2)
        self.clock.advance(0)
        self.taken()
        self.scheduler.done(KEY, 1)
        self.flying[0].next_attempt_at = self.now() + 3 * IDLE_SECONDS
        self.clock.pump([15] * 300)
        self.assertEqual(self.lanes[KEY].drains, 0)
        self.scheduler.retry(KEY, self.flying[:1])
        self.clock.pump([15] * 300)
        self.assertEqual(self.lanes[KEY].drains, 0)
