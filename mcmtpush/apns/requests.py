"""From a message's push part to one request of the HTTP/2 interface.

What Apple would refuse is refused here, with the status of the mapping and
Apple's own word for it.  Knows no frames and no credentials.  Sources: Apple,
"Sending notification requests to APNs" and "Sending broadcast push notification
requests to APNs".

    device      POST /3/device/<token>, hexadecimal
    broadcast   POST /4/broadcasts/apps/<bundle id>, with apns-channel-id

Every header of a request comes from the push part, else from its domain, else it
is derived where that is certain, else it is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha1
from typing import Final, NamedTuple

from attrs import frozen

from mcmtpush.apns.notification import choose_priority, read_token
from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN,
    INVALID_TOKEN_SIZE,
    INVALID_TOPIC_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    MISSING_TOPIC,
)
from mcmtpush.values import PushPart, Refused


MAX_PAYLOAD_BYTES: Final = 4096
MAX_LONG_PAYLOAD_BYTES: Final = 5120
"""Of push type voip and of broadcasts."""

MAX_COLLAPSE_ID_BYTES: Final = 64
MAX_TOPIC_BYTES: Final = 255
"""Apple names no limit; a bundle id with a suffix is far below it."""

SUFFIXES: Final = {
    "alert": "",
    "background": "",
    "complication": ".complication",
    "controls": ".push-type.controls",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "location": ".location-query",
    "mdm": "",
    "pushtotalk": ".voip-ptt",
    "voip": ".voip",
    "widgets": ".push-type.widgets",
}
"""The push types, and what the topic of each has behind the bundle id."""

_NAMESPACE: Final = bytes.fromhex("8d1f6a0b5c2e4f7a9b3d0e6c7a41f2d5")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOPIC = re.compile(r"[!-~]{1,255}")
_TEXT = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SECONDS = re.compile(r"[0-9]{1,10}")
_PRIORITIES: Final = frozenset({"1", "5", "10"})

_TOKEN_REASONS: Final = {
    MISSING_TOKEN: "MissingDeviceToken",
    INVALID_TOKEN_SIZE: "BadDeviceToken",
    INVALID_TOKEN: "BadDeviceToken",
}

Field = tuple[bytes, bytes]


@frozen
class RequestDefaults:
    """What a domain says for push parts that do not.

    Attributes:
        topic: bundle id, with or without the suffix of the push type.
        push_type: where nothing is said and nothing is certain.
        priority: 1, 5 or 10; None leaves the header out, which Apple takes as 10.
        collapse_id: at most 64 bytes.
        expiry_seconds: Apple may keep it for so long; 0 is one attempt.
    """

    topic: str | None = None
    push_type: str = "alert"
    priority: int | None = None
    collapse_id: str | None = None
    expiry_seconds: int = 604800


class Request(NamedTuple):
    """One request, checked.

    Attributes:
        path: of the URL.
        constant: the fields that many requests share; alike ones share the object.
        varying: the fields of this one.
        body: may be empty.
        apns_id: lower-case, the same on every attempt of a message.
        method: of HTTP.
    """

    path: bytes
    constant: tuple[Field, ...]
    varying: tuple[Field, ...]
    body: bytes
    apns_id: str
    method: bytes = b"POST"


class _Fault(Exception):
    """`status` and Apple's reason, on the way to a `Refused`."""

    def __init__(self, status: int, reason: str) -> None:
        self.refused = Refused(status, reason)


def build_request(
    push: PushPart | None, *, message_id: str, now: float, defaults: RequestDefaults
) -> Request | Refused:
    """Check and convert one push part; called for every message before sending.

    `now` is seconds since the epoch.
    """
    if push is None:
        return Refused(MISSING_PAYLOAD, "PayloadEmpty")
    try:
        if "apns-channel-id" in push.headers and not push.token.strip():
            return _broadcast(push, message_id, now, defaults)
        return _device(push, message_id, now, defaults)
    except _Fault as fault:
        return fault.refused


def repeated(request: Request) -> Request:
    """The same for a later attempt, when an earlier one may have arrived after all.

    Without a collapse id it gets its apns-id as one, so that a device which is sent
    several of these repetitions shows one of them.
    """
    names = [name for name, _ in request.varying]
    if b"apns-collapse-id" in names or b"apns-channel-id" in names:
        return request
    collapse_id = (b"apns-collapse-id", request.apns_id.encode())
    return request._replace(varying=(*request.varying, collapse_id))


def header_fields(request: Request) -> dict[str, str]:
    """What a request says in headers, by name; a broadcast's id is its apns-id."""
    fields = {
        name.decode(): value.decode()
        for name, value in (*request.constant, *request.varying)
    }
    if "apns-request-id" in fields:
        fields["apns-id"] = fields.pop("apns-request-id")
    return fields


def apns_id_of(message_id: str) -> str:
    """The apns-id of a message whose injector gave none: version 5 of RFC 9562."""
    digest = bytearray(sha1(_NAMESPACE + message_id.encode()).digest()[:16])  # noqa: S324
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def with_suffix(topic: str, push_type: str) -> str:
    """The topic as this push type needs it; one that has the suffix is kept."""
    suffix = SUFFIXES[push_type]
    return topic if topic.endswith(suffix) else topic + suffix


def _device(
    push: PushPart, message_id: str, now: float, defaults: RequestDefaults
) -> Request:
    token = read_token(push.token)
    if isinstance(token, int):
        raise _Fault(token, _TOKEN_REASONS[token])
    push_type, priority = _urgency(push, defaults)
    topic = with_suffix(_topic(push, defaults), push_type)
    limit = MAX_LONG_PAYLOAD_BYTES if push_type == "voip" else MAX_PAYLOAD_BYTES
    body = _body(push, limit)
    apns_id = _apns_id(push, message_id)
    return Request(
        b"/3/device/" + token.hex().encode(),
        _constant(topic, push_type, priority),
        (
            (b"apns-id", apns_id.encode()),
            (b"apns-expiration", _expiration(push, now, defaults)),
            *_collapse_id(push, defaults),
        ),
        body,
        apns_id,
    )


def _broadcast(
    push: PushPart, message_id: str, now: float, defaults: RequestDefaults
) -> Request:
    """To all devices of a channel; Apple wants the bare bundle id, in the path."""
    if push.headers.get("apns-push-type", "liveactivity") != "liveactivity":
        raise _Fault(INVALID_PAYLOAD_SIZE, "InvalidPushType")
    bundle = _topic(push, defaults).removesuffix(SUFFIXES["liveactivity"])
    channel = push.headers["apns-channel-id"]
    if not bundle or "/" in bundle:
        raise _Fault(INVALID_TOPIC_SIZE, "BadTopic")
    if not _TEXT.fullmatch(channel):
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadChannelId")
    apns_id = _apns_id(push, message_id)
    return Request(
        b"/4/broadcasts/apps/" + bundle.encode(),
        _constant("", "liveactivity", _priority(push, defaults)),
        (
            (b"apns-request-id", apns_id.encode()),
            (b"apns-channel-id", channel.encode()),
            (b"apns-expiration", _expiration(push, now, defaults)),
        ),
        _body(push, MAX_LONG_PAYLOAD_BYTES),
        apns_id,
    )


@lru_cache(maxsize=1024)
def _constant(topic: str, push_type: str, priority: str) -> tuple[Field, ...]:
    """The shared fields, once for all alike requests."""
    fields = (
        (b"apns-topic", topic.encode()),
        (b"apns-push-type", push_type.encode()),
        (b"apns-priority", priority.encode()),
    )
    return tuple(field for field in fields if field[1])


def _topic(push: PushPart, defaults: RequestDefaults) -> str:
    topic = push.headers.get("apns-topic") or defaults.topic
    if not topic:
        raise _Fault(MISSING_TOPIC, "MissingTopic")
    if not _TOPIC.fullmatch(topic):
        raise _Fault(INVALID_TOPIC_SIZE, "BadTopic")
    return topic


def _urgency(push: PushPart, defaults: RequestDefaults) -> tuple[str, str]:
    """Push type and priority, which depend on each other; "" leaves that header out.

    A payload that only wakes the application is certainly a background push,
    unless the injector or the domain names another type than the usual one.
    """
    push_type = push.headers.get("apns-push-type")
    if push_type is None:
        push_type = defaults.push_type
        if push_type == "alert" and choose_priority(push.payload) == 5:
            push_type = "background"
    if push_type not in SUFFIXES:
        raise _Fault(INVALID_PAYLOAD_SIZE, "InvalidPushType")
    if push_type != "background":
        return push_type, _priority(push, defaults)
    # Apple: "specifying a priority of 10 is an error".
    priority = _priority(push, _CONSIDERATE)
    if priority == "10":
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadPriority")
    return push_type, priority


_CONSIDERATE: Final = RequestDefaults(priority=5)


def _priority(push: PushPart, defaults: RequestDefaults) -> str:
    priority = push.headers.get("apns-priority")
    if priority is None:
        return "" if defaults.priority is None else str(defaults.priority)
    if priority not in _PRIORITIES:
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadPriority")
    return priority


def _expiration(push: PushPart, now: float, defaults: RequestDefaults) -> bytes:
    """Seconds since the epoch, or 0: one attempt, never stored."""
    expiration = push.headers.get("apns-expiration")
    if expiration is None:
        seconds = defaults.expiry_seconds
        return b"%d" % (now + seconds) if seconds else b"0"
    if not _SECONDS.fullmatch(expiration):
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadExpirationDate")
    return expiration.encode()


def _collapse_id(push: PushPart, defaults: RequestDefaults) -> tuple[Field, ...]:
    collapse_id = push.headers.get("apns-collapse-id") or defaults.collapse_id
    if not collapse_id:
        return ()
    if len(collapse_id) > MAX_COLLAPSE_ID_BYTES or not _TEXT.fullmatch(collapse_id):
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadCollapseId")
    return ((b"apns-collapse-id", collapse_id.encode()),)


def _apns_id(push: PushPart, message_id: str) -> str:
    apns_id = push.headers.get("apns-id")
    if apns_id is None:
        return apns_id_of(message_id)
    if not _UUID.fullmatch(apns_id):
        raise _Fault(INVALID_PAYLOAD_SIZE, "BadMessageId")
    return apns_id.lower()


def _body(push: PushPart, limit: int) -> bytes:
    if not push.payload:
        raise _Fault(MISSING_PAYLOAD, "PayloadEmpty")
    if len(push.payload) > limit:
        raise _Fault(INVALID_PAYLOAD_SIZE, "PayloadTooLarge")
    return push.payload
