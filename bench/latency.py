"""How long a message takes: to its 250, and to the service.

The load comes at a pace, whether or not the answers do (`bench.client`): a message
that had to wait for a session has waited.  "250" is the time from the last byte of a
message to the reply that says it is durable; "due" the same from when it was to be
sent, so with its whole transaction; "written" is the time from that last byte to the
simulator's journal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import house, measure
from bench.pipe import finish
from bench.run import Contender, Figures


def at_pace(
    folder: Path, count: int, *, rate: float, sessions: int, scheme: str = "apn"
) -> Figures:
    """At `rate` messages a second, or one after the other where that is 0."""
    with (
        house.simulator(folder, scheme=scheme) as port,
        house.gateway(folder, scheme=scheme, apns_port=port) as process,
    ):
        house.client(process.port, folder, WARM, sessions=sessions, greedy=True)
        before = process.cpu_seconds()
        times = house.client(
            process.port, folder, count, sessions=sessions, rate=rate, greedy=rate > 0
        )
        finish(folder, count + WARM)
        cpu = process.cpu_seconds() - before
    written = journal_times(folder, WARM)
    figures = percentiles("250", [ok - sent for _, sent, ok in times])
    figures |= percentiles(
        "written", [written[number] - row[1] for number, row in enumerate(times)]
    )
    figures["cpu us"] = cpu / count * 1e6
    if rate:
        figures |= percentiles("due", [ok - due for due, _, ok in times])
    else:
        each = (times[-1][2] - times[0][0]) / count
        synced = measure.fsync_seconds(folder)
        figures |= {"ms": each * 1e3, "fsync ms": synced * 1e3}
        figures["ms but fsync"] = max(each - synced, 0.0) * 1e3
    return figures


WARM = 50
"""Messages before the measured ones, so that connections are there."""


def journal_times(folder: Path, skip: int) -> dict[int, float]:
    """Number of the message → when its frame was judged, without the first ones."""
    found: dict[int, float] = {}
    with (folder / "log" / "journal.jsonl").open("rb") as file:
        lines = [json.loads(line) for line in file]
    for line in [row for row in lines if row["token"]][skip:]:
        found[int(line["token"], 16)] = line["time"]
    return found


def percentiles(name: str, seconds: Sequence[float]) -> Figures:
    """The median and the ninety-ninth, in milliseconds."""
    ordered = sorted(seconds)
    places = {"p50": len(ordered) // 2, "p99": (len(ordered) - 1) * 99 // 100}
    return {f"{name} {key} ms": ordered[at] * 1e3 for key, at in places.items()}


def contenders(rate: float, sessions: int) -> list[Contender]:
    """Both protocols."""
    return [
        Contender(
            f"mcmtpush, {name}",
            partial(at_pace, rate=rate, sessions=sessions, scheme=scheme),
        )
        for name, scheme in (("binary", "apn"), ("HTTP/2", "apn2"))
    ]
