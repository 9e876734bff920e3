"""One request to the provider API as a value, and where it wants to go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from attrs import frozen


class Place(Enum):
    """What a path leads to.  The number is the API's version, as it stands there."""

    DEVICE = 3
    BROADCAST = 4
    CHANNELS = 1
    NOWHERE = 0


_PATHS: Final = (
    (re.compile(r"/3/device(?:/(?P<what>[^/?]*))?"), Place.DEVICE),
    (re.compile(r"/4/broadcasts/apps/(?P<what>[^/?]+)"), Place.BROADCAST),
    (re.compile(r"/1/apps/(?P<what>[^/?]+)/(?:all-)?channels"), Place.CHANNELS),
)
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_TOKEN: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@frozen
class Request:
    """What one stream asked for.

    Attributes:
        stream: its number.
        headers: by lower-case name, the pseudo headers among them.
        body: as far as it was kept.
        size: bytes of the whole body.
        repeated: whether a header stood there twice.
        place: what the path leads to.
        target: the device token or the bundle id, as the path has it.
        token: the device token, empty where there is none or none that is hexadecimal.
    """

    stream: int
    headers: Mapping[str, str]
    body: bytes
    size: int
    repeated: bool
    place: Place
    target: str
    token: bytes

    @property
    def identifier(self) -> int:
        """What scripts and the journal call by the name of the binary field."""
        return self.stream

    @property
    def method(self) -> str:
        """Such as POST."""
        return self.headers.get(":method", "")

    @property
    def path(self) -> str:
        """As it was sent."""
        return self.headers.get(":path", "")

    @property
    def topic(self) -> str | None:
        """The topic the request itself names, or the app that its path names."""
        if self.place in (Place.BROADCAST, Place.CHANNELS):
            return self.target
        return self.headers.get("apns-topic")

    @property
    def push_type(self) -> str | None:
        """As the header has it."""
        return self.headers.get("apns-push-type")

    @property
    def expiry(self) -> int | None:
        """Seconds since the epoch; None when there is none that can be read."""
        text = self.headers.get("apns-expiration", "")
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else None

    @property
    def priority(self) -> int | None:
        """10 when there is none; None when it is no number."""
        text = self.headers.get("apns-priority", "10")
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def read_request(
    stream: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, size: int
) -> Request:
    """A request from what came; anything can be read."""
    found: dict[str, str] = {}
    repeated = False
    for name, value in headers:
        key = name.decode("latin-1")
        repeated = repeated or key in found
        found[key] = value.decode("latin-1")
    place, target = _read_path(found.get(":path", ""))
    token = b""
    if place is Place.DEVICE and _TOKEN.fullmatch(target):
        token = bytes.fromhex(target)
    return Request(stream, found, body, size, repeated, place, target, token)


def _read_path(path: str) -> tuple[Place, str]:
    for pattern, place in _PATHS:
        match = pattern.fullmatch(path)
        if match:
            return place, match["what"] or ""
    return Place.NOWHERE, ""
