"""One line of waiting entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.queues.line import Line, older
from tests.queues.sample import an_entry, rows
from tests.support.case import TestCase, readable


class LineTests(TestCase):
    def make(self, came: list[int], returned: list[int]) -> Line:
        line = Line()
        for row in came:
            line.append(an_entry(row, age=float(row)))
        line.give_back(an_entry(row, age=float(row)) for row in returned)
        return line

    def test_order(self) -> None:
        """What came back goes first, by row, then the others as they came."""
        line = self.make([9, 7, 8], [3, 1, 2])
        self.assertEqual(rows(list(line)), [1, 2, 3, 9, 7, 8])
        taken = [line.pop().row for _ in range(len(line))]
        self.assertEqual(taken, [1, 2, 3, 9, 7, 8])
        self.assertIsNone(line.head())

    def test_discard(self) -> None:
        """Those that leave leave no gap, wherever they stood."""
        line = self.make([5, 6, 7], [1, 2])
        self.assertEqual(line.discard({2, 6}), 2)
        self.assertEqual(rows(list(line)), [1, 5, 7])

    def test_older(self) -> None:
        """Only the old ones at the head."""
        self.assertEqual(rows(list(older(self.make([2, 9, 1], []), 5.0))), [2])

    @readable
    @given(
        st.lists(st.integers(0, 50), unique=True),
        st.lists(st.integers(51, 99), unique=True),
        st.integers(0, 100),
    )
    def test_withdraw(self, came: list[int], returned: list[int], cut: int) -> None:
        """All old ones leave, in their order; the others keep theirs."""
        line = self.make(came, returned)
        before = rows(list(line))
        gone = rows(line.withdraw(float(cut)))
        self.assertEqual(gone, [row for row in before if row < cut])
        self.assertEqual(rows(list(line)), [row for row in before if row >= cut])
