"""A stored run → what is printed, docs/benchmarks.md and its plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.run import Goal, Scenario, ratios, spread, text
from bench.scenarios import SCENARIOS
from bench.svg import Bar, bars


DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
RUNS = DOCS / "benchmarks"

BY_NAME = {each.name: each for each in SCENARIOS}

INTRODUCTION = Path(__file__).with_name("introduction.md").read_text()


# -- in words ------------------------------------------------------------------------


def summary(part: dict[str, Any]) -> Iterator[str]:
    """One scenario for a terminal."""
    scenario = BY_NAME[part["name"]]
    yield f"{scenario.title} ({part['count']:,} messages)"
    for name, figures in part["results"].items():
        shown = "  ".join(f"{key} {spread(values)}" for key, values in figures.items())
        yield f"  {name}: {shown}"
    for figure, name, values in ratios(part["results"], scenario.figure):
        yield f"  {figure}, {name}: {spread(values)}"
    for goal in scenario.goals:
        yield f"  {goal}: {verdict(goal, part)}"


def verdict(goal: Goal, part: dict[str, Any]) -> str:
    """Met, or by how much not."""
    values = goal.values(part["results"])
    if not values:
        return "not measured"
    value = statistics.median(values)
    if goal.met(value):
        return f"{spread(values)}, met"
    low = goal.at_most is None
    bound = (goal.at_least if low else goal.at_most) or 0.0
    factor = bound / value if low else value / bound
    return f"{spread(values)}, **missed** by a factor of {text(factor)}"


# -- as a page -----------------------------------------------------------------------


def render(content: dict[str, Any]) -> str:
    """The whole page."""
    blocks = [INTRODUCTION, *_about(content)]
    for part in content["scenarios"]:
        blocks += _section(BY_NAME[part["name"]], part)
    return "\n".join(blocks)


def _about(content: dict[str, Any]) -> Iterator[str]:
    machine, versions = content["machine"], content["versions"]
    yield f"## The run of {content['date']}\n"
    yield f"`{content['command']}`, {content['rounds']} rounds.\n"
    yield _table(("Machine", ""), [(k, str(v)) for k, v in machine.items()])
    yield _table(("Version", ""), list(versions.items()))
    for name, how in content["missing"].items():
        yield f"Not there: {name} (`{how}`).\n"
    for note in content.get("notes", []):
        yield f"{note}\n"
    yield "### Goals\n"
    rows = [
        (f"[{part['name']}](#{part['name']})", str(goal), verdict(goal, part))
        for part in content["scenarios"]
        for goal in BY_NAME[part["name"]].goals
    ]
    yield _table(("Scenario", "Goal", "Found"), rows)


def _section(scenario: Scenario, part: dict[str, Any]) -> Iterator[str]:
    yield f"## {scenario.name}\n"
    yield f"{scenario.title}; {part['count']:,} messages.\n"
    yield f"![{scenario.title}](benchmarks/{scenario.name}.svg)\n"
    figures = list(dict.fromkeys(k for each in part["results"].values() for k in each))
    rows = [
        (name, *(spread(found[key]) if key in found else "" for key in figures))
        for name, found in part["results"].items()
    ]
    yield _table(("", *figures), rows)
    compared: dict[str, list[str]] = {}
    for figure, who, values in ratios(part["results"], scenario.figure):
        compared.setdefault(figure, []).append(f"{who} {spread(values)}")
    for figure, found in compared.items():
        yield f"Ratios of {figure}: {'; '.join(found)}.\n"
    for failure in part["failures"]:
        yield f"Failed: {failure}\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# -- as pictures ---------------------------------------------------------------------


def plots(content: dict[str, Any]) -> dict[str, str]:
    """File name → SVG, one for every scenario that has results."""
    return {
        f"{part['name']}.svg": _plot(BY_NAME[part["name"]], part)
        for part in content["scenarios"]
    }


def _plot(scenario: Scenario, part: dict[str, Any]) -> str:
    # Where no peer takes part all bars are ours.
    own = "mcmtpush" if scenario.contenders[0].name.startswith("mcmtpush") else ""
    unit = scenario.figure
    if not unit.endswith("/s"):
        unit += ", less is better"
    rows = []
    for contender in scenario.contenders:
        values = part["results"].get(contender.name, {}).get(scenario.figure, [])
        if values:
            middle = statistics.median(values)
            ours = own in (contender.name[: len(own)], "")
            bar = Bar(contender.name, middle, min(values), max(values), ours)
            rows.append(bar)
    return bars(scenario.title, unit, rows)


def store(content: dict[str, Any]) -> None:
    """Keep a run beside the page and make the page of it."""
    RUNS.mkdir(exist_ok=True)
    for old in [*RUNS.glob("*.svg"), *RUNS.glob("*.json")]:
        old.unlink()
    path = RUNS / f"{content['date']}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    for name, picture in plots(content).items():
        (RUNS / name).write_text(picture)
    PAGE.write_text(render(content))


def stored() -> dict[str, Any]:
    """The run that the page is made of."""
    content: dict[str, Any] = json.loads(max(RUNS.glob("*.json")).read_text())
    return content
