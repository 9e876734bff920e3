"""A deep backlog: a million queued entries; memory, start, first delivery.

The spool is filled through the program's own store, then the gateway is started
on it.  "start" is the time to the SMTP banner, "first delivery" the time until
the simulator's journal has its first line, both from the start of the process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench import house
from mcmtpush.spool.codec import insert_of, rows_needed
from mcmtpush.spool.folder import open_spool
from mcmtpush.values import Message, MessageIds, PushPart, QueueKey, Submission


PAGE = 1000
KEY = QueueKey("default", "default", "apn_example.com")


def submissions(ids: MessageIds, page: int, content: bytes) -> list[Submission]:
    """A page of transactions with one recipient each."""
    now = time.time()
    push = PushPart(house.TOKEN, b'{"aps":{"alert":"You have mail"}}')
    return [
        Submission(
            (
                Message(
                    id=ids.draw(now),
                    batch_id=ids.draw(now),
                    connection_id="10/00-00001-00000000",
                    received_at=now,
                    sender="news@example.net",
                    recipient=f"{page * PAGE + number}@apn_example.com",
                    key=KEY,
                    size=len(content),
                ),
            ),
            content,
            push,
        )
        for number in range(PAGE)
    ]


def fill(folder: Path, count: int) -> float:
    """Store `count` entries; rows a second."""
    ids = MessageIds(1)
    content = house.sample(folder).read_bytes()
    store = open_spool(str(folder / "spool"), mode=0o640, force_fsync=True, pid=1)
    row = store.first_row
    began = time.monotonic()
    for page in range(count // PAGE):
        inserts = []
        for submission in submissions(ids, page, content):
            inserts.append(insert_of(submission, row))
            row += rows_needed(submission)
        store.apply(inserts)
    seconds = time.monotonic() - began
    store.close()
    return count / seconds


def start(folder: Path, count: int) -> dict[str, float]:
    """Start on the full spool and watch."""
    began = time.monotonic()
    with house.gateway(folder, domain="max_outbound_connections = 2") as process:
        banner = time.monotonic() - began
        house.wait_until(
            "the first delivery", lambda: process.lines("log/journal.jsonl") > 0
        )
        first = time.monotonic() - began
        peak = 0
        while process.lines("log/journal.jsonl") < count:
            peak = max(peak, process.rss_bytes())
            time.sleep(0.5)
        written = time.monotonic() - began
    return {
        "start s": banner,
        "first delivery s": first,
        "peak MB": peak / 2**20,
        "all written s": written,
    }


def main() -> None:
    """Fill, start, watch."""
    options = house.arguments(__doc__, count=1_000_000)
    if options.smoke:
        options.count = 2000
    report = house.Report(
        f"spool: {options.count} queued entries",
        ("filled/s", "start s", "first delivery s", "peak MB", "all written s"),
    )
    with house.scratch() as folder:
        rate = fill(folder, options.count)
        report.add(**{"filled/s": rate}, **start(folder, options.count))
    report.show(options.json)


if __name__ == "__main__":
    sys.exit(main())
