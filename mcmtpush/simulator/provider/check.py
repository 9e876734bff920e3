"""Apple's rules for one request, in Apple's order, without what it says of itself.

A rule is a function from a request to a reason, empty when all is well.  Who sent
it is `trust`'s business, and channels are `channel`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from mcmtpush.simulator.provider.request import Request


MIN_TOKEN_BYTES: Final = 32
MAX_TOKEN_BYTES: Final = 100
MAX_PAYLOAD_BYTES: Final = 4096
MAX_LONG_PAYLOAD_BYTES: Final = 5120
"""Of `voip` and of broadcasts; nothing longer need be kept."""
MAX_COLLAPSE_ID_BYTES: Final = 64

PRIORITIES: Final = frozenset({1, 5, 10})

SUFFIXES: Final[Mapping[str, str]] = {
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
"""Push types, and what the topic of each ends with."""

_UUID: Final = re.compile(
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
)
_TOPIC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Rule = Callable[[Request], str]


def _check_repetition(request: Request) -> str:
    return "DuplicateHeaders" if request.repeated else ""


def _check_id(request: Request) -> str:
    text = request.headers.get("apns-id")
    return "" if text is None or _UUID.fullmatch(text) else "BadMessageId"


def _check_method(request: Request) -> str:
    return "" if request.method == "POST" else "MethodNotAllowed"


def _check_topic(request: Request) -> str:
    # That there is none is found where it is known whether one is needed.
    topic = request.topic
    return "" if topic is None or _TOPIC.fullmatch(topic) else "BadTopic"


def _check_collapse_id(request: Request) -> str:
    text = request.headers.get("apns-collapse-id", "")
    return "BadCollapseId" if len(text) > MAX_COLLAPSE_ID_BYTES else ""


def _check_expiry(request: Request) -> str:
    given = "apns-expiration" in request.headers
    return "BadExpirationDate" if given and request.expiry is None else ""


def _check_priority(request: Request) -> str:
    if request.priority not in PRIORITIES:
        return "BadPriority"
    # Apple: "specify 5 for background"; without a word it is taken for that.
    given = "apns-priority" in request.headers
    wrong = request.push_type == "background" and request.priority == 10
    return "BadPriority" if given and wrong else ""


def _check_push_type(request: Request) -> str:
    given = request.push_type
    return "" if given is None or given in SUFFIXES else "InvalidPushType"


def _check_token(request: Request) -> str:
    if not request.target:
        return "MissingDeviceToken"
    good = MIN_TOKEN_BYTES <= len(request.token) <= MAX_TOKEN_BYTES
    return "" if good else "BadDeviceToken"


BEFORE_TRUST: Final[tuple[Rule, ...]] = (
    _check_repetition,
    _check_id,
    _check_method,
    _check_topic,
    _check_collapse_id,
    _check_expiry,
    _check_priority,
    _check_push_type,
    _check_token,
)
"""Of a device push, what is looked at before its sender."""


def find_fault(request: Request, rules: tuple[Rule, ...]) -> str:
    """The reason of the first rule that is broken; empty if none is."""
    for rule in rules:
        reason = rule(request)
        if reason:
            return reason
    return ""


def find_topic_fault(topic: str, push_type: str | None) -> str:
    """Whether a push of this type may have this topic; `mdm` has topics of its own."""
    suffix = SUFFIXES.get(push_type or "", "")
    return "" if topic.endswith(suffix) else "TopicDisallowed"


def find_body_fault(request: Request) -> str:
    """Whether the payload can be one.

    Apple's list has no reason for a payload that is no JSON object; the one for
    broadcasts is taken.
    """
    if not request.size:
        return "PayloadEmpty"
    long = request.push_type == "voip"
    if request.size > (MAX_LONG_PAYLOAD_BYTES if long else MAX_PAYLOAD_BYTES):
        return "PayloadTooLarge"
    return "" if is_object(request.body) else "BadRequestPayload"


def is_object(body: bytes) -> bool:
    """Whether these bytes are a JSON object."""
    try:
        return type(orjson.loads(body)) is dict
    except orjson.JSONDecodeError:
        return False
