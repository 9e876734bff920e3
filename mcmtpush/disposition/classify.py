"""What an outcome amounts to: one of nine classes, and the answer behind it.

Knows outcomes and status codes; what is done about a class is `decide`'s business.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from mcmtpush.apns.reasons import (
    NO_ERROR,
    UNKNOWN,
    StatusClass,
    classify_status,
    status_text,
)
from mcmtpush.values import (
    Accepted,
    Answered,
    Discarded,
    Expired,
    Outcome,
    Postponed,
    Refused,
    Undecided,
)


class OutcomeClass(Enum):
    """What an outcome says about the message."""

    ACCEPTED = "accepted"
    PERMANENT = "refused for good"
    TEMPORARY = "refused for now"
    DISCARDED = "never processed"
    TURNED_AWAY = "never processed, and maybe it never will be"
    UNDECIDED = "nobody knows"
    UNHEARD = "nobody knows, and it counts as an attempt"
    POSTPONED = "not now"
    EXPIRED = "not attempted"


_BY_TYPE: Final = {
    Accepted: OutcomeClass.ACCEPTED,
    Postponed: OutcomeClass.POSTPONED,
    Expired: OutcomeClass.EXPIRED,
}

CHARGED: Final = frozenset(
    {
        OutcomeClass.ACCEPTED,
        OutcomeClass.PERMANENT,
        OutcomeClass.TEMPORARY,
        OutcomeClass.UNHEARD,
    }
)
"""The classes that count as an attempt: the service looked at the message, or may."""

_PERMANENT_REPLY: Final = 500
"""RFC 5321, 4.2.1: from here on trying again is of no use."""

UNANSWERED: Final = "Connection closed without an answer"


def classify(outcome: Outcome) -> OutcomeClass:
    """The class of an outcome.

    A refusal with status 0 names no error and is still a refusal: it may pass.
    """
    if isinstance(outcome, Refused):
        permanent = classify_status(outcome.status) is StatusClass.PERMANENT
        return OutcomeClass.PERMANENT if permanent else OutcomeClass.TEMPORARY
    if isinstance(outcome, Answered):
        permanent = outcome.code >= _PERMANENT_REPLY
        return OutcomeClass.PERMANENT if permanent else OutcomeClass.TEMPORARY
    if isinstance(outcome, Discarded):
        return OutcomeClass.TURNED_AWAY if outcome.expires else OutcomeClass.DISCARDED
    if isinstance(outcome, Undecided):
        return OutcomeClass.UNHEARD if outcome.charged else OutcomeClass.UNDECIDED
    return _BY_TYPE[type(outcome)]


def waiting(outcome: Outcome) -> tuple[float, bool]:
    """How long a retry waits at least, in seconds, and whether that is all."""
    if isinstance(outcome, Refused):
        return outcome.wait_seconds, outcome.soon
    if isinstance(outcome, Postponed):
        return outcome.seconds, True
    return 0.0, False


def answer(outcome: Outcome) -> tuple[int | None, str]:
    """The status code, None if there is none, and its text, as records show them.

    A refusal never shows status 0, which would read as a success, but 255.
    """
    if isinstance(outcome, Refused):
        if outcome.status == NO_ERROR:
            return UNKNOWN, status_text(UNKNOWN)
        return outcome.status, outcome.detail
    if isinstance(outcome, Answered):
        return outcome.code, outcome.text
    if isinstance(outcome, Undecided):
        return UNKNOWN, outcome.detail or UNANSWERED
    if isinstance(outcome, Expired):
        return None, outcome.text
    return None, ""
