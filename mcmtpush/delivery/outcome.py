"""What the HTTP/2 interface's words make of an attempt.

Knows the table of `apns.answers` and outcomes; what the connection and its lane do
about it is theirs.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.apns.answers import (
    LOST,
    TIMEOUT,
    Meaning,
    Remedy,
    meaning_of,
    read_reset,
)
from mcmtpush.apns.reasons import INVALID_PAYLOAD_SIZE
from mcmtpush.values import Accepted, Discarded, Native, Outcome, Refused, Undecided


OK: Final = 200
ACCEPTED: Final = Accepted("proven", Native(OK))
DISCARDED: Final = Discarded(expires=True)

EARLY_SECONDS: Final = 1.0
"""When a message is tried elsewhere whose connection was shut down."""


def outcome_of(native: Native, meaning: Meaning, attempts: int) -> Outcome:
    """What an answer other than 200 makes of a message.

    `attempts` are those charged before.  What was provably not processed is put back;
    an answer that nobody knows is borne so many times, then it is final.
    """
    if not meaning.charged:
        return DISCARDED
    code, detail = meaning.code, native.reason or f"HTTP {native.status}"
    if Remedy.GIVE_UP in meaning.afterwards and attempts >= (meaning.patience or 0):
        return Refused(INVALID_PAYLOAD_SIZE, detail, native)
    if Remedy.EARLY_RETRY in meaning.remedies and not attempts:
        return Refused(code, detail, native, EARLY_SECONDS, soon=True)
    return Refused(code, detail, native, meaning.wait_seconds)


def was_reset(code: int) -> Outcome:
    """A stream that the peer ended without an answer."""
    native = read_reset(code)
    if not meaning_of(native).undecided:
        return DISCARDED
    return Undecided(f"Stream reset: {native.reason}", native, charged=True)


def unanswered(timeout_seconds: float | None = None) -> Outcome:
    """A request that was sent, and the connection ended or the time was over."""
    if timeout_seconds is None:
        return Undecided(native=Native(0, LOST), charged=True)
    text = f"No answer within {timeout_seconds:g} s"
    return Undecided(text, Native(0, TIMEOUT), charged=True)
