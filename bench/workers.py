"""One worker against two, on the same machine and in the same run.

Load programs, and nghttpd where it plays Apple, are pinned to the last core: as far
aside as the cores allow.  On two cores the second worker shares that one with them, so
that what a load costs is missing from what two workers can do.  smtp-source costs a
seventh of a worker; `bench.client`, and nghttpd with its TLS, about as much as one.
What two workers lose to one another shows in their processor time for each message.

Two workers deliver from two spools with half of the messages in each.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench import house, http2
from bench.delivery import DOMAIN
from bench.pipe import delivered
from bench.reception import Load, pipelined, rows, source
from bench.run import Contender, Figures, figures
from bench.spool import fill
from mcmtpush.simulator.certificates import make_development_key


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """What is started meanwhile gets the last core only, where there are several."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def gateway(folder: Path, workers: int, **named: Any) -> Iterator[house.Process]:
    """With so many workers, all of which are ready."""
    extra = f"workers = {workers}" if workers > 1 else ""
    with house.gateway(folder, extra=extra, **named) as process:
        if workers > 1:
            ready = house.Tally(process.log, b" is ready, process ")
            house.wait_until("all workers", lambda: ready.read() >= workers)
        yield process


def receive(folder: Path, count: int, *, workers: int, load: Load) -> Figures:
    """Into the spools, with delivery suspended."""
    suspended = {"domain": "suspend_delivery = true", "everywhere": True}
    with gateway(folder, workers, **suspended) as process:
        before = process.cpu_seconds()
        with aside():
            seconds = load(process.port, folder, count)
        cpu = process.cpu_seconds() - before
    house.check("messages in the spools", rows(folder), count)
    return {"messages/s": count / seconds, "cpu us": cpu / count * 1e6}


@contextlib.contextmanager
def apple(folder: Path) -> Iterator[dict[str, Any]]:
    """nghttpd in Apple's place, and how a gateway reaches it."""
    make_development_key(str(folder / "spool" / "development"))
    (folder / "server").mkdir()
    with contextlib.ExitStack() as stack:
        with aside():
            port, ca = stack.enter_context(http2.nghttpd(folder / "server"))
        yield {
            "domain": DOMAIN.format(connections=4),
            "scheme": "apn2",
            "apns_port": port,
            "ca": str(ca),
            "verify": "ca",
        }


def through(folder: Path, count: int, *, workers: int, load: Load) -> Figures:
    """From the load to the last terminal record."""
    with apple(folder) as named, gateway(folder, workers, **named) as process:
        before, began = process.cpu_seconds(), time.monotonic()
        with aside():
            load(process.port, folder, count)
        finish(folder, count)
        seconds, cpu = time.monotonic() - began, process.cpu_seconds() - before
    house.check("messages left in the spools", rows(folder), 0)
    return figures(count, seconds, cpu)


def deliver(folder: Path, count: int, *, workers: int) -> Figures:
    """What is in the spools, from the first record to the last."""
    for number in range(workers):
        share = count // workers + (number < count % workers)
        fill(folder, share, spool=f"worker-{number + 1}" if number else "")
    with apple(folder) as named:
        records = delivered(folder)
        with gateway(folder, workers, **named, wait=False) as process:
            house.wait_until("the first record", lambda: records.read() > 0)
            before, began = process.cpu_seconds(), time.monotonic()
            already = records.count
            finish(folder, count)
            seconds, cpu = time.monotonic() - began, process.cpu_seconds() - before
    house.check("messages left in the spools", rows(folder), 0)
    return figures(count - already, seconds, cpu)


def finish(folder: Path, count: int) -> None:
    """Every message has its terminal record, and only one."""
    records = delivered(folder)
    house.wait_until("the records", lambda: records.read() >= count, 600)
    house.check("D records", records.read(), count)


def pair(run: Any, *, kind: str = "", **named: Any) -> list[Contender]:
    """Two workers, held against one."""
    return [
        Contender(name, partial(run, workers=workers, **named), partial(missing, kind))
        for name, workers in (("two workers", 2), ("one worker", 1))
    ]


def missing(kind: str) -> str:
    """How to get what is not here."""
    return http2.missing(kind) if kind else ""


SESSIONS = 100
KEPT = partial(source, kept=True, sessions=SESSIONS)
RECEIVED = pair(receive, load=KEPT)
PIPELINED = pair(receive, load=partial(pipelined, sessions=SESSIONS))
THROUGH = pair(through, load=KEPT, kind="nghttpd")
DELIVERED = pair(deliver, kind="nghttpd")


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["workers", *sys.argv[1:]]))
