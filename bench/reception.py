"""Messages a second through ESMTP to the durable spool, beside bare twisted.mail.

The load is Postfix's smtp-source without pipelining; delivery is suspended, so
that reception and the spool alone are measured.  The peer discards.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from bench import house


def durable(folder: Path, count: int, sessions: int) -> float:
    """Messages a second into the spool; every row is counted."""
    message = house.sample(folder)
    with house.gateway(folder, domain="suspend_delivery = true") as process:
        seconds = house.smtp_source(
            process.port, message, count=count, sessions=sessions
        )
    database = sqlite3.connect(folder / "spool" / "mcmtpush.db")
    rows = database.execute("SELECT count(*) FROM entry").fetchone()[0]
    house.check("rows in the spool", rows, count)
    return count / seconds


def bare(folder: Path, count: int, sessions: int) -> float:
    """Messages a second into nothing."""
    message = house.sample(folder)
    port = house.free_port()
    program = str(Path(house.__file__).with_name("bare.py"))
    with house.running([sys.executable, program, str(port)], port, folder) as process:
        seconds = house.smtp_source(
            process.port, message, count=count, sessions=sessions
        )
    return count / seconds


def main() -> None:
    """Alternate both, as often as asked."""
    options = house.arguments(__doc__, count=20000, sessions=20, rounds=5)
    if options.smoke:
        options.count, options.rounds = 200, 1
    report = house.Report(
        f"reception: {options.count} messages of 1 KB, {options.sessions} sessions",
        ("round", "durable/s", "bare/s", "ratio"),
    )
    for number in range(options.rounds):
        with house.scratch() as folder:
            other = bare(folder, options.count, options.sessions)
        with house.scratch() as folder:
            ours = durable(folder, options.count, options.sessions)
        report.add(
            **{"round": number + 1, "durable/s": ours, "bare/s": other},
            ratio=ours / other,
        )
    report.facts["median ratio"] = house.median([row["ratio"] for row in report.rows])
    report.show(options.json)


if __name__ == "__main__":
    main()
