"""What policy makes of a request that is about to be sent.

Shows the request as it would leave, and has it made again from what was changed:
by the same checks, from the same defaults.  The entry stays as it was accepted, so
that every attempt begins with that.  Knows no hooks and no language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from mcmtpush.apns.notification import Notification, prepare
from mcmtpush.apns.requests import (
    Request,
    RequestDefaults,
    apns_id_of,
    build_request,
    header_fields,
    repeated,
)
from mcmtpush.errors import LocalProtocolError
from mcmtpush.ports import Evaluate
from mcmtpush.values import Attempt, Draft, Entry, Message, PushPart, Refused


COMMAND: Final = 2
"""Of the frames this program writes."""

_EXPIRATION: Final = "apns-expiration"
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "apns-collapse-id": {"collapse_id": None},
    "apns-priority": {"priority": None},
    "apns-topic": {"topic": None},
}
"""Headers that a request can be without: taken out, no default comes instead."""


def revise_frame(
    entry: Entry, evaluate: Evaluate, *, identifier: int, expires_at: int
) -> tuple[Notification | Refused, Draft | None]:
    """What policy makes of a frame, checked; and its draft if that is another."""
    message, push = _resident(entry)
    draft = Draft(message, push, COMMAND, identifier, expires_at, entry.attempts)
    answer = evaluate(draft)
    if isinstance(answer, Refused):
        return answer, None
    return prepare(answer.push), None if answer is draft else answer


def revise_request(
    entry: Entry,
    request: Request | Refused,
    evaluate: Evaluate,
    *,
    now: float,
    defaults: RequestDefaults,
) -> tuple[Request | Refused, Draft | None]:
    """What policy makes of a request, checked; and its draft if that is another.

    `request` is what is sent otherwise, or why it is not: policy may cure that.
    """
    draft = _shown(entry, request, now, defaults)
    shown, expiry = draft.push.headers, draft.expiry
    answer = evaluate(draft)
    if answer is draft:
        return request, None
    if isinstance(answer, Refused):
        return answer, None
    said = answer.push.headers
    if answer.expiry != expiry and said.get(_EXPIRATION) == shown.get(_EXPIRATION):
        said = {**said, _EXPIRATION: str(answer.expiry)}
    headers = dict(entry.push.headers if entry.push is not None else {})
    headers |= {n: text for n, text in said.items() if shown.get(n) != text}
    for name in shown.keys() - said.keys():
        headers.pop(name, None)
        defaults = evolve(defaults, **_DEFAULTS.get(name, {}))
    push = answer.push
    push = PushPart(push.token, push.payload, push.return_path, headers)
    message = answer.message
    again = build_request(push, message_id=message.id, now=now, defaults=defaults)
    if entry.attempts and "apns-collapse-id" in said and isinstance(again, Request):
        again = repeated(again)
    changed = Draft(message, push, 0, draft.id, answer.expiry, draft.attempts)
    return again, changed


def note(attempt: Attempt, draft: Draft | None) -> Attempt:
    """The same attempt, and what policy changed for it."""
    if draft is not None:
        push = draft.push
        attempt.message = draft.message
        attempt.push = PushPart(push.token, b"", push.return_path, push.headers)
    return attempt


def _resident(entry: Entry) -> tuple[Message, PushPart]:
    if entry.push is None or entry.message is None:
        raise LocalProtocolError(f"row {entry.row} came without its message")
    return entry.message, entry.push


def _shown(
    entry: Entry, request: Request | Refused, now: float, defaults: RequestDefaults
) -> Draft:
    """The request with its fields; one that is refused with what was injected."""
    message, push = _resident(entry)
    shown = dict(push.headers)
    if isinstance(request, Request):
        shown |= header_fields(request)
    return Draft(
        message,
        PushPart(push.token, push.payload, push.return_path, shown),
        0,
        shown.get("apns-id") or apns_id_of(message.id),
        _seconds(shown.get(_EXPIRATION), now, defaults),
        entry.attempts,
    )


def _seconds(text: str | None, now: float, defaults: RequestDefaults) -> int:
    if text is not None and text.isascii() and text.isdigit() and len(text) <= 10:
        return int(text)
    seconds = defaults.expiry_seconds
    return int(now + seconds) if seconds else 0
