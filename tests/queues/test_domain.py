"""One queue: nothing lost, nothing twice, everything in order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.errors import LocalProtocolError
from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.priority import AHEAD
from mcmtpush.queues.residence import Residence
from mcmtpush.values import HELD, Entry, PushPart
from tests.queues.sample import (
    KEY,
    NO_LIMIT,
    DomainCase,
    a_message,
    an_entry,
    bodies,
    rows,
)
from tests.support.case import TestCase, readable


class HoldTests(DomainCase):
    """Who waits for an operator."""

    def held(self, *numbers: int) -> list[Entry]:
        """Entries that were taken and are held, youngest first."""
        self.enqueue(*(an_entry(row) for row in numbers))
        taken = self.queue.take(len(numbers))
        self.queue.hold(taken[::-1])
        return taken

    def test_held_ones_are_apart(self) -> None:
        """They count by themselves, without bodies, and keep the queue from empty."""
        entries = self.held(1, 2)
        counts = (self.queue.active, self.queue.delayed, self.queue.flight)
        self.assertEqual((self.queue.held, *counts), (2, 0, 0, 0))
        self.assertFalse(self.queue.empty)
        self.assertEqual([one.next_attempt_at for one in entries], [HELD, HELD])
        self.assertEqual([one.message for one in entries], [None, None])

    def test_no_clock_moves_them(self) -> None:
        """However far the time goes, or goes back, they are never due."""
        self.held(1)
        self.queue.set_back(1e12)
        self.assertIsNone(self.queue.next_due())
        self.assertEqual(self.queue.release(1e300, 10), 0)
        self.assertEqual(self.queue.release(HELD, 10), 0)
        self.assertEqual(self.queue.held, 1)

    def test_held_from_the_start(self) -> None:
        """One that was held before the last stop is held again."""
        entry = an_entry(1, at=HELD)
        self.enqueue(entry)
        self.assertEqual((self.queue.held, self.queue.delayed), (1, 0))
        self.assertIsNone(entry.message)

    def test_free(self) -> None:
        """Freed ones go first, oldest first, priority before all."""
        entries = self.held(2, 4, 3)
        late = an_entry(1, 1, at=HELD)
        self.enqueue(an_entry(9), late)
        freed = self.queue.free()
        self.assertEqual(sorted(rows(freed)), [1, 2, 3, 4])
        self.assertEqual({one.next_attempt_at for one in freed}, {0.0})
        self.assertEqual(self.queue.held, 0)
        everyone = [*entries, late]
        self.queue.admit(everyone, bodies(everyone))
        self.assertEqual(rows(self.queue.take(9)), [1, 2, 3, 4, 9])
        self.assertEqual(self.queue.free(), [])


class CondemnTests(DomainCase):
    """Who is to end at an order."""

    def test_wherever_it_waits(self) -> None:
        """Active, delayed and held ones that are so old, the oldest first."""
        self.enqueue(
            an_entry(5, 1, age=1.0), an_entry(6, age=9.0), an_entry(4, age=2.0)
        )
        self.enqueue(
            an_entry(3, at=50.0, age=3.0),
            an_entry(7, at=60.0, age=9.0),
            an_entry(2, at=HELD, age=4.0),
            an_entry(8, at=HELD, age=9.0),
        )
        self.assertEqual(self.queue.condemn(5.0), 4)
        counts = (self.queue.active, self.queue.delayed, self.queue.held)
        self.assertEqual((*counts, self.queue.condemned), (1, 1, 1, 4))
        self.assertEqual((self.queue.resident, self.queue.next_due()), (1, 60.0))
        page = self.queue.absent_condemned(9)
        self.assertEqual(rows(page), [2, 3, 4, 5])
        self.assertEqual(self.queue.take_condemned(9), [])
        self.queue.admit(page, bodies(page))
        self.assertEqual(rows(self.queue.take_condemned(3)), [2, 3, 4])
        self.assertEqual(rows(self.queue.take_condemned(3)), [5])
        self.assertEqual((self.queue.flight, self.queue.waiting), (4, 3))
        self.assertEqual(self.queue.resident, 1)

    def test_not_in_flight(self) -> None:
        """What is being attempted is left alone, and counts on as ever."""
        self.enqueue(an_entry(1), an_entry(2))
        taken = self.queue.take(1)
        self.assertEqual(self.queue.condemn(99.0), 1)
        self.queue.requeue(taken, NO_LIMIT)
        self.assertEqual((self.queue.active, self.queue.condemned), (1, 1))
        self.assertFalse(self.queue.empty)

    def test_not_put_off(self) -> None:
        """Putting the others off does not touch them."""
        self.enqueue(an_entry(1, age=1.0), an_entry(2, age=9.0))
        self.queue.condemn(5.0)
        page = self.queue.absent_condemned(9)
        self.queue.admit(page, bodies(page))
        self.queue.put_off(50.0)
        self.assertEqual((self.queue.resident, self.queue.delayed), (1, 1))
        self.assertEqual(rows(self.queue.take_condemned(9)), [1])
        self.assertEqual(self.residence.held, 0)

    def test_lost_ones_leave(self) -> None:
        """What cannot be read ends without a record, as ever."""
        self.enqueue(an_entry(1), an_entry(2))
        self.queue.condemn(99.0)
        page = self.queue.absent_condemned(9)
        self.assertEqual(self.queue.admit(page, bodies(page[1:])), [1])
        self.assertEqual(rows(self.queue.take_condemned(9)), [2])


class BodyTests(DomainCase):
    """What is in memory."""

    def test_keeps_up_to_its_limit(self) -> None:
        """Bodies beyond the limit are dropped on the way in."""
        entries = [an_entry(row) for row in range(5)]
        self.enqueue(*entries, limit=3)
        self.assertEqual(
            [entry.message is None for entry in entries], [False] * 3 + [True] * 2
        )
        self.assertEqual((self.queue.resident, self.residence.held), (3, 3))

    def test_keeps_none(self) -> None:
        """A limit of 0 keeps no body at all."""
        entry = an_entry(1)
        self.enqueue(entry, limit=0)
        self.assertIsNone(entry.message)
        self.assertTrue(self.queue.blocked)

    def test_shares_the_budget(self) -> None:
        """Two queues share the total, and taking gives room."""
        self.residence.limit = 3
        other = DomainQueue(KEY, self.residence)
        self.enqueue(an_entry(1), an_entry(2))
        second = [an_entry(3), an_entry(4)]
        other.enqueue(second, 0.0, NO_LIMIT)
        self.assertEqual([entry.message is None for entry in second], [False, True])
        self.queue.take(1)
        third = an_entry(5)
        other.enqueue([third], 0.0, NO_LIMIT)
        self.assertIsNotNone(third.message)
        self.assertEqual(self.residence.held, 3)

    def test_takes_only_what_is_there(self) -> None:
        """The first one without a body stops the line, so that order is kept."""
        self.enqueue(an_entry(1), an_entry(2, bare=True), an_entry(3))
        self.assertEqual(rows(self.queue.take(3)), [1])
        self.assertTrue(self.queue.blocked)
        self.assertEqual(self.queue.take(3), [])

    def test_priority_is_not_overtaken(self) -> None:
        """Priority 0 waits while a body of priority 1 is fetched."""
        self.enqueue(an_entry(1), an_entry(2, 1, bare=True))
        self.assertEqual(self.queue.take(2), [])

    def test_fetches_in_order_of_taking(self) -> None:
        """A page holds those without bodies, in the order they will be taken."""
        self.enqueue(
            an_entry(1, bare=True),
            an_entry(2),
            an_entry(3, bare=True),
            an_entry(4, 1, bare=True),
            an_entry(5, bare=True),
        )
        self.assertEqual(rows(self.queue.absent(3)), [4, 1, 3])

    def test_admits_bodies(self) -> None:
        """Fetched bodies make their entries takeable."""
        self.enqueue(an_entry(1, bare=True), an_entry(2, bare=True))
        page = self.queue.absent(10)
        self.assertEqual(self.queue.admit(page, bodies(page)), [])
        self.assertEqual(self.queue.resident, 2)
        taken = self.queue.take(2)
        self.assertEqual(
            [entry.message for entry in taken], [a_message(1), a_message(2)]
        )
        self.assertEqual(self.queue.resident, 0)

    def test_lost_ones_leave(self) -> None:
        """Entries whose rows cannot be read are out, wherever they stood."""
        self.enqueue(*(an_entry(row, row % 2, bare=True) for row in range(10)))
        page = self.queue.absent(8)
        found = bodies(page)
        for row in (1, 3, 4):
            del found[row]
        self.assertEqual(self.queue.admit(page, found), [1, 3, 4])
        self.assertEqual(self.queue.active, 7)
        page = self.queue.absent(8)
        self.queue.admit(page, bodies(page))
        self.assertEqual(rows(self.queue.take(9)), [5, 7, 9, 0, 2, 6, 8])

    def test_lost_ones_that_came_back(self) -> None:
        """The same for those that stand in front since they came back."""
        self.enqueue(an_entry(1), an_entry(2), an_entry(3))
        taken = self.queue.take(3)
        self.queue.requeue(taken, NO_LIMIT)
        self.assertEqual(self.queue.admit(taken, bodies(taken[1:])), [1])
        self.assertEqual(rows(self.queue.take(3)), [2, 3])

    def test_requeue_drops_the_body(self) -> None:
        """What was written may have lost its payload: it is fetched again."""
        self.enqueue(an_entry(1))
        taken = self.queue.take(1)
        taken[0].push = PushPart("ab", b"")
        self.queue.requeue(taken, NO_LIMIT)
        self.assertIsNone(taken[0].message)
        self.assertIsNone(taken[0].push)
        self.assertTrue(self.queue.blocked)

    def test_requeue_keeps_a_page(self) -> None:
        """What came back whole is next: as much of it stays as would be fetched."""
        self.enqueue(*(an_entry(row) for row in range(1200)))
        taken = self.queue.take(1200)
        self.queue.requeue(taken, 250)
        self.assertEqual((self.queue.resident, self.residence.held), (500, 500))
        self.assertEqual(rows(self.queue.take(1200)), list(range(500)))
        self.assertEqual(rows(self.queue.absent(2)), [500, 501])

    def test_requeue_obeys_the_limits(self) -> None:
        """No body stays where none is wanted, and few where the budget is used up."""
        self.residence.limit = 100
        self.enqueue(*(an_entry(row) for row in range(100)))
        taken = self.queue.take(60)
        self.queue.requeue(taken[:10], 0)
        self.assertEqual(self.queue.resident, 40)
        self.residence.held = 100
        self.queue.requeue(taken[10:], NO_LIMIT)
        self.assertEqual(self.queue.resident, 90)
        self.assertEqual(self.queue.take(9), [])

    def test_sheds(self) -> None:
        """What is not next gives its body up, in whichever line it stands."""
        self.enqueue(*(an_entry(row, row % 2) for row in range(20)))
        self.queue.shed(9)
        self.assertEqual((self.queue.resident, self.residence.held), (9, 9))
        self.assertEqual(rows(self.queue.take(99)), [1, 3, 5, 7, 9, 11, 13, 0, 15])
        self.queue.shed(0)
        self.assertEqual(self.queue.resident, 0)

    def test_mail_comes_back_whole(self) -> None:
        """A message without a push part lost nothing on its way."""
        entry = an_entry(1)
        entry.push = None
        self.enqueue(entry)
        self.queue.requeue(self.queue.take(1), NO_LIMIT)
        self.assertEqual(self.queue.take(1), [entry])


class FlightTests(DomainCase):
    """Those in flight."""

    def test_empty_only_without_flight(self) -> None:
        """A queue is empty when nothing is here and nothing can come back."""
        self.assertTrue(self.queue.empty)
        self.enqueue(an_entry(1))
        self.queue.take(1)
        self.assertFalse(self.queue.empty)
        self.queue.done(1)
        self.assertTrue(self.queue.empty)

    def test_nothing_comes_back_twice(self) -> None:
        """More returns than flights are a bug, and a loud one."""
        self.enqueue(an_entry(1), an_entry(2))
        taken = self.queue.take(1)
        self.queue.done(1)
        for verb in (
            lambda: self.queue.done(1),
            lambda: self.queue.retry(taken),
            lambda: self.queue.requeue(taken, NO_LIMIT),
            lambda: self.queue.hold(taken),
        ):
            with self.assertRaises(LocalProtocolError):
                verb()
        self.assertEqual((self.queue.flight, self.queue.active), (0, 1))


class DomainMachine(RuleBasedStateMachine):
    """A queue beside plain lists that say the same in the slowest way."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = DomainQueue(KEY, Residence(20))
        self.now = 0.0
        self.rows = 0
        self.arrivals = 0
        self.active: list[tuple[tuple[int, int, int], Entry]] = []
        self.ahead = 0
        self.delayed: list[Entry] = []
        self.held: list[Entry] = []
        self.condemned: list[Entry] = []
        self.flight: list[Entry] = []
        self.pages: list[list[Entry]] = []

    def line_up(self, entry: Entry, *, returned: bool = False) -> None:
        """Into the model's one list, with a key that says everything about order."""
        self.arrivals += 1
        place = (0, entry.row) if returned else (1, self.arrivals)
        self.active.append(((-entry.priority, *place), entry))
        self.active.sort(key=lambda pair: pair[0])

    def in_turn(self) -> list[Entry]:
        """The active ones in the order of taking; the model's idea of fairness."""
        lines = [[one for _, one in self.active if one.priority == p] for p in (1, 0)]
        ahead, order = self.ahead, []
        while lines[0] and lines[1]:
            at = 0 if ahead < AHEAD else 1
            ahead = 0 if at else ahead + 1
            order.append(lines[at].pop(0))
        return order + lines[0] + lines[1]

    @rule(
        entries=st.lists(
            st.tuples(
                st.integers(0, 1),
                st.integers(0, 6) | st.just(HELD),
                st.booleans(),
            ),
            max_size=12,
        ),
        limit=st.integers(-1, 12),
    )
    def enqueue(self, entries: list[tuple[int, float, bool]], limit: int) -> None:
        new = []
        for priority, wait, bare in entries:
            self.rows += 1
            at = self.now + wait if wait else 0.0
            new.append(an_entry(self.rows, priority, at=at, age=self.now, bare=bare))
        self.queue.enqueue(new, self.now, limit)
        for entry in new:
            if entry.next_attempt_at == HELD:
                self.held.append(entry)
            elif entry.next_attempt_at > self.now:
                self.delayed.append(entry)
            else:
                self.line_up(entry)

    @rule(limit=st.integers(0, 12))
    def take(self, limit: int) -> None:
        expected = []
        for entry in self.in_turn()[:limit]:
            if entry.message is None:
                break
            expected.append(entry)
        taken = self.queue.take(limit)
        assert rows(taken) == rows(expected)
        for entry in taken:
            self.active = [pair for pair in self.active if pair[1] is not entry]
            others = any(not one.priority for _, one in self.active)
            self.ahead = self.ahead + 1 if entry.priority and others else 0
        self.flight += taken

    @rule(wait=st.integers(1, 9))
    def put_off(self, wait: int) -> None:
        assert self.queue.put_off(self.now + wait) == len(self.active)
        self.delayed += [entry for _, entry in self.active]
        self.active = []
        self.pages = []  # whoever fetched them drops them

    @rule(back=st.integers(0, 10))
    def take_old(self, back: int) -> None:
        cutoff = self.now - back
        expected = []
        for priority in (1, 0):
            for _, entry in self.active:
                if entry.priority != priority:
                    continue
                if entry.received_at >= cutoff or entry.message is None:
                    break
                expected.append(entry)
        taken = self.queue.take_old(cutoff, 100)
        assert rows(taken) == rows(expected)
        self.active = [pair for pair in self.active if pair[1] not in taken]
        self.flight += taken

    @precondition(lambda self: self.flight)
    @rule(data=st.data(), verb=st.sampled_from(["done", "retry", "requeue", "hold"]))
    def settle(self, data: st.DataObject, verb: str) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.flight), unique=True))
        self.flight = [entry for entry in self.flight if entry not in chosen]
        if verb == "done":
            self.queue.done(len(chosen))
        elif verb == "retry":
            for entry in chosen:
                entry.next_attempt_at = self.now + data.draw(st.integers(0, 9))
            self.queue.retry(chosen)
            self.delayed += chosen
        elif verb == "hold":
            self.queue.hold(chosen)
            self.held += chosen
        else:
            self.queue.requeue(chosen, NO_LIMIT)
            for entry in chosen:
                self.line_up(entry, returned=True)

    @rule()
    def free(self) -> None:
        freed = self.queue.free()
        assert sorted(rows(freed)) == sorted(rows(self.held))
        for entry in self.held:
            assert entry.next_attempt_at == 0.0
            self.line_up(entry, returned=True)
        self.held = []

    @rule(back=st.integers(0, 10))
    def condemn(self, back: int) -> None:
        cutoff = self.now - back
        waiting = [one for _, one in self.active] + self.delayed + self.held
        chosen = [one for one in waiting if one.received_at < cutoff]
        assert self.queue.condemn(cutoff) == len(chosen)
        self.active = [pair for pair in self.active if pair[1] not in chosen]
        self.delayed = [one for one in self.delayed if one not in chosen]
        self.held = [one for one in self.held if one not in chosen]
        self.condemned = sorted(self.condemned + chosen, key=lambda one: one.row)

    @rule(limit=st.integers(0, 6))
    def take_condemned(self, limit: int) -> None:
        expected = []
        for entry in self.condemned[:limit]:
            if entry.message is None:
                break
            expected.append(entry)
        assert rows(self.queue.take_condemned(limit)) == rows(expected)
        del self.condemned[: len(expected)]
        self.flight += expected

    @precondition(lambda self: not self.pages)
    @rule(limit=st.integers(1, 6))
    def ask_for_condemned(self, limit: int) -> None:
        page = self.queue.absent_condemned(limit)
        bare = [entry for entry in self.condemned if entry.message is None]
        assert rows(page) == rows(bare[:limit])
        self.pages.append(page)

    @rule(seconds=st.integers(1, 5))
    def jump_back(self, seconds: int) -> None:
        """The clock goes back, and with it the times of those who wait for one."""
        self.now -= seconds
        self.queue.set_back(seconds)
        assert all(one.next_attempt_at == HELD for one in self.held)

    @rule(seconds=st.integers(0, 5), limit=st.integers(0, 5))
    def pass_time(self, seconds: int, limit: int) -> None:
        self.now += seconds
        due = sorted(
            (one for one in self.delayed if one.next_attempt_at <= self.now),
            key=lambda one: (one.next_attempt_at, one.row),
        )[:limit]
        assert self.queue.release(self.now, limit) == len(due)
        for entry in due:
            self.delayed.remove(entry)
            self.line_up(entry)

    @precondition(lambda self: not self.pages)
    @rule(limit=st.integers(1, 6))
    def ask_for_bodies(self, limit: int) -> None:
        page = self.queue.absent(limit)
        bare = [entry for entry in self.in_turn() if entry.message is None]
        assert rows(page) == rows(bare[:limit])
        self.pages.append(page)

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def bodies_come(self, data: st.DataObject) -> None:
        page = self.pages.pop()
        lost = data.draw(st.lists(st.sampled_from(page), unique=True)) if page else []
        found = bodies([entry for entry in page if entry not in lost])
        assert sorted(self.queue.admit(page, found)) == sorted(rows(lost))
        self.active = [pair for pair in self.active if pair[1] not in lost]
        self.condemned = [one for one in self.condemned if one not in lost]

    @rule(limit=st.integers(0, 12))
    def shed(self, limit: int) -> None:
        kept = [one for one in self.in_turn()[:limit] if one.message is not None]
        self.queue.shed(limit)
        left = [one for one in self.in_turn() if one.message is not None]
        assert rows(left) == rows(kept)

    @invariant()
    def counts(self) -> None:
        assert self.queue.active == len(self.active)
        assert self.queue.delayed == len(self.delayed)
        assert self.queue.flight == len(self.flight)
        assert self.queue.held == len(self.held)
        assert self.queue.empty == (
            not (self.active or self.delayed or self.held or self.flight)
            and not self.condemned
        )
        here = [one for _, one in self.active] + self.condemned
        resident = [one for one in here if one.message is not None]
        assert self.queue.resident == self.queue.residence.held == len(resident)
        assert self.queue.blocked == bool(
            self.active and self.in_turn()[0].message is None
        )
        assert all(entry.message is None for entry in self.delayed + self.held)
        times = [entry.next_attempt_at for entry in self.delayed]
        assert self.queue.next_due() == min(times, default=None)


class DomainMachineTests(TestCase):
    """The queue against its model."""

    @readable
    def test_machine(self) -> None:
        """Nothing is lost, nothing is handed out twice, order and counts hold."""
        run_state_machine_as_test(
            DomainMachine, settings=settings(max_examples=60, stateful_step_count=40)
        )
