"""The `mcmtpush` command: its verbs, their arguments and exit codes.

Each verb asks one pure module and prints what it answers: `check` the lint,
`explain` the look-up, `send` the injection.  Those about the spool are in `verbs`.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from email.utils import formatdate, make_msgid
from typing import Any, BinaryIO, NoReturn

import click

from mcmtpush._version import __version__
from mcmtpush.config import explain as explaining
from mcmtpush.config.finding import as_data, has_errors, stricter, summary
from mcmtpush.config.lint import load_configuration
from mcmtpush.config.merge import read_configuration
from mcmtpush.files import DiskFiles, read_search_path
from mcmtpush.injection import (
    InjectionError,
    Server,
    build_payload,
    inject,
    parse_server,
)
from mcmtpush.judges import JUDGES
from mcmtpush.mcmt.compose import compose
from mcmtpush.verbs import dead, spool


_CONFIGURATION = click.Path(exists=True, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcmtpush")
def main() -> None:
    """Push notifications the way mail is sent.

    The gateway itself is started by twistd: twistd --nodaemon mcmtpush --config
    FILE.  The verbs below check and explain its configuration, without a running
    gateway, send a push through one, and look after its spool.
    """


main.add_command(dead)
main.add_command(spool)


# -- check ----------------------------------------------------------------------------


@main.command()
@click.argument("file", type=_CONFIGURATION)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of findings.")
@click.option("--strict", is_flag=True, help="Take every warning for an error.")
def check(file: str, as_json: bool, strict: bool) -> None:
    """Say what is wrong with the configuration FILE.

    One line for each finding, file:line:column: severity: message, and a last line
    that sums up.  Certificates, keys and the simulator's script are opened, nothing
    else is touched.

    Exit code: 0 no errors, 1 errors, 2 unusable arguments.
    """
    _, findings = load_configuration(
        file,
        DiskFiles(),
        time.time(),
        judges=JUDGES,
        search_path=read_search_path(os.environ),
    )
    if strict:
        findings = stricter(findings)
    if as_json:
        _print_json([as_data(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(summary(file, findings))
    sys.exit(1 if has_errors(findings) else 0)


# -- explain --------------------------------------------------------------------------


@main.command()
@click.argument("file", type=_CONFIGURATION)
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="[binding_group G] [binding B] [domain D | listen ADDR [peer IP]] OPTION",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def explain(file: str, words: tuple[str, ...], as_json: bool) -> None:
    """Say which value of OPTION holds in FILE, and where it comes from.

    Without further words the option is looked up for messages that no binding or
    domain stanza is about; naming some of them asks for those.  Values that lose
    are listed nearest first.

    \b
    mcmtpush explain gw.conf retry_interval
    mcmtpush explain gw.conf domain apn_example.com routes
    mcmtpush explain gw.conf binding_group g binding x domain e.com idle_timeout
    mcmtpush explain gw.conf listen :2525 peer 192.0.2.9 mcmt_reception
    mcmtpush explain gw.conf apn_logger:main.logfile

    Exit code: 0 answered, 1 the file has errors, 2 unusable arguments.
    """  # noqa: D301 - click wants the character
    root, findings = read_configuration(file, DiskFiles(), read_search_path(os.environ))
    if has_errors(findings):
        for finding in findings:
            if finding.severity == "error":
                click.echo(str(finding), err=True)
        sys.exit(1)
    try:
        query = explaining.parse_query(words)
        answer = explaining.explain(root, query)
        unknown = list(explaining.undeclared(root, query))
    except explaining.QueryError as error:
        raise click.UsageError(str(error)) from None
    for what in unknown:
        click.echo(f"note: {what} is not in {file}", err=True)
    if as_json:
        _print_json(answer.data())
    else:
        click.echo(answer.text())


# -- send -----------------------------------------------------------------------------


def _address(_context: object, _parameter: object, value: str | None) -> str | None:
    if value and not re.fullmatch(r"[!-;=?-~]+@[!-;=?-~]+", value):
        raise click.BadParameter(
            f'"{value}" is not an address such as 4711@example.com'
        )
    return value


def _token(_context: object, _parameter: object, value: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]+", re.sub(r"\s", "", value)):
        raise click.BadParameter("a device token is written in hexadecimal digits")
    return re.sub(r"\s", "", value)


def _server(_context: object, _parameter: object, value: str) -> Server:
    try:
        return parse_server(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@main.command()
@click.option(
    "--to",
    "recipient",
    required=True,
    callback=_address,
    metavar="ADDRESS",
    help="Recipient; its domain selects the app, as in 4711@apn_example.com.",
)
@click.option(
    "--token",
    required=True,
    callback=_token,
    metavar="HEX",
    help="Device token, in hexadecimal.",
)
@click.option("--alert", metavar="TEXT", help="The text to show.")
@click.option("--badge", type=int, metavar="N", help="The number on the app's icon.")
@click.option("--sound", metavar="NAME", help='The sound to play, such as "default".')
@click.option(
    "--payload",
    type=click.File("rb"),
    metavar="FILE",
    help='The whole JSON object ("-" reads it from standard input); --alert, --badge '
    "and --sound are laid over it.",
)
@click.option(
    "--from",
    "sender",
    callback=_address,
    metavar="ADDRESS",
    help="Sender, who hears of failures; default mcmtpush@ this machine.",
)
@click.option(
    "--server",
    callback=_server,
    default="127.0.0.1:2525",
    show_default=True,
    metavar="HOST:PORT",
    help="The gateway's SMTP listener.",
)
def send(
    recipient: str,
    token: str,
    alert: str | None,
    badge: int | None,
    sound: str | None,
    payload: BinaryIO | None,
    sender: str | None,
    server: Server,
) -> None:
    """Send one push through a running gateway.

    Builds a multi-channel message, injects it by SMTP and prints the gateway's
    last answer, which holds the message id.

    Exit code: 0 accepted, 1 refused or not reached, 2 unusable arguments.
    """
    hostname = socket.gethostname()
    author = sender or f"mcmtpush@{hostname}"
    base = None if payload is None else payload.read()
    if all(given is None for given in (alert, badge, sound, base)):
        raise click.UsageError("nothing to send: give --alert, --payload or both")
    try:
        content = compose(
            sender=author,
            recipient=recipient,
            token=token,
            payload=build_payload(base, alert, badge, sound),
            subject=" ".join((alert or "Push notification").split())[:200],
            date=formatdate(),
            message_id=make_msgid(domain=hostname),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _inject(server, author if sender is None else sender, recipient, content, hostname)


def _inject(
    server: Server, sender: str, recipient: str, content: bytes, hostname: str
) -> None:
    try:
        reply = inject(server, sender, recipient, content, hostname=hostname)
    except InjectionError as error:
        _fail(str(error))
    click.echo(str(reply))
    if not reply.accepted:
        _fail(f"{server} refused the message at {reply.step}")


def _fail(text: str) -> NoReturn:
    click.echo(f"mcmtpush: {text}", err=True)
    sys.exit(1)


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
