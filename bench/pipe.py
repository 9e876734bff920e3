"""Messages a second from smtp-source to terminal records, through everything.

One process holds the gateway and the simulator; the clock stops when every
message has its D record and its line in the simulator's journal.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench import house
from bench.reception import bare


def through(folder: Path, count: int, sessions: int) -> dict[str, float]:
    """Rates at which messages were accepted, seen by the gateway, and recorded."""
    message = house.sample(folder)
    with house.gateway(folder) as process:
        began = time.monotonic()
        accepted = house.smtp_source(
            process.port, message, count=count, sessions=sessions
        )
        house.wait_until("the journal", lambda: _journalled(folder) >= count)
        written = time.monotonic() - began
        house.wait_until("the records", lambda: _delivered(folder) >= count)
        recorded = time.monotonic() - began
        cpu = process.cpu_seconds()
    house.check("D records", _delivered(folder), count)
    house.check("journal lines", _journalled(folder), count)
    return {
        "accepted/s": count / accepted,
        "written/s": count / written,
        "recorded/s": count / max(recorded - 1.0, 1e-9),
        "cpu us/message": cpu / count * 1e6,
    }


def _delivered(folder: Path) -> int:
    path = folder / "log" / "apnlog.ec"
    return path.read_bytes().count(b"@D@") if path.exists() else 0


def _journalled(folder: Path) -> int:
    """Frames but for flushes, which have no token."""
    path = folder / "log" / "journal.jsonl"
    content = path.read_bytes() if path.exists() else b""
    return content.count(b"\n") - content.count(b'"token":""')


def main() -> None:
    """As often as asked; the response window (1 s) is taken off `recorded/s`."""
    options = house.arguments(__doc__, count=20000, sessions=20, rounds=5)
    if options.smoke:
        options.count, options.rounds = 200, 1
    report = house.Report(
        f"pipe: {options.count} messages of 1 KB, {options.sessions} sessions",
        ("round", "accepted/s", "written/s", "recorded/s", "cpu us/message", "bare/s",
         "ratio"),
    )  # fmt: skip
    for number in range(options.rounds):
        with house.scratch() as folder:
            other = bare(folder, options.count, options.sessions)
        with house.scratch() as folder:
            row = through(folder, options.count, options.sessions)
        report.add(
            round=number + 1, **row, **{"bare/s": other}, ratio=row["written/s"] / other
        )
    report.facts["median written/s"] = house.median(
        [row["written/s"] for row in report.rows]
    )
    report.facts["median ratio to bare"] = house.median(
        [row["ratio"] for row in report.rows]
    )
    report.show(options.json)


if __name__ == "__main__":
    sys.exit(main())
