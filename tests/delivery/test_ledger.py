"""Requests that wait, and those that wait too long."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.ledger import Ledger
from mcmtpush.values import Attempt, Discarded
from tests.delivery.stage import an_entry
from tests.support.case import TestCase, readable


def an_attempt(row: int) -> Attempt:
    return Attempt(an_entry(row), Discarded())


class LedgerTests(TestCase):
    """What is in there, and when it is late."""

    def setUp(self) -> None:
        self.ledger = Ledger(30.0)
        self.attempts = [an_attempt(row) for row in range(4)]
        for at, attempt in enumerate(self.attempts):
            self.ledger.add(1 + 2 * at, attempt, 100.0 + at)

    def test_late(self) -> None:
        """Those whose time is over are told once, the oldest first."""
        self.assertEqual(self.ledger.late(129.9), [])
        found = self.ledger.late(131.0)
        self.assertEqual(found, [(1, self.attempts[0]), (3, self.attempts[1])])
        self.assertEqual(self.ledger.late(131.0), [])
        self.assertEqual(len(self.ledger), 2)

    def test_oldest(self) -> None:
        """When the first of those that are left was sent."""
        self.ledger.remove(1)
        self.assertEqual(self.ledger.oldest_at, 101.0)
        self.ledger.clear()
        self.assertEqual(self.ledger.oldest_at, inf)

    def test_answered_ones_are_never_late(self) -> None:
        """Nor does it matter to remove one twice."""
        self.ledger.remove(1)
        self.ledger.remove(1)
        self.ledger.remove_all([self.attempts[2]])
        self.assertEqual(
            self.ledger.late(1e9), [(3, self.attempts[1]), (7, self.attempts[3])]
        )

    def test_clear(self) -> None:
        """In the order of sending; then nothing is left."""
        self.ledger.remove(3)
        first, _, third, fourth = self.attempts
        self.assertEqual(self.ledger.clear(), [(1, first), (5, third), (7, fourth)])
        self.assertEqual((self.ledger.clear(), len(self.ledger)), ([], 0))

    @readable
    @given(st.lists(st.tuples(st.sampled_from("arl"), st.integers(0, 40))))
    def test_everything_leaves_once(self, steps: list[tuple[str, int]]) -> None:
        """Whatever happens in whatever order, each attempt comes out one way."""
        ledger, now, entered = Ledger(10.0), 0.0, 0
        inside: dict[int, Attempt] = {}
        for step, value in steps:
            if step == "a":
                inside[entered] = an_attempt(entered)
                ledger.add(entered, inside[entered], now)
                entered += 1
            elif step == "r":
                ledger.remove(value)
                inside.pop(value, None)
            else:
                now += value
                for stream, attempt in ledger.late(now):
                    self.assertIs(inside.pop(stream), attempt)
            self.assertEqual(len(ledger), len(inside))
        self.assertEqual(ledger.clear(), list(inside.items()))
