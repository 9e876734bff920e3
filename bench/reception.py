"""Reception: from a load to the durable spool; delivery is suspended.

A peer keeps what it takes in its own queue, or throws it away and counts.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import house, measure, peers
from bench.run import Contender, Figures


Load = Callable[[int, Path, int], float]
"""Sends so many messages to a port; the seconds that took."""


def source(
    port: int,
    folder: Path,
    count: int,
    *,
    sessions: int = 20,
    size: int = 1024,
    base64: bool = False,
    kept: bool = False,
) -> float:
    """Postfix's smtp-source; `kept` uses a connection for many messages."""
    message = house.sample(folder, size, base64=base64)
    return house.smtp_source(
        port, message, count=count, sessions=sessions, kept=kept
    )  # fmt: skip


def pipelined(
    port: int, folder: Path, count: int, *, sessions: int = 20, domains: int = 1
) -> float:
    """Our own client with PIPELINING over kept connections."""
    times = house.client(
        port, folder, count, sessions=sessions, greedy=True, domains=domains
    )
    return max(row[2] for row in times) - min(row[0] for row in times)


@contextmanager
def suspended(folder: Path) -> Iterator[house.Process]:
    """The gateway, keeping everything."""
    with house.gateway(
        folder, domain="suspend_delivery = true", everywhere=True
    ) as process:
        yield process


def rows(folder: Path, pattern: str = "spool/**/mcmtpush.db") -> int:
    """Messages in the spool, in those of all workers, or in databases of this name."""
    count = 0
    for path in folder.glob(pattern):
        with contextlib.closing(sqlite3.connect(path)) as database:
            count += database.execute("SELECT count(*) FROM entry").fetchone()[0]
    return count


OURS = peers.Peer(
    "mcmtpush", suspended, rows, peers.nothing_missing,
    lambda: measure.installed("mcmtpush") or "",
)  # fmt: skip


def receive(folder: Path, count: int, *, peer: peers.Peer, load: Load) -> Figures:
    """Rate and cost; every message is found again."""
    with peer.start(folder) as process, process.watched() as cost:
        seconds = load(process.port, folder, count)
    house.check(f"messages kept by {peer.name}", peer.kept(folder), count)
    return {"messages/s": count / seconds, "cpu us": cost.cpu_seconds / count * 1e6}


def contenders(load: Load, *others: peers.Peer) -> list[Contender]:
    """Ours and these, with one load."""
    return [
        Contender(peer.name, partial(receive, peer=peer, load=load), peer.missing)
        for peer in (OURS, *others)
    ]


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["reception-20", *sys.argv[1:]]))
