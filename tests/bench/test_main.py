"""The benchmarks' command line: what is chosen, and how parts are put together."""

from __future__ import annotations

from bench import __main__ as main
from bench.scenarios import SCENARIOS
from tests.support.case import TestCase


def names(*wanted: str) -> list[str]:
    """Of the scenarios that these words choose."""
    return [each.name for each in main.chosen(list(wanted))]


class ChosenTests(TestCase):
    """Scenarios by name."""

    def test_all_when_none_is_named(self) -> None:
        """The whole table."""
        self.assertEqual(names(), [each.name for each in SCENARIOS])

    def test_the_beginning_of_a_name_is_enough(self) -> None:
        """In the order of the table, whatever the order of the words."""
        self.assertEqual(
            names("latency-1", "delivery"),
            ["delivery-binary", "delivery-http2", "latency-1"],
        )

    def test_an_unknown_name_is_refused(self) -> None:
        """Else a misspelt scenario would be a silent success."""
        with self.assertRaises(SystemExit) as caught:
            main.chosen(["pipe", "receptoin"])
        self.assertIn("receptoin", str(caught.exception))


class RunsTests(TestCase):
    """Sizes, and a run in parts."""

    def test_a_scale_may_be_for_one_scenario(self) -> None:
        """The others have the one without a name."""
        self.assertEqual(main.scales("0.25,drain=1"), {"": 0.25, "drain": 1.0})

    def test_a_later_part_replaces_and_keeps_the_order(self) -> None:
        """A scenario that ran again stands where it stood, once."""
        content = {
            "command": "now",
            "scenarios": [],
        }
        earlier = {
            "command": "before",
            "scenarios": [
                {"name": "pipe", "count": 1}, {"name": "errors", "count": 1},
            ],
        }  # fmt: skip
        main.extend(content, earlier)
        for part in ({"name": "pipe", "count": 2}, {"name": "drain", "count": 2}):
            main.replace(content, part)
        self.assertEqual(content["command"], "before; now")
        self.assertEqual(
            [(each["name"], each["count"]) for each in content["scenarios"]],
            [("pipe", 2), ("drain", 2), ("errors", 1)],
        )
