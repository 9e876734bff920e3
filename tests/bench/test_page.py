"""The page of benchmarks says what the stored run says."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from bench import page
from bench.run import Goal
from bench.scenarios import SCENARIOS
from tests.support.case import TestCase


PART = {
    "name": "pipe",
    "count": 500,
    "results": {
        "mcmtpush, binary": {"messages/s": [3000.0, 1000.0], "cpu us": [200.0, 210.0]},
        "Postfix": {"messages/s": [500.0, 400.0]},
    },
    "failures": ["mcmtpush, HTTP/2: D records: 9, expected 10"],
}


class PageTests(TestCase):
    """Generated, and held to what it was generated from."""

    def test_the_page_is_made_from_the_stored_run(self) -> None:
        """`python -m bench --page` makes it anew when the wording changes."""
        self.assertEqual(page.PAGE.read_text(), page.render(page.stored()))

    def test_the_plots_are_made_from_the_stored_run(self) -> None:
        """Each scenario of the run has its picture, and there are no others."""
        plots = page.plots(page.stored())
        self.assertEqual(
            {path.name for path in page.RUNS.glob("*.svg")}, set(plots)
        )  # fmt: skip
        for name, picture in plots.items():
            ET.fromstring(picture)
            self.assertEqual((page.RUNS / name).read_text(), picture, name)

    def test_there_is_one_stored_run_and_it_has_its_date(self) -> None:
        """The file is named for the day of the run."""
        (path,) = page.RUNS.glob("*.json")
        content = json.loads(path.read_text())
        self.assertEqual(content["date"], path.stem)
        self.assertIn(f"## The run of {path.stem}", page.PAGE.read_text())

    def test_a_section_tells_figures_ratios_and_failures(self) -> None:
        """Medians with their spread, and what went wrong."""
        text = "\n".join(page._section(page.BY_NAME["pipe"], PART))
        self.assertIn("| Postfix | 450 (400 to 500) |  |", text)
        self.assertIn("mcmtpush, binary / Postfix 4.25 (2.50 to 6.00)", text)
        self.assertIn("Failed: mcmtpush, HTTP/2: D records: 9, expected 10", text)

    def test_a_goal_is_met_or_missed_by_a_factor(self) -> None:
        """The factor says how far it is, whichever way the bound goes."""
        for goal, found in (
            (Goal("messages/s", "Postfix", at_least=400), "450 (400 to 500), met"),
            (
                Goal("messages/s", "Postfix", at_least=900),
                "450 (400 to 500), **missed** by a factor of 2.00",
            ),
            (
                Goal("cpu us", "mcmtpush, binary", at_most=100),
                "205 (200 to 210), **missed** by a factor of 2.05",
            ),
            (Goal("messages/s", "Haraka", at_least=1), "not measured"),
        ):
            self.assertEqual(page.verdict(goal, PART), found)


class ScenariosTests(TestCase):
    """The table of scenarios."""

    def test_names_are_unique(self) -> None:
        """A name chooses one scenario, and is the name of its picture."""
        names = [each.name for each in SCENARIOS]
        self.assertEqual(len(set(names)), len(names))

    def test_goals_are_about_those_who_take_part(self) -> None:
        """A goal that could never be measured would be met by nobody's noticing."""
        for scenario in SCENARIOS:
            names = {each.name for each in scenario.contenders}
            for goal in scenario.goals:
                self.assertIn(goal.of, names)
                self.assertIn(goal.to or goal.of, names)
                self.assertNotEqual(goal.at_least is None, goal.at_most is None)
