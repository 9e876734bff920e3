"""What depth costs: a million messages in the queue, ten thousand queues.

`pass_by` sends a load through while others wait in another, suspended queue, once the
start is over ("start s"); `drain` starts on a full spool and delivers all of it.

Where messages are spread over domains, each in turn, their number follows the number
of messages: a domain always has as many as at full size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import house
from bench.pipe import delivered, finish, journalled
from bench.reception import OURS, pipelined, receive, rows
from bench.run import Contender, Figures, figures
from bench.spool import fill


PASSING = 10_000
"""Messages that pass those that wait."""

SPREAD = 100
"""Messages of each domain: a million over ten thousand."""

BESIDE = """
domain "beside.example.com" {
  suspend_delivery = true
}
"""

EVERY = """
  idle_timeout = 5
  max_outbound_connections = 1
  max_resident_active_queue = 5000
"""
"""One connection for each domain, which is closed after the usual time."""


def domains_of(count: int, each: int) -> int:
    """How many domains there are with so many messages each; 0 puts all into one."""
    return max(count // each, 1) if each else 1


def pass_by(folder: Path, count: int, *, share: float) -> Figures:
    """Reception to records while `share` of `count` wait elsewhere."""
    waiting = max(int(count * share), 1)
    passing = min(PASSING, count)
    fill(folder, waiting, domain="beside.example.com")
    message = house.sample(folder)
    with (
        house.simulator(folder) as port,
        house.gateway(folder, apns_port=port, extra=BESIDE) as process,
    ):
        quiet = rest(process)
        before, began = process.cpu_seconds(), time.monotonic()
        house.smtp_source(process.port, message, count=passing, sessions=20)
        seconds = finish(folder, passing, house.WINDOW_SECONDS) - began
        cpu = process.cpu_seconds() - before
        memory = process.rss_bytes()
    house.check("messages still waiting", rows(folder), waiting)
    return {
        "queued": waiting,
        "messages/s": passing / seconds,
        "cpu us": cpu / passing * 1e6,
        "MB": memory / 2**20,
        "start s": quiet,
    }


def rest(process: house.Process) -> float:
    """The seconds until it has taken in what it found, and does nothing."""
    used = [process.cpu_seconds()]

    def idle() -> bool:
        time.sleep(0.5)
        used.append(process.cpu_seconds())
        return used[-1] - used[-2] < 0.02

    return house.wait_until("rest behind the start", idle, 120)


def spread(folder: Path, count: int, *, each: int = 0) -> Figures:
    """Reception; `each` as for `domains_of`."""
    domains = domains_of(count, each)
    load = partial(pipelined, domains=domains)
    return {"domains": domains, **receive(folder, count, peer=OURS, load=load)}


def drain(folder: Path, count: int, *, share: float = 1.0, each: int = 0) -> Figures:
    """Start on a full spool and deliver all of it; `each` as for `domains_of`."""
    count = max(int(count * share), 1)
    domains = domains_of(count, each)
    fill(folder, count, domains=domains)
    with house.simulator(folder) as port:
        began = time.monotonic()
        with house.gateway(
            folder, domain=EVERY, apns_port=port, wait=False, everywhere=True
        ) as process:
            first, records = journalled(folder), delivered(folder)
            house.wait_until("the first delivery", lambda: first.read() > 0)
            started, before = time.monotonic(), process.cpu_seconds()
            already, peak = first.count, 0
            while records.read() < count:
                peak = max(peak, process.rss_bytes())
                time.sleep(0.1)
                if time.monotonic() - began > 900:
                    raise house.BenchmarkError("not delivered in a quarter of an hour")
            seconds = finish(folder, count, house.WINDOW_SECONDS) - started
            cpu = process.cpu_seconds() - before
    house.check("messages left in the spool", rows(folder), 0)
    return {
        "queued": count,
        "domains": domains,
        "first delivery s": started - began,
        "peak MB": peak / 2**20,
        **figures(count - already, seconds, cpu),
    }


PASSED = [
    Contender("many queued", partial(pass_by, share=1.0)),
    Contender("few queued", partial(pass_by, share=0.001)),
]
DRAINED = [
    Contender("many queued", partial(drain, share=1.0)),
    Contender("few queued", partial(drain, share=0.02)),
]


def many_and_one(run: Callable[..., Figures], each: int) -> list[Contender]:
    """The same messages over many domains, and in one."""
    return [
        Contender("many domains", partial(run, each=each)),
        Contender("one domain", run),
    ]


QUEUED = many_and_one(spread, SPREAD)
QUEUED_SINGLY = many_and_one(spread, 1)
CONNECTED = many_and_one(drain, SPREAD)
CONNECTED_SINGLY = many_and_one(drain, 1)
