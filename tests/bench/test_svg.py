"""Bars as SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.svg import LEFT, RIGHT, WIDTH, Bar, bars
from tests.support.case import TestCase, readable


SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.floats(0, 1e9)


class BarsTests(TestCase):
    """A chart anybody's browser can show."""

    def test_names_are_escaped(self) -> None:
        """A name with markup is text."""
        picture = ET.fromstring(bars("a < b & c", "x", [Bar("<i>", 1, 1, 1)]))
        said = [each.text for each in picture.iter(f"{SVG}text")]
        self.assertEqual(said, ["a < b & c", "x", "<i>", "1.00"])

    @readable
    @given(st.lists(st.tuples(VALUES, VALUES, VALUES).map(sorted), max_size=8))
    def test_bars_stay_in_the_picture(self, rows: list[list[float]]) -> None:
        """The longest ends where the numbers begin; none is negative."""
        made = [Bar("n", middle, low, high) for low, middle, high in rows]
        picture = ET.fromstring(bars("t", "u", made))
        widths = [float(each.get("width", "")) for each in picture.iter(f"{SVG}rect")]
        self.assertEqual(len(widths), len(rows) + 1)
        for width in widths[1:]:
            self.assertGreaterEqual(width, 0)
            self.assertLessEqual(width, WIDTH - LEFT - RIGHT + 0.1)
