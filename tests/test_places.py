"""Places of which there are few, and the line before them."""

from __future__ import annotations

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.places import Places
from tests.support.case import TestCase, readable


class PlacesTests(TestCase):
    """Two places, and who comes for them."""

    def setUp(self) -> None:
        self.told: list[str] = []
        self.places: Places[str] = Places(self.told.append, 2)
        self.assertTrue(self.places.begin("a"))
        self.assertTrue(self.places.begin("a"))

    def test_first_come(self) -> None:
        """Who is told is who came first; nobody gets in between."""
        for who in ("b", "c", "b"):
            self.assertFalse(self.places.begin(who))
        self.places.end()
        self.assertEqual(self.told, ["b"])
        self.assertFalse(self.places.begin("d"))
        self.assertTrue(self.places.begin("b"))
        self.places.end()
        self.places.end()
        self.assertEqual(self.told, ["b", "c", "d"])

    def test_waived(self) -> None:
        """A place that is kept and not wanted goes to the next; once."""
        for who in ("b", "c"):
            self.places.begin(who)
        self.places.end()
        for _ in range(2):
            self.places.waive("b")
        self.places.waive("c")
        self.assertEqual(self.told, ["b", "c"])
        self.assertTrue(self.places.begin("d"))
        self.assertFalse(self.places.begin("e"))

    def test_left(self) -> None:
        """Who goes away is told nothing, and keeps no place from others."""
        for who in ("b", "c", "d"):
            self.places.begin(who)
        self.places.leave("b")
        self.places.end()
        self.places.leave("c")
        self.assertEqual(self.told, ["c", "d"])

    def test_another_number(self) -> None:
        """More places are used at once; fewer as they come free."""
        for who in ("b", "c", "d"):
            self.places.begin(who)
        self.places.allow(4)
        self.assertEqual(self.told, ["b", "c"])
        self.places.allow(1)
        for _ in range(2):
            self.places.end()
        self.assertEqual(self.told, ["b", "c"])
        for who in ("b", "c"):
            self.places.waive(who)
        self.assertEqual(self.told, ["b", "c", "d"])


class PlacesMachine(RuleBasedStateMachine):
    """Against a plain list of who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []
        self.places: Places[int] = Places(self.told.append, 3)
        self.line: deque[int] = deque()
        self.kept: list[int] = []
        self.expected: list[int] = []
        self.inside = 0

    def serve(self) -> None:
        while self.line and self.inside + len(self.kept) < self.places.most:
            self.kept.append(self.line.popleft())
            self.expected.append(self.kept[-1])

    @rule(who=st.integers(0, 5))
    def begin(self, who: int) -> None:
        expected = True
        if who in self.kept:
            self.kept.remove(who)
            self.inside += 1
        elif self.line or self.inside + len(self.kept) >= self.places.most:
            expected = False
            if who not in self.line:
                self.line.append(who)
        else:
            self.inside += 1
        assert self.places.begin(who) is expected

    @precondition(lambda self: self.inside)
    @rule()
    def end(self) -> None:
        self.inside -= 1
        self.serve()
        self.places.end()

    @rule(who=st.integers(0, 5), away=st.booleans())
    def waive(self, who: int, away: bool) -> None:
        if away and who in self.line:
            self.line.remove(who)
        if who in self.kept:
            self.kept.remove(who)
        self.serve()
        (self.places.leave if away else self.places.waive)(who)

    @rule(most=st.integers(1, 6))
    def allow(self, most: int) -> None:
        self.places.allow(most)
        self.serve()

    @invariant()
    def told_in_order(self) -> None:
        """The right ones were told, and nobody waits beside a free place."""
        assert self.told == self.expected
        assert not self.line or self.inside + len(self.kept) >= self.places.most


class PlacesMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Places and line agree with the model, whatever happens."""
        run_state_machine_as_test(PlacesMachine)
