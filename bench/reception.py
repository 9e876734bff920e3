"""Messages a second through ESMTP to the durable spool, beside bare twisted.mail.

The load is Postfix's smtp-source without pipelining; delivery is suspended, so
that reception and the spool alone are measured.  The peer discards.

Beside the rates stands the processor time of each server, all its threads and the
system's part: it tells more than a rate where others use the machine.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from attrs import frozen

from bench import house


@frozen
class Load:
    """What one load of messages took."""

    rate: float
    """Messages a second."""
    cpu: float
    """Microseconds of the server's processor time for a message."""


def loaded(process: house.Process, message: Path, count: int, sessions: int) -> Load:
    """Send so many messages to this server."""
    before = process.cpu_seconds()
    seconds = house.smtp_source(process.port, message, count=count, sessions=sessions)
    used = process.cpu_seconds() - before
    return Load(count / seconds, used / count * 1e6)


def durable(folder: Path, count: int, sessions: int) -> Load:
    """Into the spool; every row is counted."""
    message = house.sample(folder)
    with house.gateway(folder, domain="suspend_delivery = true") as process:
        load = loaded(process, message, count, sessions)
    database = sqlite3.connect(folder / "spool" / "mcmtpush.db")
    rows = database.execute("SELECT count(*) FROM entry").fetchone()[0]
    house.check("rows in the spool", rows, count)
    return load


def bare(folder: Path, count: int, sessions: int) -> Load:
    """Into nothing."""
    message = house.sample(folder)
    port = house.free_port()
    program = str(Path(house.__file__).with_name("bare.py"))
    with house.running([sys.executable, program, str(port)], port, folder) as process:
        return loaded(process, message, count, sessions)


def main() -> None:
    """Alternate both, as often as asked."""
    options = house.arguments(__doc__, count=20000, sessions=20, rounds=5)
    if options.smoke:
        options.count, options.rounds = 200, 1
    report = house.Report(
        f"reception: {options.count} messages of 1 KB, {options.sessions} sessions",
        ("round", "durable/s", "bare/s", "ratio", "durable CPU us", "bare CPU us"),
    )
    for number in range(options.rounds):
        with house.scratch() as folder:
            other = bare(folder, options.count, options.sessions)
        with house.scratch() as folder:
            ours = durable(folder, options.count, options.sessions)
        report.add(
            **{
                "round": number + 1,
                "durable/s": ours.rate,
                "bare/s": other.rate,
                "ratio": ours.rate / other.rate,
                "durable CPU us": ours.cpu,
                "bare CPU us": other.cpu,
            }
        )
    report.facts["median ratio"] = house.median([row["ratio"] for row in report.rows])
    report.show(options.json)


if __name__ == "__main__":
    main()
