"""Fills a spool through the program's own store, for what starts on a full one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import house
from mcmtpush.spool.codec import insert_of, rows_needed
from mcmtpush.spool.folder import open_spool
from mcmtpush.values import Message, MessageIds, PushPart, QueueKey, Submission


PAGE = 1000
"""Messages of one commit."""

PUSH = PushPart(house.TOKEN, b'{"aps":{"alert":"You have mail"}}')


def submissions(
    count: int, content: bytes, domains: int, domain: str
) -> Iterator[Submission]:
    """Transactions with one recipient each, over so many domains in turn."""
    ids, now = MessageIds(1), time.time()
    names = [domain] if domains == 1 else [f"{n}.{domain}" for n in range(domains)]
    for number in range(count):
        name = names[number % domains]
        message = Message(
            id=ids.draw(now),
            batch_id=ids.draw(now),
            connection_id="10/00-00001-00000000",
            received_at=now,
            sender="news@example.net",
            recipient=f"{number}@{name}",
            key=QueueKey("default", "default", name),
            size=len(content),
        )
        yield Submission((message,), content, PUSH)


def fill(
    folder: Path,
    count: int,
    *,
    domains: int = 1,
    domain: str = house.DOMAIN,
    spool: str = "",
) -> float:
    """Store `count` entries, in a further spool if so; rows a second."""
    content = house.sample(folder).read_bytes()
    store = open_spool(
        str(folder / "spool" / spool), mode=0o640, force_fsync=True, pid=1
    )
    row, inserts = store.first_row, []
    began = time.monotonic()
    for submission in submissions(count, content, domains, domain):
        inserts.append(insert_of(submission, row))
        row += rows_needed(submission)
        if len(inserts) == PAGE:
            store.apply(inserts)
            inserts = []
    if inserts:
        store.apply(inserts)
    seconds = time.monotonic() - began
    store.close()
    return count / seconds


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["drain", *sys.argv[1:]]))
