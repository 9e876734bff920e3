"""Places over several workers: never too many, nobody forgotten, the dead included."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.shared import places as places_module
from mcmtpush.shared import roster
from mcmtpush.shared.ledger import REST_SECONDS, Rows
from mcmtpush.shared.places import (
    LOOK_SECONDS,
    SETTLING_SECONDS,
    UNKNOWN,
    OwnPlaces,
    SharedPlaces,
)
from mcmtpush.shared.roster import ASK_SECONDS, LEASE_SECONDS, Need, forget
from mcmtpush.shared.turn import SLICE_SECONDS
from tests.shared.hands import Hands, room
from tests.support.case import TestCase, readable


LONGEST = LOOK_SECONDS[1]


def everything(rows: Rows) -> dict[tuple[str, int], int]:
    """What every worker has, as the file says."""
    found = rows.execute("SELECT name, worker, used FROM place").fetchall()
    return {(name, worker): used for name, worker, used in found}


def wants(rows: Rows) -> list[tuple[str, int]]:
    """Who is said to wait."""
    found = rows.execute("SELECT name, worker FROM want ORDER BY name, worker")
    return list(found.fetchall())


class Worker:
    """Wants places of one kind as long as `wanted` says; notes what it is told."""

    def __init__(self, hands: Hands, number: int) -> None:
        self.number = number
        self.ledger = hands.ledger(number)
        self.places = SharedPlaces(self.ledger, hands.clock, Random(number))
        self.places.watch(self)
        self.waits: list[Need] = []
        self.got = 0
        self.pressed: list[str] = []

    def look(self) -> bool:
        if self.waits and self.places.wait(self.waits) is None:
            self.waits = []
            self.got += 1
        return bool(self.waits)

    def press(self, name: str) -> None:
        self.pressed.append(name)

    def want(self, *needs: Need) -> bool:
        self.waits = list(needs)
        return not self.look()


class PlacesTests(TestCase):
    def setUp(self) -> None:
        self.hands = Hands()
        self.hands.listen(self)
        self.addCleanup(self.hands.close)
        self.clock = self.hands.clock
        self.workers = [Worker(self.hands, number) for number in range(4)]
        self.one, self.two, self.three, _ = self.workers

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)

    def written(self) -> dict[tuple[str, int], int]:
        return self.one.ledger.look(everything, {})

    def test_never_too_many(self) -> None:
        """Whoever asks; the limit that is full is named."""
        took = [each.places.take([("a", 3)]) for each in self.workers]
        self.assertEqual(took, [None, None, None, "a"])
        self.assertEqual(self.written(), {("a", 0): 1, ("a", 1): 1, ("a", 2): 1})

    def test_all_or_none(self) -> None:
        """A place is taken in each of several limits, or in none."""
        self.assertIsNone(self.one.places.take([("a", 1), ("b", 2)]))
        self.assertEqual(self.two.places.take([("b", 2), ("a", 1)]), "a")
        self.assertIsNone(self.two.places.take([("b", 2)]))
        self.assertEqual(self.written(), {("a", 0): 1, ("b", 0): 1, ("b", 1): 1})

    def test_room(self) -> None:
        """Asking takes nothing."""
        needs = [("a", 1), ("b", 9)]
        self.assertTrue(self.one.places.has_room(needs))
        self.two.places.take([("a", 1)])
        self.assertFalse(self.one.places.has_room(needs))
        self.assertTrue(self.one.places.has_room(needs[1:]))

    def test_given_back(self) -> None:
        """It can be had at once; nothing is kept of what nobody has."""
        for _ in range(2):
            self.assertIsNone(self.one.places.take([("a", 2), ("b", 9)]))
        self.one.places.give_back(["a", "b"])
        self.assertEqual(self.written(), {("a", 0): 1, ("b", 0): 1})
        self.assertIsNone(self.two.places.take([("a", 2)]))
        self.one.places.give_back(["a", "b"])
        self.two.places.give_back(["a"])
        self.assertEqual(self.written(), {})

    def test_who_waits_is_served(self) -> None:
        """By its next look, although the other would take it back at once."""
        self.assertTrue(self.one.want(("a", 1)))
        self.assertFalse(self.two.want(("a", 1)))
        self.clock.advance(1)
        self.one.places.give_back(["a"])
        self.assertEqual(self.one.places.take([("a", 1)]), "a")
        self.assertEqual(self.two.got, 0)
        self.clock.advance(LONGEST)
        self.assertEqual(self.two.got, 1)
        self.assertEqual(self.one.ledger.look(wants, [("?", 0)]), [])

    def test_in_the_order_of_coming(self) -> None:
        """Whoever has had one waits behind those who have waited."""
        self.assertTrue(self.one.want(("a", 1)))
        holder, turns = self.one, []
        for each in (self.two, self.three):
            self.clock.advance(0.01)
            self.assertFalse(each.want(("a", 1)))
        for _ in range(6):
            self.clock.advance(0.01)
            holder.places.give_back(["a"])
            self.assertFalse(holder.want(("a", 1)))
            before = [each.got for each in self.workers]
            self.pass_time(1)
            got = [
                each
                for each, count in zip(self.workers, before, strict=True)
                if each.got > count
            ]
            (holder,) = got
            turns.append(holder.number)
        self.assertEqual(turns, [1, 2, 0, 1, 2, 0])

    def test_declined(self) -> None:
        """Who waits no more holds up nobody."""
        self.one.want(("a", 1))
        self.two.want(("a", 1))
        self.two.waits = []
        self.two.places.decline(["a", "b"])
        self.one.places.give_back(["a"])
        self.assertIsNone(self.one.places.take([("a", 1)]))

    def test_who_waits_and_does_not_look(self) -> None:
        """It is believed for a while only."""
        self.one.want(("a", 1))
        self.two.want(("a", 1))
        self.two.waits = []
        self.one.places.give_back(["a"])
        self.assertEqual(self.one.places.take([("a", 1)]), "a")
        self.clock.advance(LEASE_SECONDS)
        self.assertIsNone(self.one.places.take([("a", 1)]))

    def test_no_timers_without_places(self) -> None:
        """Nobody looks who has nothing and waits for nothing."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.one.want(("a", 1))
        self.two.places.take([("a", 1)])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.one.places.give_back(["a"])
        self.pass_time(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_dead(self) -> None:
        """What a dead worker had is free once the parent says so."""
        self.one.places.take([("a", 1)])
        self.two.want(("a", 1))
        parent = self.hands.ledger(-1)
        self.assertTrue(forget(parent, 0))
        self.assertEqual(self.three.places.take([("a", 1)]), "a")
        self.assertTrue(forget(parent, 1))
        self.assertIsNone(self.three.places.take([("a", 1)]))

    def test_not_forgotten(self) -> None:
        """The parent is told when it has to say it again."""
        self.one.places.take([("a", 1)])
        parent = self.hands.ledger(-1)
        with room(100):
            self.assertFalse(forget(parent, 0))
        self.clock.advance(REST_SECONDS)
        self.assertTrue(forget(parent, 0))
        self.assertEqual(self.written(), {})

    def test_a_successor_begins_with_nothing(self) -> None:
        """Whatever the dead one of its number had."""
        self.one.places.take([("a", 1)])
        successor = Worker(self.hands, 0)
        self.assertIsNone(successor.places.take([("a", 1)]))
        self.assertEqual(self.written(), {("a", 0): 1})
        Worker(self.hands, 0).places.begin()
        self.assertEqual(self.written(), {})

    def test_two_more(self) -> None:
        """Who has two more is pressed at once; one worker, and once for a while."""
        for each in (self.one, self.two):
            for _ in range(3):
                each.places.take([("a", 7)])
        self.three.places.take([("a", 7)])
        self.three.want(("a", 7))
        self.pass_time(LONGEST + 0.05)
        self.assertEqual(len(self.one.pressed + self.two.pressed), 1)
        self.pass_time(ASK_SECONDS - 1)
        self.assertEqual(len(self.one.pressed + self.two.pressed), 1)
        self.pass_time(2)
        self.assertEqual(len(self.one.pressed + self.two.pressed), 2)

    def test_pressed_and_given_back(self) -> None:
        """It goes to who waited; with one more nobody is pressed."""
        for _ in range(3):
            self.one.places.take([("a", 3)])
        self.two.want(("a", 3))
        self.pass_time(0.5)
        self.assertEqual(self.one.pressed, ["a"])
        self.one.places.give_back(["a"])
        self.pass_time(0.5)
        self.assertEqual(self.two.got, 1)
        self.two.want(("a", 3))
        self.pass_time(60)
        self.assertEqual((self.one.pressed, self.two.pressed), (["a"], []))

    def test_a_slice_of_time(self) -> None:
        """Who has none for a while gets one, though the other has a single one."""
        self.one.places.take([("a", 1)])
        self.two.want(("a", 1))
        self.pass_time(SLICE_SECONDS - 0.1)
        self.assertEqual(self.one.pressed, [])
        self.pass_time(0.5)
        self.assertEqual(self.one.pressed, ["a"])

    def test_many_who_wait(self) -> None:
        """All are seen, some in each look."""
        for module in (roster, places_module):
            self.patch(module, "SEEN", 3)
        names = [f"limit {number}" for number in range(10)]
        for name in names:
            self.one.places.take([(name, 1)])
            self.two.places.wait([(name, 1)])
            self.three.places.wait([(name, 1)])
        for _ in range(10):
            self.clock.advance(LEASE_SECONDS / 2)
            for name in names:
                self.two.places.wait([(name, 1)])
                self.three.places.wait([(name, 1)])
        self.assertEqual(set(self.one.pressed), set(names))

    def test_a_new_file(self) -> None:
        """Everybody tells it what it has; nobody takes any before."""
        self.one.places.take([("a", 3)])
        self.two.places.take([("a", 3)])
        self.clock.advance(100)
        self.hands.path.unlink()
        self.assertEqual(self.three.places.take([("a", 3)]), UNKNOWN)
        self.assertFalse(self.three.places.has_room([("a", 3)]))
        self.pass_time(LONGEST + 0.05)
        self.assertEqual(self.written(), {("a", 0): 1, ("a", 1): 1})
        self.pass_time(SETTLING_SECONDS)
        took = [self.three.places.take([("a", 3)]) for _ in range(2)]
        self.assertEqual(took, [None, "a"])

    def test_who_waits_for_a_new_file(self) -> None:
        """It gets its place once the file knows what all have."""
        self.one.places.take([("a", 2)])
        self.hands.path.unlink()
        self.assertFalse(self.two.want(("a", 2)))
        self.pass_time(SETTLING_SECONDS + LONGEST + 0.1)
        self.assertEqual(self.two.got, 1)

    def test_no_ledger(self) -> None:
        """Nobody gets a place; what was given back meanwhile is put right later."""
        for _ in range(2):
            self.one.places.take([("a", 2)])
        with room(100):
            self.one.places.give_back(["a"])
            self.assertEqual(self.one.places.take([("a", 2)]), UNKNOWN)
            self.assertFalse(self.two.want(("a", 2)))
        self.assertEqual(self.two.got, 0)
        self.pass_time(REST_SECONDS + LONGEST + 0.1)
        self.assertEqual(self.two.got, 1)
        self.assertEqual(self.written(), {("a", 0): 1, ("a", 1): 1})

    def test_the_last_one_given_back_in_trouble(self) -> None:
        """Also who has nothing any more puts it right."""
        self.one.places.take([("a", 1)])
        with room(100):
            self.one.places.give_back(["a"])
        self.pass_time(REST_SECONDS + LONGEST + 0.1)
        self.assertEqual(self.written(), {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_declined_in_trouble(self) -> None:
        """It is noted later that nobody waits."""
        self.one.places.take([("a", 1)])
        self.two.want(("a", 1))
        self.two.waits = []
        with room(100):
            self.two.places.decline(["a"])
        self.pass_time(REST_SECONDS + LONGEST + 0.1)
        self.assertEqual(self.one.ledger.look(wants, [("?", 0)]), [])

    def test_another_number(self) -> None:
        """The limit is what who asks was told last; fewer is met by and by."""
        for _ in range(3):
            self.one.places.take([("a", 3)])
        self.assertEqual(self.two.places.take([("a", 2)]), "a")
        self.assertIsNone(self.two.places.take([("a", 4)]))

    def test_alone(self) -> None:
        """Without others there is nothing to ask."""
        places = OwnPlaces()
        places.begin()
        places.watch(self.one)
        self.assertIsNone(places.take([("a", 0)]))
        self.assertIsNone(places.wait([("a", 0)]))
        self.assertTrue(places.has_room([("a", 0)]))
        places.give_back(["a"])
        places.decline(["a"])
        self.assertFalse(places.shared)


NAMES = ("a", "b")


class PlacesMachine(RuleBasedStateMachine):
    """Four workers that take, wait, give back, die and lose their file."""

    @initialize(counts=st.tuples(st.integers(0, 4), st.integers(1, 4)))
    def begin(self, counts: tuple[int, int]) -> None:
        self.hands = Hands()
        self.most = dict(zip(NAMES, counts, strict=True))
        self.workers = [Worker(self.hands, number) for number in range(4)]
        self.held: list[list[tuple[str, ...]]] = [[], [], [], []]

    def needs(self, names: tuple[str, ...]) -> list[Need]:
        return [(name, self.most[name]) for name in names]

    def note(self, change: Callable[[], None]) -> None:
        """Whoever got what it waited for has it."""
        waited = [[name for name, _ in each.waits] for each in self.workers]
        before = [each.got for each in self.workers]
        change()
        for each, names, got, held in zip(
            self.workers, waited, before, self.held, strict=True
        ):
            if each.got > got:
                held.append(tuple(names))

    @rule(
        who=st.integers(0, 3),
        names=st.sampled_from([("a",), ("b",), ("a", "b")]),
        wait=st.booleans(),
    )
    def take(self, who: int, names: tuple[str, ...], wait: bool) -> None:
        worker = self.workers[who]
        if wait and not worker.waits:
            if worker.want(*self.needs(names)):
                self.held[who].append(names)
        elif worker.places.take(self.needs(names)) is None:
            self.held[who].append(names)

    @rule(who=st.integers(0, 3))
    def give_back(self, who: int) -> None:
        if self.held[who]:
            self.workers[who].places.give_back(self.held[who].pop())

    @rule(who=st.integers(0, 3))
    def decline(self, who: int) -> None:
        self.workers[who].waits = []
        self.workers[who].places.decline(NAMES)

    @rule(seconds=st.sampled_from([0.01, 0.3, 3.0, 12.0]))
    def pass_time(self, seconds: float) -> None:
        self.note(lambda: self.hands.clock.pump([seconds / 10] * 10))

    @rule(who=st.integers(0, 3), parent=st.booleans())
    def die(self, who: int, parent: bool) -> None:
        dead = self.workers[who].places._timer
        if dead is not None and dead.active():
            dead.cancel()
        if parent:
            assert forget(self.workers[who - 1].ledger, who)
        self.workers[who] = Worker(self.hands, who)
        self.held[who] = []
        if not parent:  # it clears its own column
            self.workers[who].places.begin()

    @rule()
    def lose_the_file(self) -> None:
        self.hands.path.unlink(missing_ok=True)
        self.note(lambda: self.hands.clock.pump([0.3]))

    @invariant()
    def never_too_many(self) -> None:
        for name in NAMES:
            held = sum(names.count(name) for each in self.held for names in each)
            assert held <= self.most[name]

    def teardown(self) -> None:
        """In the end all that was given back can be had again."""
        for who, held in enumerate(self.held):
            self.decline(who)
            while held:
                self.give_back(who)
        assert not self.workers[0].places.has_room([("a", 0)])
        self.hands.clock.pump([0.5] * 20)
        for name in NAMES:
            took = [self.workers[0].places.take([(name, 3)]) for _ in range(4)]
            assert took == [None, None, None, name]
        self.hands.close()


class PlacesMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whoever comes, goes and dies: sums hold, and nothing is lost for good."""
        run_state_machine_as_test(
            PlacesMachine, settings=settings(stateful_step_count=30)
        )
