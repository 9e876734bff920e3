"""What no server on Twisted's transports can be faster than, on this machine.

`deaf.py` understands nothing and keeps as durably as mcmtpush what it is given.
What a goal asks for beyond that, no work on mcmtpush can give; what mcmtpush is
below it, understanding a message costs.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import house, peers
from bench.pipe import SESSIONS, journalled
from bench.reception import Load, contenders, rows, source
from bench.run import Contender, Figures, figures
from bench.workers import KEPT, aside, pair, receive


PROGRAM = str(Path(__file__).with_name("deaf.py"))


@contextmanager
def keeping(
    folder: Path, processes: int = 1, *, apns_port: int = 0
) -> Iterator[list[house.Process]]:
    """So many on one port, each with its own database in `folder`."""
    port = house.free_port()
    arguments = [sys.executable, PROGRAM, str(port), str(folder)]
    if apns_port:
        arguments.append(str(apns_port))
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(house.running(arguments, port, folder))
            for _ in range(processes)
        ]


@contextmanager
def kept_alone(folder: Path) -> Iterator[house.Process]:
    """One."""
    with keeping(folder) as (process,):
        yield process


kept = partial(rows, pattern="deaf-*.db")
"""Messages in all databases."""


def passed_on(folder: Path, count: int) -> Figures:
    """Through one to the simulator; its journal counts."""
    message = house.sample(folder)
    journal = journalled(folder)
    with (
        house.simulator(folder, scheme="apn2") as apns_port,
        keeping(folder, apns_port=apns_port) as (process,),
        process.watched() as cost,
    ):
        began = time.monotonic()
        house.smtp_source(process.port, message, count=count, sessions=SESSIONS)
        house.wait_until("the journal", lambda: journal.read() >= count)
        seconds = time.monotonic() - began
    house.check("journal lines", journal.read(), count)
    house.check("messages in the database", kept(folder), count)
    return figures(count, seconds, cost.cpu_seconds)


def shared(folder: Path, count: int, *, processes: int, load: Load) -> Figures:
    """A load on all of them, pinned aside as for workers."""
    with keeping(folder, processes) as servers:
        before = sum(each.cpu_seconds() for each in servers)
        with aside():
            seconds = load(servers[0].port, folder, count)
        cpu = sum(each.cpu_seconds() for each in servers) - before
    house.check("messages in the databases", kept(folder), count)
    return {"messages/s": count / seconds, "cpu us": cpu / count * 1e6}


KEEPS = peers.Peer(
    "reads nothing, commits", kept_alone, kept,
    peers.nothing_missing, peers.BARE.version,
)  # fmt: skip
FORGETS = peers.Peer(
    "reads nothing, keeps nothing", peers.discarding("deaf.py"), peers.said,
    peers.nothing_missing, peers.BARE.version,
)  # fmt: skip

RECEPTION = contenders(partial(source, sessions=20), KEEPS, FORGETS, peers.BARE)
"""A connection for each message."""

THROUGH = [
    RECEPTION[1],
    Contender("reads nothing, commits, passes on", passed_on),
]
"""What going through everything cannot be faster than: the second over HTTP/2."""

WORKERS = [
    Contender(
        f"{name}, reads nothing, commits",
        partial(shared, processes=processes, load=KEPT),
    )
    for name, processes in (("two", 2), ("one", 1))
] + pair(receive, load=KEPT)
"""What a second process can bring at most where the load shares its core."""


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["ceiling", *sys.argv[1:]]))
