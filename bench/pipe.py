"""Through everything: from smtp-source to the last terminal record.

The simulator is a process of its own.  The clock stops when every message has its
line in the journal and its terminal record; where silence is acceptance the second
of waiting for it is taken off.  Postfix relays to smtp-sink, and its terminal
records are the `status=sent` of its log.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from bench import house, peers
from bench.house import Tally
from bench.reception import contenders, rows, source
from bench.run import Contender, Figures


SESSIONS = 20
WAITS = {"apn": house.WINDOW_SECONDS, "apn2": 0.0}


def journalled(folder: Path) -> Tally:
    """Frames of the journal but for flushes, which have no token."""
    return Tally(folder / "log" / "journal.jsonl", b"\n", but=b'"token":""')


def delivered(folder: Path) -> Tally:
    """Messages whose last record says that they arrived."""
    return Tally(folder / "log" / "apnlog.ec", b"@D@")


def through(folder: Path, count: int, *, scheme: str) -> Figures:
    """The gateway; nothing is left in the spool."""
    message = house.sample(folder)
    with (
        house.simulator(folder, scheme=scheme) as apns_port,
        house.gateway(folder, scheme=scheme, apns_port=apns_port) as process,
        process.watched() as cost,
    ):
        began = time.monotonic()
        accepted = house.smtp_source(
            process.port, message, count=count, sessions=SESSIONS
        )
        ended = finish(folder, count, WAITS[scheme]) - began
    house.check("messages left in the spool", rows(folder), 0)
    return {
        "messages/s": count / max(ended, accepted),
        "cpu us": cost.cpu_seconds / count * 1e6,
        "accepted/s": count / accepted,
    }


def finish(folder: Path, count: int, waits: float = 0.0) -> float:
    """When all were written and recorded; exactly so many in the end."""
    journal, records = journalled(folder), delivered(folder)
    house.wait_until("the journal", lambda: journal.read() >= count, 600)
    written = time.monotonic()
    house.wait_until("the records", lambda: records.read() >= count, 600)
    recorded = time.monotonic()
    house.check("journal lines", journal.read(), count)
    house.check("D records", records.read(), count)
    return max(written, recorded - waits)


def relay(folder: Path, count: int) -> Figures:
    """Postfix, from smtp-source to smtp-sink."""
    message = house.sample(folder)
    with peers.smtp_sink(folder) as sink, peers.postfix(folder, sink) as process:
        before, began = process.cpu_seconds(), time.monotonic()
        accepted = house.smtp_source(
            process.port, message, count=count, sessions=SESSIONS
        )
        sent = Tally(folder / "maillog", b"status=sent")
        house.wait_until("Postfix's log", lambda: sent.read() >= count, 600)
        ended = time.monotonic() - began
        cpu = process.cpu_seconds() - before
    house.check("messages sent by Postfix", sent.read(), count)
    return {
        "messages/s": count / ended,
        "cpu us": cpu / count * 1e6,
        "accepted/s": count / accepted,
    }


CONTENDERS = [
    Contender("mcmtpush, binary", partial(through, scheme="apn")),
    Contender("mcmtpush, HTTP/2", partial(through, scheme="apn2")),
    Contender("Postfix", relay, peers.postfix_missing),
    contenders(partial(source, sessions=SESSIONS), peers.BARE)[1],
]


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["pipe", *sys.argv[1:]]))
