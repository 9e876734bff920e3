"""Broadcast channels: requests that make, read and delete them, and their answers.

Channels belong to an app (its bundle id) and an environment, and are managed at a
host of their own.  Source: Apple, "Sending channel management requests to APNs".

    create   POST   /1/apps/<bundle id>/channels       201, id in apns-channel-id
    read     GET    /1/apps/<bundle id>/channels       200, the two fields below
    delete   DELETE /1/apps/<bundle id>/channels       204
    list     GET    /1/apps/<bundle id>/all-channels   200, {"channels": [id, …]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from mcmtpush.apns.requests import SUFFIXES, Request
from mcmtpush.errors import RemoteProtocolError


_BUNDLE: Final = re.compile(r"[!-.0-~]{1,255}")  # no "/", it stands in a path
_ID: Final = re.compile(r"[!-~]+")
_STORED: Final = "message-storage-policy"


@frozen
class Channel:
    """One channel; if `stores`, the last message is kept for devices that are away."""

    id: str
    stores: bool


def bundle_of(topic: str) -> str:
    """The app of a topic, which channels belong to; ValueError if it is none."""
    bundle = topic.removesuffix(SUFFIXES["liveactivity"])
    if not _BUNDLE.fullmatch(bundle):
        raise ValueError(f'"{topic}" is not a bundle id, such as com.example.app')
    return bundle


def create_request(bundle: str, request_id: str, *, stores: bool) -> Request:
    """Make a channel; whether it stores cannot be changed later."""
    body = orjson.dumps({_STORED: int(stores), "push-type": "LiveActivity"})
    return _request(b"POST", bundle, request_id, body=body)


def read_request(bundle: str, request_id: str, channel: str) -> Request:
    """Ask what a channel is."""
    return _request(b"GET", bundle, request_id, channel)


def delete_request(bundle: str, request_id: str, channel: str) -> Request:
    """Delete a channel, for good."""
    return _request(b"DELETE", bundle, request_id, channel)


def list_request(bundle: str, request_id: str) -> Request:
    """Ask for the ids of all channels."""
    return _request(b"GET", bundle, request_id, collection=b"all-channels")


def _request(
    method: bytes,
    bundle: str,
    request_id: str,
    channel: str | None = None,
    *,
    body: bytes = b"",
    collection: bytes = b"channels",
) -> Request:
    fields = [(b"apns-request-id", request_id.encode())]
    if channel is not None:
        if not _ID.fullmatch(channel):
            raise ValueError("a channel's id is printable ASCII without blanks")
        fields.append((b"apns-channel-id", channel.encode()))
    path = b"/1/apps/" + bundle.encode() + b"/" + collection
    return Request(path, (), tuple(fields), body, request_id, method)


def read_created(headers: Mapping[bytes, bytes]) -> str:
    """The id of the channel that was made; raises `RemoteProtocolError`."""
    try:
        channel = headers[b"apns-channel-id"].decode("ascii")
    except (KeyError, UnicodeDecodeError):
        channel = ""
    if not _ID.fullmatch(channel):
        raise RemoteProtocolError("a channel was created, but its id was not told")
    return channel


def read_channel(channel: str, body: bytes) -> Channel:
    """What a channel is; raises `RemoteProtocolError`."""
    policy = _object(body).get(_STORED)
    if policy not in {0, 1}:
        raise RemoteProtocolError(f"the answer about a channel has no {_STORED}")
    return Channel(channel, bool(policy))


def read_list(body: bytes) -> list[str]:
    """The ids of all channels; raises `RemoteProtocolError`."""
    channels = _object(body).get("channels")
    if not isinstance(channels, list) or not all(
        isinstance(each, str) for each in channels
    ):
        raise RemoteProtocolError("the answer has no list of channels")
    return channels


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise RemoteProtocolError("the answer is not a JSON object")
    return content
