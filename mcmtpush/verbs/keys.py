"""`mcmtpush keys test`: whether a key or certificate is believed."""

from __future__ import annotations

import sys
import time
import uuid
from typing import Any, Final

import click

from mcmtpush.apns.bearer import read_skew
from mcmtpush.apns.requests import Request, RequestDefaults, build_request
from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.errors import ConfigError
from mcmtpush.values import PushPart, Refused
from mcmtpush.verbs.errand import Reply, run
from mcmtpush.verbs.lane import Lane, file_and_domain, read_lane
from mcmtpush.verbs.output import UNUSABLE, leave, print_json, printable
from mcmtpush.verbs.rehearsal import NOBODY, judge
from mcmtpush.verbs.wire import WireError


SKEW_SECONDS: Final = 60.0


@click.group()
def keys() -> None:
    """Try the credentials of a configuration.

    Exit code: 0 the credential works, 1 it does not, or nobody could be asked,
    2 unusable arguments, configuration or files.
    """


@keys.command()
@file_and_domain
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def test(file: str, domain: str, as_json: bool) -> None:
    """Say whether the key or certificate of DOMAIN in FILE works.

    Really connects to every apn2 route of the domain, Apple or whoever it names,
    and sends a push to a device token that no device has.  Being refused for that
    token alone is what success looks like.

    Exit code: 0 it works on every route, 1 it does not, or a route could not be
    asked, 2 unusable arguments, configuration or files.
    """
    lane = read_lane(file, domain)
    request = _rehearsal(lane.settings)
    if not as_json:
        click.echo(f"credential: {printable(lane.credential)}")
        click.echo(f"topic: {lane.settings.topic}")
    answers = [_ask(lane, route, request) for route in lane.routes]
    if as_json:
        print_json(answers)
    else:
        for answer in answers:
            _print(answer)
    sys.exit(0 if all(answer["works"] for answer in answers) else 1)


def _rehearsal(settings: DeliverySettings) -> Request:
    """A push as messages of the domain are, to nobody, and not to be kept."""
    built = build_request(
        PushPart(NOBODY, b'{"aps":{}}', headers={"apns-expiration": "0"}),
        message_id=str(uuid.uuid4()),
        now=time.time(),
        defaults=RequestDefaults(
            settings.topic,
            settings.push_type,
            settings.priority,
            settings.collapse_id,
        ),
    )
    if isinstance(built, Refused):
        hint = ": set apn_topic" if built.detail == "MissingTopic" else ""
        leave(f"a push of this domain would be refused: {built.detail}{hint}", UNUSABLE)
    return built


def _ask(lane: Lane, route: Route, request: Request) -> dict[str, Any]:
    """One route's answer; the names are a public promise."""
    said: dict[str, Any] = {
        "route": f"{route.host}:{route.port}",
        "works": None,
        "status": None,
        "reason": None,
    }
    try:
        reply = run(route, request, lane.settings, lane.bearer)
    except WireError as error:
        return {**said, "message": printable(str(error))}
    except ConfigError as error:
        leave(error.message, UNUSABLE)
    finding = judge(reply.native)
    return {
        **said,
        "works": finding.works,
        "status": reply.native.status or None,
        "reason": reply.native.reason or None,
        "message": finding.text,
        "peer": reply.peer,
        "tls": reply.version,
        "seconds": round(reply.seconds, 3),
        "clock_ahead_seconds": _skew(reply),
    }


def _skew(reply: Reply) -> float | None:
    date = reply.headers.get(b"date")
    skew = None if date is None else read_skew(date, time.time())
    return None if skew is None else round(skew, 1)


def _print(answer: dict[str, Any]) -> None:
    click.echo(f"route: {answer['route']}")
    if "peer" in answer:
        words = " ".join(
            str(answer[name]) for name in ("status", "reason") if answer[name]
        )
        click.echo(f"  connected: {answer['peer']}, {answer['tls']}")
        click.echo(f"  answered: {printable(words)}, after {answer['seconds']} s")
    skew = answer.get("clock_ahead_seconds")
    if skew is not None and abs(skew) >= SKEW_SECONDS:
        way = "ahead of" if skew > 0 else "behind"
        click.echo(f"  clock: {abs(skew):.0f} s {way} the service's")
    click.echo(f"  {answer['message']}")
