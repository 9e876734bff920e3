"""The benchmark house: `python -m bench [SCENARIO ...]`.

Runs mcmtpush and its peers in turn, prints medians with their spread, ratios and
what became of the goals, and says who is not here and how to get it; it installs
nothing.  `--store` keeps the run and makes docs/benchmarks.md of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import house, measure, page, peers
from bench.reception import OURS
from bench.run import Scenario, run
from bench.scenarios import SCENARIOS


PEERS = (OURS, peers.BARE, peers.AIOSMTPD, peers.POSTFIX, peers.HARAKA_QUEUE)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or what is given instead."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all if none")
    parser.add_argument("--list", action="store_true", help="name them and stop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--scale", default="1", help="of all counts, such as 0.2 or 0.2,drain=1,depth=1"
    )
    parser.add_argument("--smoke", action="store_true", help="tiny: does it count?")
    parser.add_argument("--json", metavar="FILE", help="write the run")
    parser.add_argument(
        "--add", action="store_true", help="keep what FILE has of other scenarios"
    )
    parser.add_argument("--plots", metavar="FOLDER", help="write SVG files")
    parser.add_argument("--store", action="store_true", help="and make the page")
    parser.add_argument(
        "--page", nargs="?", const="", metavar="FILE",
        help="run nothing: store FILE, or make the page of the stored run anew",
    )  # fmt: skip
    return parser.parse_args(words)


def chosen(names: list[str]) -> list[Scenario]:
    """Those named, in the order of the table; a name may be the beginning of some."""
    found = [
        each
        for each in SCENARIOS
        if not names or any(each.name.startswith(name) for name in names)
    ]
    unknown = [
        name
        for name in names
        if not any(each.name.startswith(name) for each in SCENARIOS)
    ]
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(unknown)}; see --list")
    return found


def scales(text: str) -> dict[str, float]:
    """Scenario → scale; that of all others under the empty name."""
    found = {}
    for part in text.split(","):
        name, _, scale = part.rpartition("=")
        found[name] = float(scale)
    return found


def absent(scenarios: list[Scenario]) -> dict[str, str]:
    """Who cannot take part, and how to get it."""
    found = {
        contender.name: contender.missing()
        for scenario in scenarios
        for contender in scenario.contenders
    }
    if house.found("smtp-source") is None:
        found["smtp-source"] = "apt-get install postfix"
    return {name: how for name, how in found.items() if how}


def measured(options: argparse.Namespace, scenarios: list[Scenario]) -> dict[str, Any]:
    """The run, as it is stored."""
    with house.scratch() as folder:
        synced = measure.fsync_seconds(folder)
    content: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(
            [
                "python -m bench",
                *options.scenarios,
                f"--rounds {options.rounds}",
                f"--scale {options.scale}",
            ]
        ),
        "rounds": options.rounds,
        "scale": options.scale,
        "machine": measure.machine() | {"fsync ms": round(synced * 1e3, 3)},
        "versions": measure.versions()
        | {each.name: each.version() for each in PEERS if not each.missing()},
        "missing": absent(scenarios),
        "scenarios": [],
    }
    for name, how in content["missing"].items():
        print(f"not here: {name}: {how}")
    if options.add:
        extend(content, json.loads(Path(options.json).read_text()))
    scale = scales(options.scale)
    for scenario in scenarios:
        share = scale.get(scenario.name, scale.get("", 1.0))
        count = scenario.smoke if options.smoke else int(scenario.count * share) or 1
        say(f"{scenario.name}: {count:,} messages")
        part = run(scenario, count, options.rounds, say)
        replace(content, part)
        keep(options, content)
    return content


def extend(content: dict[str, Any], earlier: dict[str, Any]) -> None:
    """What an earlier part of the run found; nothing is compared across scenarios."""
    content["command"] = f"{earlier['command']}; {content['command']}"
    content["scenarios"] = earlier["scenarios"]


def replace(content: dict[str, Any], part: dict[str, Any]) -> None:
    """A scenario instead of its namesake, in the order of the table."""
    order = [each.name for each in SCENARIOS]
    others = [each for each in content["scenarios"] if each["name"] != part["name"]]
    content["scenarios"] = sorted(
        [*others, part], key=lambda each: order.index(each["name"])
    )


def say(line: str) -> None:
    """How far it is."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


def keep(options: argparse.Namespace, content: dict[str, Any]) -> None:
    """Write what there is so far: a long run may end early."""
    if options.json:
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n")
    if options.plots:
        Path(options.plots).mkdir(parents=True, exist_ok=True)
        for name, text in page.plots(content).items():
            (Path(options.plots) / name).write_text(text)


def main(words: Sequence[str] | None = None) -> int:
    """As the description says; 1 when something miscounted."""
    options = arguments(words)
    scenarios = chosen(options.scenarios)
    if options.list:
        print("\n".join(f"{each.name:22}{each.title}" for each in scenarios))
        return 0
    if options.page is not None:
        path = options.page
        page.store(json.loads(Path(path).read_text()) if path else page.stored())
        return 0
    if options.smoke:
        options.rounds = 1
        scenarios = [each for each in scenarios if each.smoke]
    content = measured(options, scenarios)
    for part in content["scenarios"]:
        print("\n" + "\n".join(page.summary(part)))
    if options.store:
        page.store(content)
    failures = [each for part in content["scenarios"] for each in part["failures"]]
    print("\n".join(["", *failures]) if failures else "\nevery message was counted")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
