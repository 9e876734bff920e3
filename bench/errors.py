"""What bad tokens cost: 0, 0.1, 1 and 10 % of them, spread at random.

Each one costs a connection and all that was written behind it.  Two rates, and
each of them as a share of the clean one of the same round: "through" is the load
of `bench.pipe`, from smtp-source to the last terminal record; "backlog" is a
spool that was full at the start, so that nothing but delivery is measured.  The
simulator is a process of its own and refuses by a seeded script; every message
has to end in D or P, and P are exactly those whose frame was refused.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import house
from bench.spool import fill


SHARES = (0.0, 0.1, 1.0, 10.0)
"""Per cent of all notifications that are refused as "invalid token"."""

WINDOW_SECONDS = 1.0
"""`delivery_response_timeout` of the benchmarks: taken off, it is no work."""

RATIOS = {"through/s": "through/clean", "backlog/s": "backlog/clean"}
RATES = ("through/s", "through/clean", "backlog/s", "backlog/clean")

DOMAIN = "generate_bounces = false\n  max_resident_active_queue = 5000"
"""No failure notices: their mail would be a second load."""


def script(share: float, seed: int) -> str:
    """The simulator's script for so many per cent of bad tokens."""
    rules = [{"do": "refuse", "status": 8, "chance": share / 100}] if share else []
    return json.dumps({"seed": seed, "rules": rules})


@contextmanager
def gateway(folder: Path, share: float, seed: int) -> Iterator[house.Process]:
    """The gateway, and a simulator that refuses so many per cent."""
    with (
        house.simulator(folder, script(share, seed)) as port,
        house.gateway(folder, domain=DOMAIN, apns_port=port) as process,
    ):
        yield process


def settle(process: house.Process, count: int, began: float) -> float:
    """The seconds until all have their terminal record, without the window."""
    house.wait_until("the records", lambda: sum(ends(process)) >= count, 600)
    return max(time.monotonic() - began - WINDOW_SECONDS, 1e-9)


def ends(process: house.Process) -> tuple[int, int]:
    """How many D and P records there are."""
    path = process.folder / "log" / "apnlog.ec"
    content = path.read_bytes() if path.exists() else b""
    return content.count(b"@D@"), content.count(b"@P@")


def verify(process: house.Process, count: int) -> dict[str, float]:
    """Every message ended once, and the journal says the same; what it took."""
    delivered, failed = ends(process)
    house.check("terminal records", delivered + failed, count)
    journal = (process.folder / "log" / "journal.jsonl").read_bytes()
    house.check("P records", failed, journal.count(b'"status":8'))
    counters = re.findall(r"(delivery\.\w+) (\d+)", process.log.read_text())
    counts = {name: int(number) for name, number in counters}
    return {
        "bad": failed,
        "connections": counts["delivery.connections"],
        "written/message": counts["delivery.written"] / count,
    }


def through(folder: Path, share: float, seed: int, count: int) -> dict[str, float]:
    """From smtp-source to terminal records."""
    message = house.sample(folder)
    with gateway(folder, share, seed) as process:
        began = time.monotonic()
        house.smtp_source(process.port, message, count=count, sessions=20)
        rate = count / settle(process, count, began)
    verify(process, count)
    return {"through/s": rate}


def backlog(folder: Path, share: float, seed: int, count: int) -> dict[str, float]:
    """From a full spool to terminal records."""
    fill(folder, count)
    with gateway(folder, share, seed) as process:
        began = time.monotonic()
        rate = count / settle(process, count, began)
        cpu = process.cpu_seconds()
    return {
        "backlog/s": rate,
        "cpu us/message": cpu / count * 1e6,
        **verify(process, count),
    }


def main() -> None:
    """All shares in every round; the first is clean and what the others are held to."""
    options = house.arguments(__doc__, count=10000, backlog=50000, rounds=3)
    if options.smoke:
        options.count, options.backlog, options.rounds = 500, 1000, 1
    report = house.Report(
        f"errors: {options.count} messages of 1 KB through, {options.backlog} waiting",
        ("round", "bad %", *RATES, "cpu us/message", "bad", "connections",
         "written/message"),
    )  # fmt: skip
    for number in range(1, options.rounds + 1):
        clean: dict[str, float] = {}
        for share in SHARES:
            row: dict[str, float] = {"round": number, "bad %": share}
            with house.scratch() as folder:
                row |= through(folder, share, number, options.count)
            with house.scratch() as folder:
                row |= backlog(folder, share, number, options.backlog)
            clean = clean or row
            row |= {ratio: row[name] / clean[name] for name, ratio in RATIOS.items()}
            report.add(**row)
    for share in SHARES[1:]:
        for ratio in RATIOS.values():
            report.facts[f"{share} % bad, median of {ratio}"] = house.median(
                [row[ratio] for row in report.rows if row["bad %"] == share]
            )
    report.show(options.json)


if __name__ == "__main__":
    sys.exit(main())
