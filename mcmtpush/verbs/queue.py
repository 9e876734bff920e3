"""The verbs about what waits: `mcmtpush queue list` and `mcmtpush queue purge`.

Listing reads the databases of all workers.  A spool that is in use is changed by its
gateway alone: purging leaves an order in the spool folder and waits for the answer.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

import click
from attrs import asdict

from mcmtpush.spool.census import QueueCount, add_up, count_queues
from mcmtpush.spool.order import Orders, Purge, write_purge
from mcmtpush.verbs.output import leave, print_json, printable
from mcmtpush.verbs.place import Group, commanded_folder, databases, moment, place


PURGED = "554 5.7.0 [internal] Message manually purged"
"""Momentum's text."""

POLL_SECONDS = 0.2


def _finite(_context: object, _parameter: object, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("a finite number of seconds is wanted")
    return value


@click.group(cls=Group)
def queue() -> None:
    """List what waits, and purge it.

    Exit code: 0 done, 1 not done yet or refused, 2 unusable arguments or spool.
    """


@queue.command("list")
@place
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_queues(config: str, folder: str | None, as_json: bool) -> None:
    """List every queue that is not empty, by domain.

    Changes nothing; the gateway may be running or not.

    Exit code: 0 done, 2 unusable arguments or spool.
    """
    paths = databases(config, folder)
    found = add_up([count_queues(path, now=time.time()) for path in paths])
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        click.echo(printable(_line(each)))
    messages = sum(each.messages for each in found)
    click.echo(
        f"{messages} message{'' if messages == 1 else 's'} in {len(found)} "
        f"queue{'' if len(found) == 1 else 's'}"
    )


@queue.command()
@place
@click.option("--domain", metavar="D", help="The queues of this domain.")
@click.option("--binding", metavar="B", help="The queues of this binding.")
@click.option("--all", "everything", is_flag=True, help="Every queue there is.")
@click.option("--quiet", is_flag=True, help="Send no failure notices.")
@click.option(
    "--text",
    default=PURGED,
    show_default=True,
    metavar="TEXT",
    help="The internal answer in the records: a 5xx code and why.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    callback=_finite,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the gateway's answer.",
)
def purge(
    config: str,
    folder: str | None,
    domain: str | None,
    binding: str | None,
    everything: bool,
    quiet: bool,
    text: str,
    wait_seconds: float,
) -> None:
    """Order the gateway to fail all messages that wait in some queues now.

    Each gets a P record with TEXT, and a failure notice unless --quiet; pushes are
    kept as dead letters.  What is being delivered at this moment is left alone, and
    so is what comes in from now on.  A gateway that does not run does it at its
    next start.

    Exit code: 0 purged, 1 not done yet or refused, 2 unusable arguments or spool.
    """
    if domain is None and binding is None and not everything:
        raise click.UsageError("say which: --domain, --binding or --all")
    if not text.startswith("5") or not text.isprintable():
        raise click.UsageError("--text is to be one line that begins with a 5xx code")
    orders = Orders(commanded_folder(config, folder))
    now = time.time()
    name = f"{time.time_ns()}-{os.getpid()}"
    domain = None if domain is None else domain.lower()
    orders.give(name, write_purge(Purge(text, now, domain, binding, quiet)))
    _report(_wait_for(orders, name, wait_seconds))


def _wait_for(orders: Orders, name: str, seconds: float) -> Any:
    """The answer, or None when none came in time."""
    end = time.monotonic() + seconds
    while (answer := orders.take_answer(name)) is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return answer


def _report(answer: Any) -> None:
    if answer is None:
        leave(
            "no answer yet: the running gateway does it soon, another at its start", 1
        )
    if not isinstance(answer, dict) or "purged" not in answer:
        leave(f"the gateway refused: {answer}", 1)
    count = answer["purged"]
    click.echo(f"{count} message{'' if count == 1 else 's'} purged")


def _line(each: QueueCount) -> str:
    return (
        f"{each.domain}  binding {each.binding}  {each.messages} waiting  "
        f"{each.delayed} delayed  {each.held} held  "
        f"oldest {moment(each.oldest_at)}"
    )
