"""When memory runs out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.pressure import LOOK_SECONDS, TRIM_SECONDS, Pressure
from tests.support.case import TestCase, readable


class Meter:
    """A memory that says what it is told to, and counts who asks."""

    def __init__(self) -> None:
        self.used = 0.0
        self.looks = 0
        self.trims = 0

    def used_percent(self) -> float:
        self.looks += 1
        return self.used

    def trim(self) -> None:
        self.trims += 1


class PressureTests(TestCase):
    def setUp(self) -> None:
        self.meter = Meter()
        self.now = 0.0
        self.saved: list[bool] = []
        self.told: list[tuple[str, float, float]] = []
        self.make()

    def make(self, goal: float = 90, high_water: float = 95) -> None:
        self.pressure = Pressure(
            goal=goal,
            high_water=high_water,
            memory=self.meter,
            seconds=lambda: self.now,
            save=self.saved.append,
            tell=lambda *what: self.told.append(what),
        )

    def at(self, used: float) -> bool:
        """A look at so much."""
        self.meter.used = used
        self.now += LOOK_SECONDS
        return self.pressure.is_full()

    def test_levels(self) -> None:
        """Saving begins at the goal, refusing at the high water mark; both end."""
        found = [self.at(used) for used in (0, 89.9, 90, 94.9, 95, 99, 94.9, 89.9)]
        self.assertEqual(found, [False] * 4 + [True, True, False, False])
        self.assertEqual(self.saved, [True, False])
        self.assertEqual(
            self.told,
            [
                ("memory is saved", 90, 90),
                ("new mail is refused", 95, 95),
                ("new mail is accepted again", 94.9, 95),
                ("memory is plenty again", 89.9, 90),
            ],
        )

    def test_all_at_once(self) -> None:
        """One leap makes both begin, another makes both end."""
        self.assertEqual([self.at(99), self.at(1)], [True, False])
        self.assertEqual(self.saved, [True, False])

    def test_few_looks(self) -> None:
        """However many messages come, memory is looked at four times a second."""
        for number in range(10_000):
            self.now = number / 5000
            self.pressure.is_full()
        self.assertEqual(self.meter.looks, 8)

    def test_trims_seldom(self) -> None:
        """While memory is scarce what is free is given back, now and then."""
        for _ in range(round(2 * TRIM_SECONDS / LOOK_SECONDS)):
            self.at(91)
        self.assertEqual(self.meter.trims, 2)
        self.at(10)
        self.assertEqual(self.meter.trims, 2)

    def test_never(self) -> None:
        """0 switches off the one or the other."""
        self.make(goal=0, high_water=0)
        self.assertFalse(self.at(100))
        self.assertEqual(self.saved, [])
        self.make(goal=0)
        self.assertTrue(self.at(100))
        self.assertEqual(self.saved, [True])

    @readable
    @given(
        st.lists(st.floats(0, 120), max_size=30), st.floats(0, 100), st.floats(0, 100)
    )
    def test_says_what_is(self, shares: list[float], goal: float, mark: float) -> None:
        """After every look the answer is that of the last share alone."""
        self.make(goal, mark)
        self.saved.clear()
        for used in shares:
            full = self.at(used)
            self.assertEqual(full, 0 < mark <= used)
            saving = bool(self.saved) and self.saved[-1]
            self.assertEqual(saving, full or 0 < goal <= used)
