"""A scenario, who takes part in it, what is hoped for; and how it is run.

All contenders of a scenario run in turn, round after round, each time in a fresh
folder, and the order moves on by one every round: what else the machine is doing
then meets all of them.  Nothing is compared across runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from bench import house


Figures = dict[str, float]
"""What one contender achieved in one round: name of the figure → value."""

Results = Mapping[str, Mapping[str, Sequence[float]]]
"""Contender → figure → one value for every round."""


def figures(count: int, seconds: float, cpu_seconds: float) -> Figures:
    """Rate and cost of so many messages.

    A handful may be over before the clock was first looked at: as good as one, in
    no time, so that tiny runs can count and nobody divides by nothing.
    """
    count, seconds = max(count, 1), max(seconds, 1e-3)
    return {"messages/s": count / seconds, "cpu us": cpu_seconds / count * 1e6}


def nothing_missing() -> str:
    """Of what mcmtpush itself brings."""
    return ""


@frozen
class Contender:
    """One of those compared.

    `run` gets a fresh folder and the number of messages, counts what ended well,
    and stops the program when a message is missing.  `missing` says how to get
    what is not installed.
    """

    name: str
    run: Callable[[Path, int], Figures]
    missing: Callable[[], str] = nothing_missing


@frozen
class Goal:
    """A bound for a figure, or for its ratio to that of another contender."""

    figure: str
    of: str
    to: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def values(self, results: Results) -> list[float]:
        """One for every round; none when somebody did not take part."""
        own = results.get(self.of, {}).get(self.figure, [])
        if not self.to:
            return list(own)
        other = results.get(self.to, {}).get(self.figure, [])
        pairs = zip(own, other, strict=False)
        return [mine / yours for mine, yours in pairs if yours]

    def met(self, value: float) -> bool:
        """Whether this is good enough."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def __str__(self) -> str:
        low = self.at_most is None
        bound = self.at_least if low else self.at_most
        what = f"{self.of}: {self.figure} {'≥' if low else '≤'} {bound:,g}"
        return f"{what} times {self.to}" if self.to else what


@frozen
class Scenario:
    """One question.  The first contender is held against the others."""

    name: str
    title: str
    count: int
    contenders: Sequence[Contender]
    goals: Sequence[Goal] = ()
    figure: str = "messages/s"
    smoke: int = 100
    """Messages when only the counting is tried; 0 when another one tries the same."""

    def present(self) -> list[Contender]:
        """Who can run here."""
        return [each for each in self.contenders if not each.missing()]


def run(
    scenario: Scenario, count: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """One scenario's part of a run, as it is stored."""
    contenders = scenario.present()
    results: dict[str, dict[str, list[float]]] = {
        each.name: {} for each in contenders
    }  # fmt: skip
    failures: list[str] = []
    for number in range(rounds):
        for contender in rotated(contenders, number):
            try:
                with house.scratch() as folder:
                    figures = contender.run(folder, count)
            except house.BenchmarkError as error:
                failures.append(f"{contender.name}: {error}")
                say(f"  FAILED {failures[-1]}")
                continue
            for name, value in figures.items():
                results[contender.name].setdefault(name, []).append(round(value, 4))
            shown = "  ".join(f"{k} {text(v)}" for k, v in figures.items())
            say(f"  {number + 1} {contender.name}: {shown}")
    return {
        "name": scenario.name,
        "count": count,
        "results": results,
        "failures": failures,
    }


def rotated(contenders: Sequence[Contender], by: int) -> list[Contender]:
    """The same, beginning with another."""
    by %= len(contenders) or 1
    return [*contenders[by:], *contenders[:by]]


def ratios(results: Results, figure: str) -> Iterator[tuple[str, str, list[float]]]:
    """The first contender to every other, round by round.

    Yields the figure, who to whom, and the ratios; that of the processor time as well.
    """
    first, *others = results
    for name in dict.fromkeys((figure, "cpu us")):
        for other in others:
            values = Goal(name, first, other).values(results)
            if values:
                yield name, f"{first} / {other}", values


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the greatest beside it."""
    middle = text(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({text(min(values))} to {text(max(values))})"


def text(value: float) -> str:
    """Three figures or a little more."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
