"""Broadcast channels: those there are, and the requests that deal with them.

Source: Apple, "Sending channel management requests to APNs" and "Sending
broadcast push notification requests to APNs".
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from mcmtpush.ports import Dice
from mcmtpush.simulator.provider.check import (
    MAX_LONG_PAYLOAD_BYTES,
    PRIORITIES,
    is_object,
)
from mcmtpush.simulator.provider.request import Request


CHANNELS_PER_APP: Final = 10_000
ID_BYTES: Final = 16

_SUFFIXED: Final = re.compile(
    r".*\.(voip|voip-ptt|complication|location-query|push-type\.\w+|pushkit\.\w+)"
)


class Told(NamedTuple):
    """An answer to a management request; `reason` is empty when it was done."""

    status: int = 0
    reason: str = ""
    channel: str | None = None
    body: bytes = b""


class Channels:
    """The channels of every app of one environment: id -> storage policy."""

    def __init__(self, known: Mapping[str, Mapping[str, int]], dice: Dice) -> None:
        self._apps = {app: dict(channels) for app, channels in known.items()}
        self._dice = dice

    def find_fault(self, request: Request) -> str:
        """The reason not to carry a broadcast; its sender has been looked at."""
        return (
            self._find_header_fault(request)
            or self._find_channel_fault(request)
            or _find_body_fault(request)
        )

    def _find_header_fault(self, request: Request) -> str:
        headers = request.headers
        if request.push_type is None:
            return "MissingPushType"
        if request.push_type != "liveactivity":
            return "InvalidPushType"
        if request.priority not in PRIORITIES:
            return "BadPriority"
        if "apns-expiration" in headers and request.expiry is None:
            return "BadExpirationDate"
        return ""

    def _find_channel_fault(self, request: Request) -> str:
        name = request.headers.get("apns-channel-id", "")
        reason = self._find_id_fault(request.target, name)
        if reason:
            return reason
        stores = self._apps[request.target][name]
        return "BadExpirationDate" if request.expiry and not stores else ""

    def _find_id_fault(self, app: str, name: str) -> str:
        if not name:
            return "MissingChannelId"
        try:
            b64decode(name, validate=True)
        except (Error, ValueError):
            return "BadChannelId"
        known = name in self._apps.get(app, {})
        return "" if known else "ChannelNotRegistered"

    def manage(self, request: Request) -> Told:
        """Create, read, delete or list; the sender has been looked at."""
        if request.path.endswith("/all-channels"):
            return self._list(request)
        if request.method == "POST":
            return self._create(request)
        if request.method not in ("GET", "DELETE"):
            return Told(reason="MethodNotAllowed")
        name = request.headers.get("apns-channel-id", "")
        reason = self._find_id_fault(request.target, name)
        if reason:
            return Told(reason=reason)
        channels = self._apps[request.target]
        if request.method == "DELETE":
            del channels[name]
            return Told(204)
        return Told(200, body=_described(channels[name]))

    def _list(self, request: Request) -> Told:
        if request.method != "GET":
            return Told(reason="MethodNotAllowed")
        names = list(self._apps.get(request.target, {}))
        return Told(200, body=orjson.dumps({"channels": names}))

    def _create(self, request: Request) -> Told:
        if request.size > MAX_LONG_PAYLOAD_BYTES:
            return Told(reason="PayloadTooLarge")
        if not is_object(request.body):
            return Told(reason="BadRequestPayload")
        asked = orjson.loads(request.body)
        policy = asked.get("message-storage-policy")
        kind = str(asked.get("push-type", "")).lower()
        if type(policy) is not int or policy not in (0, 1) or kind != "liveactivity":
            return Told(reason="BadRequestParams")
        channels = self._apps.setdefault(request.target, {})
        if len(channels) >= CHANNELS_PER_APP:
            return Told(reason="CannotCreateChannelConfig")
        name = self._make_id()
        channels[name] = policy
        return Told(201, channel=name)

    def _make_id(self) -> str:
        number = self._dice.randrange(1 << (8 * ID_BYTES))
        return b64encode(number.to_bytes(ID_BYTES)).decode()


def find_app_fault(app: str) -> str:
    """Channels belong to apps: a topic with a suffix is none."""
    return "TopicDisallowed" if _SUFFIXED.fullmatch(app) else ""


def _find_body_fault(request: Request) -> str:
    if request.size > MAX_LONG_PAYLOAD_BYTES:
        return "PayloadTooLarge"
    return "" if is_object(request.body) else "BadRequestPayload"


def _described(policy: int) -> bytes:
    return orjson.dumps({"message-storage-policy": policy, "push-type": "LiveActivity"})
