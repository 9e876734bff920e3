"""`mcmtpush send`: one push through a running gateway."""

from __future__ import annotations

import re
import socket
import time
import uuid
from email.utils import formatdate, make_msgid
from typing import Any, BinaryIO, Final

import click

from mcmtpush.config.tables.push import PUSH_TYPES
from mcmtpush.injection import (
    InjectionError,
    Server,
    build_payload,
    inject,
    parse_server,
)
from mcmtpush.mcmt.compose import compose
from mcmtpush.replay import parse_span
from mcmtpush.verbs.output import answering, leave, parsed


LONGEST_COLLAPSE_ID: Final = 64

_FIELDS: Final = (
    ("topic", "X-APNs-Topic"),
    ("push_type", "X-APNs-Push-Type"),
    ("priority", "X-APNs-Priority"),
    ("collapse_id", "X-APNs-Collapse-ID"),
    ("expiration", "X-APNs-Expiration"),
    ("apns_id", "X-APNs-ID"),
    ("channel", "X-APNs-Channel-ID"),
)
"""Options and the fields of the push part that they fill."""


def _address(value: str) -> str:
    if value and not re.fullmatch(r"[!-;=?-~]+@[!-;=?-~]+", value):
        raise ValueError(f'"{value}" is not an address such as 4711@example.com')
    return value


def _recipient(value: str) -> str:
    if not value:
        raise ValueError("a recipient is wanted")
    return _address(value)


def _token(value: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]+", re.sub(r"\s", "", value)):
        raise ValueError("a device token is written in hexadecimal digits")
    return re.sub(r"\s", "", value)


def _word(value: str) -> str:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("printable ASCII without blanks is wanted")
    return value


def _collapse_id(value: str) -> str:
    if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
        raise ValueError("printable ASCII without blanks at its ends is wanted")
    if len(value) > LONGEST_COLLAPSE_ID:
        raise ValueError(f"at most {LONGEST_COLLAPSE_ID} characters are wanted")
    return value


def _expiration(value: str) -> str:
    if re.fullmatch(r"[0-9]{1,12}", value):
        return value
    return str(int(time.time() + parse_span(value)))


def _apns_id(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise ValueError(f'"{value}" is not a UUID') from None


@click.command()
@click.option(
    "--to",
    "recipient",
    required=True,
    callback=parsed(_recipient),
    metavar="ADDRESS",
    help="Recipient; its domain selects the app, as in 4711@apn_example.com.",
)
@click.option(
    "--token",
    callback=parsed(_token),
    metavar="HEX",
    help="Device token, in hexadecimal.",
)
@click.option(
    "--channel",
    callback=parsed(_word),
    metavar="ID",
    help="Broadcast channel, instead of a device token (HTTP/2).",
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
    "--topic",
    callback=parsed(_word),
    metavar="ID",
    help="Bundle id of the app, instead of the domain's (HTTP/2).",
)
@click.option(
    "--push-type",
    type=click.Choice(PUSH_TYPES),
    help="Push type, instead of the domain's (HTTP/2).",
)
@click.option(
    "--priority",
    type=click.Choice(["1", "5", "10"]),
    help="Priority, instead of the domain's (HTTP/2).",
)
@click.option(
    "--collapse-id",
    callback=parsed(_collapse_id),
    metavar="ID",
    help="Replaces the notification of this id on the device (HTTP/2).",
)
@click.option(
    "--expiration",
    callback=parsed(_expiration),
    metavar="TIME",
    help="Until when it is worth delivering: a time from now such as 2h, or seconds "
    "since the epoch; 0 is now or never (HTTP/2).",
)
@click.option(
    "--apns-id",
    callback=parsed(_apns_id),
    metavar="UUID",
    help="Id of the notification, instead of one that the gateway makes (HTTP/2).",
)
@click.option(
    "--from",
    "sender",
    callback=parsed(_address),
    metavar="ADDRESS",
    help="Sender, who hears of failures; default mcmtpush@ this machine.",
)
@click.option(
    "--server",
    callback=parsed(parse_server),
    default="127.0.0.1:2525",
    show_default=True,
    metavar="HOST:PORT",
    help="The gateway's SMTP listener.",
)
def send(
    recipient: str,
    token: str | None,
    alert: str | None,
    badge: int | None,
    sound: str | None,
    payload: BinaryIO | None,
    sender: str | None,
    server: Server,
    **headers: str | None,
) -> None:
    """Send one push through a running gateway.

    Builds a multi-channel message, injects it by SMTP and prints the gateway's
    last answer, which holds the message id.  Options marked (HTTP/2) mean
    something on the way to Apple's HTTP/2 interface only.

    Exit code: 0 accepted, 1 refused or not reached, 2 unusable arguments, 3 the
    answer could not be written; standard error says if the message was accepted.
    """
    if (token is None) is (headers["channel"] is None):
        raise click.UsageError("give either --token or --channel")
    hostname = socket.gethostname()
    author = sender or f"mcmtpush@{hostname}"
    content = _compose(
        sender=author,
        recipient=recipient,
        token=token or "",
        payload=_payload(payload, alert, badge, sound),
        subject=" ".join((alert or "Push notification").split())[:200],
        date=formatdate(),
        message_id=make_msgid(domain=hostname),
        extra=_fields(headers),
    )
    _inject(server, author if sender is None else sender, recipient, content, hostname)


def _payload(
    file: BinaryIO | None, alert: str | None, badge: int | None, sound: str | None
) -> Any:
    base = None if file is None else file.read()
    if all(given is None for given in (alert, badge, sound, base)):
        raise click.UsageError("nothing to send: give --alert, --payload or both")
    try:
        return build_payload(base, alert, badge, sound)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _fields(headers: dict[str, str | None]) -> dict[str, str]:
    """The fields of the push part for the HTTP/2 interface."""
    return {
        field: value for name, field in _FIELDS if (value := headers[name]) is not None
    }


def _compose(**parts: Any) -> bytes:
    try:
        return compose(**parts)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _inject(
    server: Server, sender: str, recipient: str, content: bytes, hostname: str
) -> None:
    try:
        reply = inject(server, sender, recipient, content, hostname=hostname)
    except InjectionError as error:
        leave(str(error), 1)
    with answering(f"the message was accepted: {reply}" if reply.accepted else None):
        click.echo(str(reply))
    if not reply.accepted:
        leave(f"{server} refused the message at {reply.step}", 1)
