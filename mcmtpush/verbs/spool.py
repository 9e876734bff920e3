"""The verbs about a spool: `mcmtpush dead …` and `mcmtpush spool check`.

They read the database beside a running gateway, or without one.  What they print
shows device tokens by their first eight characters; `dead show` alone, which is asked
for one message, shows all of it.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate, make_msgid
from typing import Any

import click
import orjson
from attrs import asdict

from mcmtpush.injection import Server, inject, parse_server
from mcmtpush.replay import Pace, Replay, parse_rate, parse_span
from mcmtpush.spool.check import Inspection, add_up, inspect_spool
from mcmtpush.spool.dead import AllDeadLetters, Letter, Original, Selection
from mcmtpush.verbs.output import leave, parsed, print_json, printable
from mcmtpush.verbs.place import Group, databases, moment, place


Decorated = Callable[..., Any]


def _filters(verb: Decorated) -> Decorated:
    """The options that choose dead letters."""
    for option in (
        click.option(
            "--status",
            type=click.IntRange(0, 999),
            metavar="N",
            help="Only those with this last status.",
        ),
        click.option(
            "--since",
            callback=parsed(parse_span),
            metavar="TIME",
            help="Only those that died since then, such as 30m, 2h or 7d ago.",
        ),
        click.option("--domain", metavar="D", help="Only those of this domain."),
    ):
        verb = option(verb)
    return verb


def _selection(
    ids: tuple[str, ...], domain: str | None, since: float | None, status: int | None
) -> Selection:
    after = None if since is None else time.time() - since
    return Selection(ids, domain, after, status)


def _letters(config: str, folder: str | None) -> AllDeadLetters:
    return AllDeadLetters(databases(config, folder))


# -- dead ---------------------------------------------------------------------------


@click.group(cls=Group)
def dead() -> None:
    """List, show and replay messages that failed for good.

    Their originals are kept in the spool for dead_letter_retention.  The gateway
    may be running or not.

    Exit code: 0 done, 1 not found or not replayed, 2 unusable arguments or spool.
    """


@dead.command("list")
@place
@_filters
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_letters(
    config: str,
    folder: str | None,
    domain: str | None,
    since: float | None,
    status: int | None,
    as_json: bool,
) -> None:
    """List dead letters in the order in which they died.

    A line each: time, id, recipient, status, attempts, reason, replay.

    Exit code: 0 done, 2 unusable arguments or spool.
    """
    letters = _letters(config, folder).select(_selection((), domain, since, status))
    if as_json:
        _print_list(_summary(letter) for letter in letters)
        return
    count = 0
    for count, letter in enumerate(letters, 1):  # noqa: B007 - counts them
        click.echo(_line(letter))
    click.echo(f"{count} dead letter{'' if count == 1 else 's'}")


@dead.command()
@place
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(config: str, folder: str | None, id: str, as_json: bool) -> None:  # noqa: A002 - the word people read in the help
    """Show all that is kept of the dead letter ID, its token and bodies included.

    Exit code: 0 shown, 1 there is none, 2 unusable arguments or spool.
    """
    letters = _letters(config, folder)
    for letter in letters.select(Selection((id,))):
        original = letters.original(letter) or Original(None, None)
        if as_json:
            print_json(_whole(letter, original))
        else:
            _print_whole(letter, original)
        return
    leave(f"no dead letter {id}", 1)


@dead.command()
@place
@_filters
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Replay all there are.")
@click.option("--again", is_flag=True, help="Also those that were replayed before.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, no more.")
@click.option(
    "--rate",
    callback=parsed(parse_rate),
    metavar="N/s",
    help="No more than so many a second.",
)
@click.option(
    "--server",
    callback=parsed(parse_server),
    default="127.0.0.1:2525",
    show_default=True,
    metavar="HOST:PORT",
    help="The gateway's SMTP listener.",
)
def replay(  # noqa: PLR0913, PLR0917 - the command has that many options
    config: str,
    folder: str | None,
    ids: tuple[str, ...],
    domain: str | None,
    since: float | None,
    status: int | None,
    everything: bool,
    again: bool,
    dry_run: bool,
    rate: float | None,
    server: Server,
) -> None:
    """Send dead letters again, as new messages, and mark them as replayed.

    Those that were replayed before are skipped.  The push part of the new message
    names the old id in X-Mcmtpush-Replay-Of.

    Exit code: 0 all are replayed, 1 some are not, 2 unusable arguments or spool.
    """
    selection = _selection(ids, domain, since, status)
    if selection == Selection() and not everything:
        raise click.UsageError("say which: an ID, --domain, --since, --status or --all")
    letters = _letters(config, folder)
    if not dry_run:
        letters.prepare_marks()
    hostname = socket.gethostname()
    errand = Replay(
        letters=letters,
        send=lambda *message: inject(server, *message, hostname=hostname),
        pace=Pace(rate, seconds=time.monotonic, sleep=time.sleep),
        hostname=hostname,
        date=formatdate,
        message_id=lambda: make_msgid(domain=hostname),
        say=click.echo,
    )
    errand.run(selection, again=again, dry_run=dry_run)
    click.echo(errand.summary(dry_run=dry_run))
    sys.exit(1 if errand.failed or errand.stopped else 0)


def _summary(letter: Letter) -> dict[str, Any]:
    """For JSON, without bodies; the names are a public promise."""
    data = asdict(letter)
    for name in (
        "database",
        "row",
        "connection_context",
        "message_context",
        "return_path",
        "headers",
    ):
        del data[name]
    return {**data, "token": _redacted(letter.token)}


def _whole(letter: Letter, original: Original) -> dict[str, Any]:
    """For JSON, bodies included; text that is none comes as far as it can be read."""
    return {
        **_summary(letter),
        "token": letter.token,
        "return_path": letter.return_path,
        "headers": _json_of(letter.headers) or {},
        "connection_context": _json_of(letter.connection_context) or {},
        "message_context": _json_of(letter.message_context) or {},
        "payload": _json_of(original.payload),
        "mail": None if original.mail is None else _text(original.mail),
    }


def _json_of(text: str | bytes | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _redacted(token: str | None) -> str | None:
    return f"{token[:8]}…" if token else token


def _line(letter: Letter) -> str:
    columns = [
        moment(letter.died_at),
        letter.id,
        letter.recipient,
        "-" if letter.status is None else letter.status,
        f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}",
        letter.reason,
    ]
    if letter.replayed_as is not None:
        columns.append(f"replayed as {letter.replayed_as}")
    return printable("  ".join(map(str, columns)))


def _print_whole(letter: Letter, original: Original) -> None:
    data = _whole(letter, original)
    mail, payload = data.pop("mail"), data.pop("payload")
    for name, value in data.items():
        shown = moment(value) if isinstance(value, float) else value
        if isinstance(value, dict):
            shown = ", ".join(f"{key}={text}" for key, text in value.items())
        click.echo(printable(f"{name}: {'' if shown is None else shown}".rstrip()))
    click.echo("\n-- payload")
    click.echo("" if payload is None else _payload(payload))
    click.echo("\n-- mail")
    for line in (mail or "").splitlines():
        click.echo("\t".join(map(printable, line.split("\t"))))


def _payload(payload: Any) -> str:
    """Its JSON as it is read best: what cannot be printed is escaped."""
    text = json.dumps(payload, indent=2, ensure_ascii=False)
    return "".join(
        one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1]
        for one in text
    )


# -- spool --------------------------------------------------------------------------


@click.group(cls=Group)
def spool() -> None:
    """Look after the spool: the database of everything that is queued.

    Exit code: 0 sound, 1 damage found, 2 unusable arguments or spool.
    """


@spool.command("check")
@place
@click.option("--quick", is_flag=True, help="Leave the indexes out: much faster.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check_spool(config: str, folder: str | None, quick: bool, as_json: bool) -> None:
    """Read all of the spool, say whether it is sound and what was set aside.

    Changes nothing; the gateway may be running or not.

    Exit code: 0 sound, 1 damage found, 2 unusable arguments or spool.
    """
    spools = [
        inspect_spool(path, now=time.time(), quick=quick)
        for path in databases(config, folder)
    ]
    found = add_up(spools)
    if as_json:
        print_json(_inspection(found) | _further(spools))
    else:
        _print_inspection(found, spools)
    sys.exit(0 if found.sound else 1)


def _inspection(found: Inspection) -> dict[str, Any]:
    return {**asdict(found), "sound": found.sound}


def _further(spools: Sequence[Inspection]) -> dict[str, Any]:
    """Each by itself, where there are several."""
    return {"spools": list(map(_inspection, spools))} if len(spools) > 1 else {}


def _print_inspection(found: Inspection, spools: Sequence[Inspection]) -> None:
    for name in ("entries", "delayed", "held", "dead", "quarantined"):
        count = getattr(found, name)
        click.echo(f"{name}: {'unreadable' if count is None else count}")
    for one in found.quarantine:
        click.echo(
            printable(
                f"quarantine {one.number}: row {one.row}, {one.id}, {one.recipient}: "
                f"{one.reason}"
            )
        )
    for fault in found.faults:
        click.echo(printable(f"damage: {fault}"))
    for each in spools:
        verdict = "sound" if each.sound else "NOT sound"
        click.echo(f"{each.path}: version {each.version}, {verdict}")


# -- printing -----------------------------------------------------------------------


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _print_list(items: Iterable[Any]) -> None:
    """As they come: there may be more than fit into memory."""
    separator = "["
    for item in items:
        click.echo(f"{separator}\n{json.dumps(item, ensure_ascii=False)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")
