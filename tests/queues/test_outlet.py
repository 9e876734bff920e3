"""What delivery sees of a queue, with everything around it moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from mcmtpush.config.views import QueueSettings
from mcmtpush.errors import SpoolError
from mcmtpush.places import Places
from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.outlet import NOT_ATTEMPTED, STUCK_SECONDS, TOO_OLD, Gate, Outlet
from mcmtpush.queues.residence import Residence
from mcmtpush.values import Attempt, Entry, Expired, QueueKey
from tests.queues.sample import KEY, an_entry, bodies, rows
from tests.support.case import TestCase


NOW = 1_700_000_000.0
PURGED = Expired("554 5.7.0 [internal] Message manually purged")


class Loads:
    """A spool that answers when told."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], Deferred[Any]]] = []

    def load(self, rows: Sequence[int]) -> Deferred[Any]:
        self.asked.append((list(rows), Deferred()))
        return self.asked[-1][1]

    def answer(self, *, without: Sequence[int] = ()) -> list[int]:
        """Answer the oldest question, leaving some rows out; what it was."""
        asked, done = self.asked.pop(0)
        found = bodies([an_entry(row) for row in asked if row not in without])
        done.callback(found)
        return asked


class House:
    """What the scheduler is to an outlet."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.spool: Any = Loads()
        self.places: Places[Outlet] = Places(self.wake, 1)
        self.time = 1000.0
        self.ended: list[tuple[QueueKey, list[Attempt]]] = []
        self.woken: list[Outlet] = []
        self.lost_rows: list[int] = []
        self.failures: list[Any] = []
        self.delays: list[tuple[Outlet, int, str]] = []

    def now(self) -> float:
        return NOW + self.time

    def seconds(self) -> float:
        return self.time

    def expire(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        self.ended.append((key, list(attempts)))

    def wake(self, outlet: Outlet) -> None:
        self.woken.append(outlet)

    def put_off(self, outlet: Outlet, count: int, reason: str) -> None:
        self.delays.append((outlet, count, reason))

    def lost(self, key: QueueKey, rows: Sequence[int]) -> None:
        self.lost_rows += rows

    def not_loaded(self, key: QueueKey, failure: Any) -> None:
        self.failures.append(failure)


class RecordingLane:
    """A lane that only remembers."""

    def __init__(self) -> None:
        self.works = 0

    def work(self) -> None:
        self.works += 1

    def drain(self) -> Deferred[None]:
        return Deferred()


class OutletCase(TestCase):
    """One outlet."""

    def setUp(self) -> None:
        self.house = House()
        self.settings = QueueSettings(message_expiration_seconds=600)
        self.outlet = Outlet(
            DomainQueue(KEY, Residence(0)), self.house, lambda _: self.settings, 1000.0
        )
        self.lane = RecordingLane()
        self.outlet.lane = self.lane

    def configure(self, **changes: object) -> None:
        """The configuration changes."""
        self.settings = evolve(self.settings, **changes)

    def enqueue(self, *ages: float, bare: bool = False) -> list[Entry]:
        """Entries of these ages, numbered from 0."""
        entries = [
            an_entry(row, age=self.house.now() - age, bare=bare)
            for row, age in enumerate(ages)
        ]
        self.outlet.enqueue(entries)
        return entries

    def attempts(self) -> list[tuple[int, object]]:
        """Who ended, and how."""
        return [
            (attempt.entry.row, attempt.outcome)
            for _, attempts in self.house.ended
            for attempt in attempts
        ]


class TakeTests(OutletCase):
    """Taking."""

    def test_takes_in_order(self) -> None:
        """Resident entries come in order, and the backlog counts those left."""
        self.enqueue(0, 0, 0)
        self.assertEqual(self.outlet.backlog, 3)
        self.assertEqual(rows(self.outlet.take(2)), [0, 1])
        self.assertEqual(self.outlet.backlog, 1)
        self.assertEqual(self.outlet.key, KEY)

    def test_suspended(self) -> None:
        """A suspended queue has no backlog to attempt, and the lane is left alone."""
        self.enqueue(0)
        self.configure(suspend_delivery=True)
        self.outlet.look()
        self.assertEqual((self.outlet.backlog, self.outlet.take(5)), (0, []))
        self.assertEqual(self.lane.works, 0)
        self.configure(suspend_delivery=False)
        self.outlet.look()
        self.assertEqual(self.lane.works, 1)
        self.assertEqual(len(self.outlet.take(5)), 1)

    def test_gate(self) -> None:
        """The same while everything pauses or drains."""
        self.enqueue(0)
        for gate in (Gate(reason="log"), Gate(draining=True)):
            self.house.gate = gate
            self.outlet.look()
            self.assertEqual((self.outlet.backlog, self.outlet.take(5)), (0, []))
        self.assertEqual(self.lane.works, 0)

    def test_nothing_to_do(self) -> None:
        """An empty queue does not bother its lane."""
        self.outlet.look()
        self.assertEqual(self.lane.works, 0)


class ExpiryTests(OutletCase):
    """Messages that are too old."""

    def test_tried_once_all_the_same(self) -> None:
        """Without the option an expired message gets its attempt."""
        self.enqueue(700)
        self.assertEqual(rows(self.outlet.take(5)), [0])
        self.assertEqual(self.attempts(), [])

    def test_not_attempted(self) -> None:
        """With the option it ends instead, and the lane gets the young ones."""
        self.configure(never_attempt_expired_messages=True)
        self.enqueue(700, 10, 601, 600, 0)
        self.assertEqual(rows(self.outlet.take(2)), [1, 3])
        self.assertEqual(self.attempts(), [(0, NOT_ATTEMPTED), (2, NOT_ATTEMPTED)])
        self.assertEqual(self.outlet.queue.flight, 4)
        self.assertEqual(
            NOT_ATTEMPTED.text,
            "554 5.4.5 [internal] Delivery not attempted (message expired)",
        )

    def test_ended_ones_have_their_message(self) -> None:
        """Whoever records them finds the message in the entry."""
        self.configure(never_attempt_expired_messages=True)
        self.enqueue(700, 700, bare=True)
        self.assertEqual(self.outlet.take(5), [])
        self.house.spool.answer()
        self.assertEqual(self.outlet.take(5), [])
        ((key, attempts),) = self.house.ended
        self.assertEqual(key, KEY)
        self.assertEqual([one.entry.message.id for one in attempts], ["0", "1"])

    def stuck(self) -> None:
        """Time passes in which nothing is taken."""
        self.house.time += STUCK_SECONDS + 1
        self.outlet.look()

    def test_no_way_out(self) -> None:
        """When nothing can be delivered, those that are too old end."""
        self.enqueue(700, 10, 650)
        self.outlet.look()
        self.assertEqual(self.attempts(), [])
        self.stuck()
        self.assertEqual(self.attempts(), [(0, TOO_OLD)])
        self.assertEqual(self.outlet.queue.active, 2)
        self.assertEqual(
            TOO_OLD.text, "554 5.4.7 [internal] exceeded max time without delivery"
        )

    def test_a_moving_queue_is_not_stuck(self) -> None:
        """As long as something is taken the others wait for their turn."""
        self.enqueue(700, 700)
        self.house.time += STUCK_SECONDS
        self.outlet.take(1)
        self.house.time += STUCK_SECONDS
        self.outlet.look()
        self.assertEqual(self.attempts(), [])

    def test_an_idle_queue_is_not_stuck(self) -> None:
        """What comes after a long silence gets its attempt first."""
        self.house.time += 10 * STUCK_SECONDS
        self.enqueue(700)
        self.outlet.look()
        self.assertEqual(self.attempts(), [])

    def test_short_expirations(self) -> None:
        """A message that may wait for ten seconds does not wait for a minute."""
        self.configure(message_expiration_seconds=10)
        self.enqueue(0)
        self.house.time += 10.5
        self.outlet.look()
        self.assertEqual(self.attempts(), [(0, TOO_OLD)])

    def test_bodies_first(self) -> None:
        """Those on the disk are fetched before they end, page after page."""
        entries = self.enqueue(*[700] * 700, bare=True)
        self.stuck()
        self.assertEqual(self.attempts(), [])
        self.assertEqual(len(self.house.spool.answer()), 500)
        self.house.woken.clear()
        self.outlet.look()
        self.assertEqual(len(self.attempts()), 500)
        self.assertEqual(self.house.woken, [self.outlet])
        self.house.spool.answer()
        self.outlet.look()
        self.assertEqual(self.attempts(), [(one.row, TOO_OLD) for one in entries])
        self.assertEqual(self.outlet.queue.active, 0)

    def test_suspended_ones_stay(self) -> None:
        """Whatever waits in a suspended queue waits for the operator."""
        self.enqueue(700)
        self.configure(suspend_delivery=True)
        self.stuck()
        self.assertEqual(self.attempts(), [])
        self.configure(suspend_delivery=False)
        self.outlet.look()
        self.assertEqual(self.attempts(), [])
        self.assertEqual(rows(self.outlet.take(1)), [0])

    def test_held_back_is_not_stuck(self) -> None:
        """After a pause everybody has a chance before time runs out."""
        self.enqueue(700)
        self.house.gate.reason = "the log is full"
        self.stuck()
        self.house.gate.reason = None
        self.outlet.look()
        self.assertEqual(self.attempts(), [])
        self.stuck()
        self.assertEqual(self.attempts(), [(0, TOO_OLD)])


class CondemnTests(OutletCase):
    """Ending at an order."""

    def test_page_by_page(self) -> None:
        """Bodies are fetched, since records want them; then all end, and only these."""
        self.enqueue(10, 10, 1)
        self.outlet.suspend("a guard")
        self.assertEqual(self.outlet.condemn(self.house.now() - 5, PURGED), 2)
        self.assertEqual(self.house.woken, [self.outlet])
        self.outlet.look()
        self.assertEqual(self.attempts(), [])
        self.assertEqual(self.house.spool.answer(), [0, 1])
        self.outlet.look()
        self.assertEqual(self.attempts(), [(0, PURGED), (1, PURGED)])
        self.assertEqual(
            (self.outlet.queue.condemned, self.outlet.queue.active), (0, 1)
        )
        self.assertEqual(self.lane.works, 0)

    def test_not_while_records_cannot_be_written(self) -> None:
        """An order waits for the log as deliveries do."""
        self.enqueue(10)
        self.outlet.condemn(self.house.now(), PURGED)
        self.house.gate.reason = "no room for the log"
        self.outlet.look()
        self.assertEqual((self.house.spool.asked, self.attempts()), ([], []))
        self.house.gate.reason = None
        self.outlet.look()
        self.house.spool.answer()
        self.outlet.look()
        self.assertEqual(self.attempts(), [(0, PURGED)])

    def test_others_go_on(self) -> None:
        """What came later is delivered meanwhile."""
        self.enqueue(10, 1)
        self.outlet.condemn(self.house.now() - 5, PURGED)
        self.outlet.look()
        self.assertEqual(self.lane.works, 1)
        self.assertEqual(rows(self.outlet.take(9)), [1])


class BodyTests(OutletCase):
    """Bodies from the disk."""

    def test_fetched_when_the_head_has_none(self) -> None:
        """One page at a time is asked for, and the queue woken when it has come."""
        entries = self.enqueue(*[0] * 600, bare=True)
        self.outlet.look()
        self.outlet.look()
        self.assertEqual(self.outlet.take(10), [])
        self.assertEqual(len(self.house.spool.asked), 1)
        self.assertEqual(self.house.spool.answer(), list(range(500)))
        self.assertEqual(self.house.woken, [self.outlet])
        self.assertEqual(self.outlet.take(10), entries[:10])
        self.assertEqual(self.house.spool.asked, [])

    def test_next_page_while_the_last_is_under_way(self) -> None:
        """As soon as the page is used up the next one is asked for."""
        self.enqueue(*[0] * 600, bare=True)
        self.outlet.look()
        self.house.spool.answer()
        self.assertEqual(len(self.outlet.take(500)), 500)
        self.assertEqual(self.house.spool.answer(), list(range(500, 600)))

    def test_keep_none(self) -> None:
        """With a limit of 0 bodies are fetched when the lane asks, not before."""
        self.configure(max_resident_active_queue=0)
        (entry,) = self.enqueue(0)
        self.assertIsNone(entry.message)
        self.outlet.look()
        self.assertEqual((self.house.spool.asked, self.lane.works), ([], 1))
        self.assertEqual(self.outlet.take(1), [])
        self.house.spool.answer()
        self.assertEqual(self.outlet.take(1), [entry])

    def test_keep_all(self) -> None:
        """Without a limit what arrives with its body keeps it."""
        self.configure(max_resident_active_queue=-1)
        self.enqueue(*[0] * 3000)
        self.assertEqual(len(self.outlet.take(3000)), 3000)

    def test_lost_rows(self) -> None:
        """Rows that cannot be read leave the queue and are told."""
        self.enqueue(0, 0, 0, bare=True)
        self.outlet.look()
        self.house.spool.answer(without=[1])
        self.assertEqual(self.house.lost_rows, [1])
        self.assertEqual(rows(self.outlet.take(5)), [0, 2])

    def test_all_lost(self) -> None:
        """When a whole page is lost the next one is looked at."""
        self.enqueue(0, bare=True)
        self.outlet.look()
        self.house.spool.answer(without=[0])
        self.assertEqual(self.house.woken, [self.outlet])
        self.assertTrue(self.outlet.queue.empty)

    def test_in_line(self) -> None:
        """A queue fetches when it is its turn; its lane has nothing to do before."""
        places = self.house.places
        self.assertTrue(places.begin(None))  # type: ignore[arg-type]
        self.enqueue(5, 5, bare=True)
        self.outlet.look()
        self.assertTrue(self.outlet.waits)
        self.assertEqual((self.house.spool.asked, self.lane.works), ([], 0))
        places.end()
        self.assertEqual(self.house.woken, [self.outlet])
        self.enqueue(5, bare=True)
        self.outlet.look()
        self.assertEqual(len(self.house.spool.answer()), 3)
        self.outlet.look()
        self.assertFalse(self.outlet.waits)
        self.assertEqual(self.lane.works, 1)
        self.assertTrue(places.begin(None))  # type: ignore[arg-type]

    def test_somebody_first_whose_body_is_here(self) -> None:
        """A queue does not wait for bodies when the next one has its own."""
        self.enqueue(5, bare=True)
        self.outlet.look()
        self.assertTrue(self.outlet.waits)
        urgent = an_entry(9, age=self.house.now())
        urgent.priority = 1
        self.outlet.enqueue([urgent])
        self.assertFalse(self.outlet.waits)
        self.outlet.look()
        self.assertEqual(self.lane.works, 1)

    def test_failed_load(self) -> None:
        """A failure is told once, and the next look tries again."""
        self.enqueue(0, bare=True)
        self.outlet.look()
        self.house.spool.asked.pop()[1].errback(SpoolError("disk"))
        self.assertEqual(len(self.house.failures), 1)
        self.assertEqual((self.house.woken, self.house.spool.asked), ([], []))
        self.outlet.look()
        self.house.spool.answer()
        self.assertEqual(rows(self.outlet.take(5)), [0])


class DelayTests(OutletCase):
    """The lane finds no way out."""

    def test_delays(self) -> None:
        """All active ones wait for the retry interval; no attempt is charged."""
        self.configure(retry_interval_seconds=70)
        entries = self.enqueue(0, 0, 0)
        taken = self.outlet.take(1)
        self.outlet.delay("no way")
        self.assertEqual(self.house.delays, [(self.outlet, 2, "no way")])
        self.assertEqual((self.outlet.backlog, self.outlet.queue.delayed), (0, 2))
        self.assertEqual(self.outlet.queue.next_due(), self.house.now() + 70)
        self.assertEqual([entry.attempts for entry in entries], [0, 0, 0])
        self.outlet.queue.done(len(taken))

    def test_nothing_to_delay(self) -> None:
        """Nobody is told of nothing."""
        self.outlet.delay("no way")
        self.assertEqual(self.house.delays, [])

    def test_bodies_on_the_way(self) -> None:
        """A page that comes too late is dropped: its entries need no bodies now."""
        self.enqueue(0, 0, bare=True)
        self.outlet.look()
        self.outlet.delay("no way")
        self.house.spool.answer()
        self.assertEqual(self.outlet.queue.resident, 0)
        self.assertEqual(self.outlet.queue.residence.held, 0)
        self.outlet.queue.release(self.house.now() + 10_000, 10)
        self.outlet.look()
        self.assertEqual(self.house.spool.answer(), [0, 1])
        self.assertEqual(rows(self.outlet.take(9)), [0, 1])

    def test_page_that_failed_meanwhile(self) -> None:
        """The next page after it counts again."""
        self.enqueue(0, bare=True)
        self.outlet.look()
        self.outlet.delay("no way")
        self.house.spool.asked.pop()[1].errback(SpoolError("disk"))
        self.outlet.queue.release(self.house.now() + 10_000, 10)
        self.outlet.look()
        self.house.spool.answer()
        self.assertEqual(self.outlet.queue.resident, 1)


class SuspendTests(OutletCase):
    """The lane wants nothing for now."""

    def test_suspends(self) -> None:
        """Nothing is handed out, and nothing is too old for that."""
        self.enqueue(0, 599)
        self.outlet.suspend("guard")
        self.assertEqual((self.outlet.backlog, self.outlet.take(5)), (0, []))
        for _ in range(10):
            self.house.time += STUCK_SECONDS
            self.outlet.look()
        self.assertEqual((self.attempts(), self.lane.works), ([], 0))

    def test_resumes(self) -> None:
        """Everything is there, and the queue is looked at."""
        self.enqueue(0, 0)
        self.outlet.suspend("guard")
        self.house.woken.clear()
        self.outlet.resume()
        self.assertEqual(self.house.woken, [self.outlet])
        self.assertEqual(rows(self.outlet.take(5)), [0, 1])
