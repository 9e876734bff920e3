"""`mcmtpush channels …`: broadcast channels of an app."""

from __future__ import annotations

import uuid
from typing import Any

import click

from mcmtpush.apns import channel as protocol
from mcmtpush.apns.requests import Request
from mcmtpush.errors import ConfigError, RemoteProtocolError
from mcmtpush.verbs.errand import Reply, run
from mcmtpush.verbs.lane import Lane, file_and_domain, read_lane
from mcmtpush.verbs.output import UNUSABLE, leave, print_json, printable
from mcmtpush.verbs.wire import WireError


class _Group(click.Group):
    """Answers that make no sense end every verb with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (WireError, RemoteProtocolError) as error:
            leave(printable(str(error)), 1)
        except ConfigError as error:
            leave(error.message, UNUSABLE)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


@click.group(cls=_Group)
def channels() -> None:
    """Make, list, show and delete broadcast channels (iOS 18).

    Really talks to the host for channels of DOMAIN in FILE, with its key or
    certificate.  Channels belong to the app of the domain's topic.

    Exit code: 0 done, 1 refused or not reached, 2 unusable arguments,
    configuration or files.
    """


_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@channels.command()
@file_and_domain
@click.option(
    "--store",
    is_flag=True,
    help="Keep the last broadcast for devices that are away, for up to 8 hours; "
    "cannot be changed later.",
)
@_json
def create(file: str, domain: str, store: bool, as_json: bool) -> None:
    """Make a channel and print its id."""
    lane = read_lane(file, domain)
    asked = protocol.create_request(_bundle(lane), _number(), stores=store)
    made = protocol.read_created(_ask(lane, asked).headers)
    _print_channel(protocol.Channel(made, store), made, as_json=as_json)


@channels.command("list")
@file_and_domain
@_json
def list_channels(file: str, domain: str, as_json: bool) -> None:
    """Print the ids of all channels, one a line."""
    lane = read_lane(file, domain)
    reply = _ask(lane, protocol.list_request(_bundle(lane), _number()))
    found = protocol.read_list(reply.body)
    if as_json:
        print_json(found)
    else:
        for each in found:
            click.echo(printable(each))


@channels.command()
@file_and_domain
@click.argument("channel")
@_json
def show(file: str, domain: str, channel: str, as_json: bool) -> None:
    """Say whether CHANNEL keeps its last broadcast."""
    lane = read_lane(file, domain)
    asked = protocol.read_request(_bundle(lane), _number(), channel)
    found = protocol.read_channel(channel, _ask(lane, asked).body)
    words = "stores the last message" if found.stores else "stores nothing"
    _print_channel(found, f"{channel}: {words}", as_json=as_json)


@channels.command()
@file_and_domain
@click.argument("channel")
@click.confirmation_option(prompt="It cannot be undone. Delete the channel?")
def delete(file: str, domain: str, channel: str) -> None:
    """Delete CHANNEL, for good; asks first, unless told --yes."""
    lane = read_lane(file, domain)
    _ask(lane, protocol.delete_request(_bundle(lane), _number(), channel))


def _bundle(lane: Lane) -> str:
    if lane.settings.topic is None:
        leave("which app is meant is not known: set apn_topic", UNUSABLE)
    return protocol.bundle_of(lane.settings.topic)


def _number() -> str:
    return str(uuid.uuid4())


def _ask(lane: Lane, request: Request) -> Reply:
    """A success; leaves with 1 otherwise."""
    route = lane.settings.manage_route or lane.routes[0]
    reply = run(route, request, lane.settings, lane.bearer)
    if not reply.done:
        hint = "; `mcmtpush keys test` tells why" if reply.native.status == 403 else ""
        text = f"{route.host}:{route.port} refuses: {printable(str(reply))}{hint}"
        leave(text, 1)
    return reply


def _print_channel(found: protocol.Channel, text: str, *, as_json: bool) -> None:
    """The names are a public promise."""
    if as_json:
        print_json({"id": found.id, "stores": found.stores})
    else:
        click.echo(printable(text))
