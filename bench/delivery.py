"""Delivery alone: the gateway is started on a full spool.

The clock runs from the first line of the simulator's journal to the last terminal
record; accounting, records and forgetting are included.  The simulator is a process
of its own.  What it can take at most is shown by a foreign client of the binary
protocol that writes frames and reads nothing: it keeps no message, and does not know
what became of any.  Over HTTP/2 nghttpd shows what the simulator costs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from bench import house, http2
from bench.pipe import WAITS, delivered, finish, journalled
from bench.reception import rows
from bench.run import Contender, Figures, figures
from bench.spool import fill
from mcmtpush.simulator.certificates import make_development_key


DOMAIN = "max_resident_active_queue = 5000\n  max_outbound_connections = {connections}"


def backlog(
    folder: Path,
    count: int,
    *,
    scheme: str = "apn",
    connections: int = 4,
    extra: str = "",
) -> Figures:
    """Deliver all that is in the spool."""
    fill(folder, count)
    domain = DOMAIN.format(connections=connections)
    with (
        house.simulator(folder, scheme=scheme) as port,
        house.gateway(
            folder, domain=domain, scheme=scheme, apns_port=port, wait=False,
            extra=extra,
        ) as process,
    ):  # fmt: skip
        first = journalled(folder)
        house.wait_until("the first delivery", lambda: first.read() > 0)
        with process.watched() as cost:
            began, already = time.monotonic(), first.count
            seconds = finish(folder, count, WAITS[scheme]) - began
    house.check("messages left in the spool", rows(folder), 0)
    return figures(count - already, seconds, cost.cpu_seconds)


def answered(folder: Path, count: int) -> Figures:
    """Over HTTP/2 to a server that is faster than any client: it has no journal.

    Every message still has its terminal record, and an answer for each of them.
    """
    fill(folder, count)
    make_development_key(str(folder / "spool" / "development"))
    (folder / "server").mkdir()
    with (
        http2.nghttpd(folder / "server") as (port, ca),
        house.gateway(
            folder, domain=DOMAIN.format(connections=4), scheme="apn2", apns_port=port,
            wait=False, ca=str(ca), verify="ca",
        ) as process,
    ):  # fmt: skip
        records = delivered(folder)
        house.wait_until("the first record", lambda: records.read() > 0)
        with process.watched() as cost:
            began, already = time.monotonic(), records.count
            house.wait_until("the records", lambda: records.read() >= count, 600)
            seconds = time.monotonic() - began
    house.check("D records", records.read(), count)
    house.check("messages left in the spool", rows(folder), 0)
    return figures(count - already, seconds, cost.cpu_seconds)


def blind(folder: Path, count: int) -> Figures:
    """`bench.blind` against the same simulator; its journal counts."""
    with house.simulator(folder) as port:
        journal = journalled(folder)
        began = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "bench.blind", str(port), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
        ) as client:  # fmt: skip
            house.wait_until("the journal", lambda: journal.read() >= count, 300)
            seconds = time.monotonic() - began
            output, _ = client.communicate()
    result = json.loads(output)
    seconds -= result["starting"]
    house.check("journal lines", journal.read(), count)
    return {
        "messages/s": count / seconds,
        "cpu us": result["cpu_seconds"] / count * 1e6,
    }


BINARY = [Contender("mcmtpush", backlog), Contender("blind client", blind)]
HTTP2 = [
    Contender("mcmtpush", partial(backlog, scheme="apn2")),
    Contender("mcmtpush to nghttpd", answered, partial(http2.missing, "nghttpd")),
]
