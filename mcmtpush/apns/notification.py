"""From a message's push part to what a frame carries, or Apple's own objection.

What Apple would refuse is refused here, with the status Apple would give: an
error packet costs a connection and everything behind it.  Knows nothing of
identifiers, expiry or connections.
"""

from __future__ import annotations

from typing import Final

import orjson
from attrs import frozen

from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN,
    INVALID_TOKEN_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    status_text,
)
from mcmtpush.values import PushPart, Refused


MIN_TOKEN_BYTES: Final = 32
MAX_TOKEN_BYTES: Final = 100
MAX_PAYLOAD_BYTES: Final = 2048

_IMMEDIATE, _CONSIDERATE = 10, 5
_VISIBLE: Final = ("alert", "sound", "badge")


@frozen
class Notification:
    """A push part that Apple has no reason to refuse by its form.

    `priority` is 10, or 5 for a push that wakes an application silently.
    """

    token: bytes
    payload: bytes
    priority: int


def prepare(push: PushPart | None) -> Notification | Refused:
    """Check and convert one push part; called for every message before sending."""
    if push is None:
        return _refused(MISSING_PAYLOAD)
    token = read_token(push.token)
    if isinstance(token, int):
        return _refused(token)
    payload = push.payload
    if not payload:
        return _refused(MISSING_PAYLOAD)
    if len(payload) > MAX_PAYLOAD_BYTES:
        return _refused(INVALID_PAYLOAD_SIZE)
    return Notification(token, payload, choose_priority(payload))


def choose_priority(payload: bytes) -> int:
    """5 when `aps` holds `content-available` and nothing to show, else 10.

    Apple calls it an error to send such a payload with priority 10.
    """
    if b'"content-available"' not in payload:
        return _IMMEDIATE
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _IMMEDIATE
    aps = content.get("aps") if isinstance(content, dict) else None
    if not isinstance(aps, dict) or "content-available" not in aps:
        return _IMMEDIATE
    return _IMMEDIATE if any(key in aps for key in _VISIBLE) else _CONSIDERATE


def read_token(text: str) -> bytes | int:
    """The token's bytes, or the status that says what is wrong with the text."""
    digits = "".join(text.split())
    if not digits:
        return MISSING_TOKEN
    size, odd = divmod(len(digits), 2)
    if odd or not MIN_TOKEN_BYTES <= size <= MAX_TOKEN_BYTES:
        return INVALID_TOKEN_SIZE
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return INVALID_TOKEN


def _refused(status: int) -> Refused:
    return Refused(status, status_text(status))
