"""Scenarios: who runs when, what is kept, which goals are met."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench import run
from bench.house import BenchmarkError
from bench.run import Contender, Figures, Goal, Scenario
from tests.support.case import TestCase, readable


RESULTS = {
    "ours": {"messages/s": [300.0, 100.0, 200.0], "ms": [2.0, 4.0, 3.0]},
    "theirs": {"messages/s": [100.0, 100.0, 50.0]},
}


class FiguresTests(TestCase):
    """Rate and cost."""

    def test_usual(self) -> None:
        """By the second, and in microseconds each."""
        self.assertEqual(
            run.figures(2000, 4.0, 0.5), {"messages/s": 500.0, "cpu us": 250.0}
        )

    def test_over_before_it_was_looked_at(self) -> None:
        """Tiny runs on a fast machine divide by nothing."""
        self.assertEqual(
            run.figures(0, -0.2, 0.0), {"messages/s": 1000.0, "cpu us": 0.0}
        )


class GoalTests(TestCase):
    """A bound, and whether it is kept."""

    def test_bounds_a_figure(self) -> None:
        """One value for every round, as it was measured."""
        goal = Goal("ms", "ours", at_most=3)
        self.assertEqual(goal.values(RESULTS), [2.0, 4.0, 3.0])
        self.assertTrue(goal.met(3.0))
        self.assertFalse(goal.met(3.01))

    def test_bounds_a_ratio_round_by_round(self) -> None:
        """Both figures of a ratio come from one round."""
        goal = Goal("messages/s", "ours", "theirs", at_least=1.5)
        self.assertEqual(goal.values(RESULTS), [3.0, 1.0, 4.0])
        self.assertTrue(goal.met(1.5))
        self.assertFalse(goal.met(1.49))

    def test_knows_nothing_about_who_was_absent(self) -> None:
        """A goal about a peer that is not here has no value."""
        self.assertEqual(Goal("messages/s", "ours", "other").values(RESULTS), [])
        self.assertEqual(Goal("messages/s", "other").values(RESULTS), [])

    def test_divides_by_no_zero(self) -> None:
        """A round in which nothing was measured gives no ratio."""
        results = {"a": {"cpu us": [1.0, 2.0]}, "b": {"cpu us": [0.0, 1.0]}}
        self.assertEqual(Goal("cpu us", "a", "b", at_most=1).values(results), [2.0])

    def test_reads_as_a_sentence(self) -> None:
        """The text names the contender, the figure and the bound."""
        goal = Goal("messages/s", "ours", "theirs", at_least=1.5)
        self.assertEqual(str(goal), "ours: messages/s ≥ 1.5 times theirs")
        goal = Goal("messages/s", "ours", at_least=40_000)
        self.assertEqual(str(goal), "ours: messages/s ≥ 40,000")


class RunTests(TestCase):
    """All contenders in turn."""

    def setUp(self) -> None:
        self.ran: list[str] = []

    def contender(self, name: str, missing: str = "") -> Contender:
        """One that notes its turn and looks at its folder."""

        def measure(folder: Path, count: int) -> Figures:
            self.assertEqual(list(folder.iterdir()), [])
            (folder / "left over").touch()
            self.ran.append(name)
            return {"messages/s": count * len(self.ran)}

        return Contender(name, measure, lambda: missing)

    def test_alternates_and_begins_with_another_every_round(self) -> None:
        """No contender is always the first, and each has a fresh folder."""
        scenario = Scenario("x", "X", 1, [self.contender(n) for n in "abc"])
        part = run.run(scenario, 10, 2, lambda _: None)
        self.assertEqual("".join(self.ran), "abcbca")
        self.assertEqual(part["results"]["a"], {"messages/s": [10, 60]})
        self.assertEqual(part["failures"], [])

    def test_leaves_out_who_is_missing(self) -> None:
        """Somebody who is not installed does not run, and does not fail."""
        scenario = Scenario(
            "x", "X", 1, [self.contender("a"), self.contender("b", "apt-get")]
        )
        part = run.run(scenario, 1, 1, lambda _: None)
        self.assertEqual(list(part["results"]), ["a"])

    def test_tells_of_failures_and_goes_on(self) -> None:
        """A miscount has no figures, and the run says so."""

        def miscount(folder: Path, count: int) -> Figures:
            found = len(list(folder.iterdir()))
            raise BenchmarkError(f"D records: {found}, expected {count}")

        contenders = [Contender("a", miscount), self.contender("b")]
        scenario = Scenario("x", "X", 1, contenders)
        said: list[str] = []
        part = run.run(scenario, 10, 1, said.append)
        (failure,) = part["failures"]
        self.assertTrue(failure.startswith("a: D records: 0, expected 10"))
        self.assertEqual(part["results"]["a"], {})
        self.assertEqual(self.ran, ["b"])
        self.assertIn(f"FAILED {failure}", said[0])

    @readable
    @given(st.lists(st.integers(), max_size=5), st.integers(0, 20))
    def test_rotation_loses_nobody(self, items: list[int], by: int) -> None:
        """Whatever the round, everybody runs once."""
        self.assertEqual(sorted(run.rotated(items, by)), sorted(items))


class TextTests(TestCase):
    """Figures for readers."""

    def test_ratios_hold_the_first_against_all_others(self) -> None:
        """Others that lack the figure are left out."""
        results = RESULTS | {"third": {"ms": [1.0]}}
        self.assertEqual(
            list(run.ratios(results, "messages/s")),
            [("messages/s", "ours / theirs", [3.0, 1.0, 4.0])],
        )

    def test_processor_time_is_always_compared(self) -> None:
        """It is the steadier figure where other work shares the machine."""
        results = {
            "a": {"messages/s": [4.0], "cpu us": [10.0]},
            "b": {"messages/s": [2.0], "cpu us": [40.0]},
        }
        self.assertEqual(
            list(run.ratios(results, "messages/s")),
            [("messages/s", "a / b", [2.0]), ("cpu us", "a / b", [0.25])],
        )

    def test_spread_tells_median_least_and_greatest(self) -> None:
        """One round has no spread."""
        self.assertEqual(run.spread([3.0, 1.0, 2000.0]), "3.00 (1.00 to 2,000)")
        self.assertEqual(run.spread([12.34]), "12.3")
