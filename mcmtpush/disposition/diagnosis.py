"""Why a message failed: the codes of a notice for programs, and advice for people.

Codes are those of RFC 3463 (Status) and RFC 3464 (Diagnostic-Code).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN,
    INVALID_TOKEN_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    status_text,
)
from mcmtpush.disposition.line import one_line
from mcmtpush.values import Record


_TEXT_LIMIT: Final = 800
_REPLY = re.compile(r"[245][0-9]{2}[ -]")

_ENHANCED = re.compile(
    r"(?:[245][0-9]{2}[ -])?[245]\.((?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))"
    r"(?![\w.])"
)

_UNKNOWN: Final = "5.0.0"

_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        MISSING_TOKEN: "5.1.1",
        INVALID_TOKEN_SIZE: "5.1.1",
        INVALID_TOKEN: "5.1.1",
        MISSING_PAYLOAD: "5.6.0",
        INVALID_PAYLOAD_SIZE: "5.3.4",
    }
)
"""RFC 3463 codes of Apple's statuses; all others say nothing more exact."""

_IN_TIME: Final = (
    "It could not be delivered in time.",
    "Send it again if it is still of interest.",
)

_PUSH_ADVICE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "5.1.1": (
            "The device token is missing, malformed or no longer valid.",
            "Remove it, and send again only to a token that the app registers anew.",
        ),
        "5.6.0": (
            "The message holds no payload that the service accepts.",
            "Correct the JSON of the push part and send it again.",
        ),
        "5.3.4": (
            "The payload is longer than the service accepts.",
            "Shorten the JSON of the push part and send it again.",
        ),
        "5.4.5": _IN_TIME,
        "5.4.7": _IN_TIME,
    }
)

_MAIL_ADVICE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "5.1.1": (
            "The receiving mail server does not know the address.",
            "Correct it and send the message again.",
        ),
        "5.4.5": _IN_TIME,
        "5.4.7": _IN_TIME,
    }
)

_OTHER_ADVICE: Final = (
    "The reason above is all that is known here.",
    "If it does not tell you what to change, ask the postmaster of this system.",
)


def _is_mail(failure: Record) -> bool:
    """Whether a mail server answered: Apple's statuses are below 256."""
    return failure.status is not None and 400 <= failure.status <= 599


def enhanced_code(failure: Record) -> str:
    """The RFC 3463 code: its class is always 5, for we do not try again."""
    found = _ENHANCED.match(failure.detail)
    if found is not None:
        return f"5.{found[1]}"
    return _BY_STATUS.get(failure.status or 0, _UNKNOWN)


def diagnostic_of(failure: Record) -> tuple[str, str]:
    """Type and text of Diagnostic-Code.

    Our own reason for giving up stands behind the last answer, in parentheses.
    """
    status, text = failure.status, one_line(failure.detail, _TEXT_LIMIT).strip()
    reply = _REPLY.match(text) is not None
    if status is None:
        return ("smtp" if reply else "x-mcmtpush"), text or "no reason given"
    if _is_mail(failure):
        return "smtp", text if reply else f"{status} {text}".strip()
    if reply:
        return "x-apns", f"{status} {status_text(status)} ({text})"
    return "x-apns", f"{status} {text or status_text(status)}"


def advice_on(failure: Record) -> tuple[str, str]:
    """What it means, and what its sender can do."""
    advice = _MAIL_ADVICE if _is_mail(failure) else _PUSH_ADVICE
    return advice.get(enhanced_code(failure), _OTHER_ADVICE)
