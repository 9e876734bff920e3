"""What bad tokens cost: 0, 0.1, 1 and 10 % of them, spread at random.

Each one costs a connection and all that was written behind it.  "through" is the load
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
from functools import partial
from pathlib import Path

from bench import house
from bench.run import Contender, Figures
from bench.spool import fill


SHARES = (0.0, 0.1, 1.0, 10.0)
"""Per cent of all notifications that are refused as "invalid token"."""

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
    return max(time.monotonic() - began - house.WINDOW_SECONDS, 1e-9)


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
        "frames a message": counts["delivery.written"] / count,
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
        "cpu us": cpu / count * 1e6,
        **verify(process, count),
    }


def both(folder: Path, count: int, *, share: float) -> Figures:
    """A load through everything, and five times as many from a full spool."""
    for name in ("through", "backlog"):
        (folder / name).mkdir()
    figures = through(folder / "through", share, 1, count)
    return figures | backlog(folder / "backlog", share, 1, count * 5)


CONTENDERS = [
    Contender(f"{share:g} % bad" if share else "none bad", partial(both, share=share))
    for share in SHARES
]


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["errors", *sys.argv[1:]]))
