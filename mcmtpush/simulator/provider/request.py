"""One request to the provider API as a value, and where it wants to go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple


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


class Request(NamedTuple):
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
        method: such as POST.
        path: as it was sent.
        topic: that which the request itself names, or the app that its path names.
        push_type: as the header has it.
        expiry: seconds since the epoch; None when there is none that can be read.
        priority: 10 when there is none; None when it is no number.
    """

    stream: int
    headers: Mapping[str, str]
    body: bytes
    size: int
    repeated: bool
    place: Place
    target: str
    token: bytes
    method: str
    path: str
    topic: str | None
    push_type: str | None
    expiry: int | None
    priority: int | None

    @property
    def identifier(self) -> int:
        """What scripts and the journal call by the name of the binary field."""
        return self.stream


def read_request(
    stream: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, size: int
) -> Request:
    """A request from what came; anything can be read."""
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    get = found.get
    path = get(":path", "")
    place, target = _read_path(path)
    device = place is Place.DEVICE
    return Request(
        stream,
        found,
        body,
        size,
        len(found) != len(headers),
        place,
        target,
        _read_token(target) if device else b"",
        get(":method", ""),
        path,
        get("apns-topic") if device or place is Place.NOWHERE else target,
        get("apns-push-type"),
        _read_number(get("apns-expiration")),
        _read_number(get("apns-priority", "10")),
    )


def _read_number(text: str | None) -> int | None:
    return int(text) if text is not None and _WHOLE_NUMBER.fullmatch(text) else None


def _read_token(text: str) -> bytes:
    try:
        token = bytes.fromhex(text)
    except ValueError:
        return b""
    # It lets spaces pass.
    return token if 2 * len(token) == len(text) else b""


def _read_path(path: str) -> tuple[Place, str]:
    for pattern, place in _PATHS:
        match = pattern.fullmatch(path)
        if match:
            return place, match["what"] or ""
    return Place.NOWHERE, ""
