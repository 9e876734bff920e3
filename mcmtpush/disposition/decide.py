"""What becomes of a message after an attempt: a truth table, no effects."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mcmtpush.config.views import QueueSettings
from mcmtpush.disposition.classify import OutcomeClass
from mcmtpush.disposition.schedule import delay_before, retry_limit


TOO_OLD: Final = "554 5.4.7 [internal] exceeded max time without delivery"
DROPPED: Final = "554 5.4.2 [internal] undecided, dropped by apn_ambiguous_policy"
TOO_OFTEN: Final = "554 5.4.7 [internal] exceeded max retries without delivery"


@frozen
class Done:
    """It is delivered: record it and forget it."""


@frozen
class Fail:
    """It is over: record it and forget it.

    `text` is the internal reason; None means that the outcome's own says it.
    """

    text: str | None = None


@frozen
class Retry:
    """Wait until `at` (seconds since the epoch)."""

    at: float


@frozen
class Wait:
    """Wait until `at`: this was no attempt, and nothing is to be told of it."""

    at: float


@frozen
class Again:
    """Put it back in its place: this was no attempt."""


@frozen
class Hold:
    """Keep it for an operator: nobody knows, and nobody is to be told twice."""


Decision = Done | Fail | Retry | Wait | Again | Hold

_DONE: Final = Done()
_AGAIN: Final = Again()
_UNDECIDED: Final[dict[str, Decision]] = {
    "resend": _AGAIN,
    "hold": Hold(),
    "drop": Fail(DROPPED),
}
_UNCHARGED: Final = frozenset(
    {OutcomeClass.UNDECIDED, OutcomeClass.POSTPONED, OutcomeClass.TURNED_AWAY}
)
_FIXED: Final[dict[OutcomeClass, Decision]] = {
    OutcomeClass.ACCEPTED: _DONE,
    OutcomeClass.PERMANENT: Fail(),
    OutcomeClass.EXPIRED: Fail(),
    OutcomeClass.DISCARDED: _AGAIN,
}


def decide(
    kind: OutcomeClass,
    *,
    attempts: int,
    received_at: float,
    now: float,
    settings: QueueSettings,
    wait_seconds: float = 0.0,
    soon: bool = False,
) -> Decision:
    """What to do; `attempts` are those charged, this one included if it counts.

    `wait_seconds` is the least that a retry waits; if `soon` it is all of it.
    """
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return fixed
    too_old = now - received_at >= settings.message_expiration_seconds
    undecided = _UNDECIDED[settings.ambiguous_policy]
    if kind in _UNCHARGED:
        later = {
            OutcomeClass.UNDECIDED: undecided,
            OutcomeClass.POSTPONED: Wait(now + wait_seconds),
            OutcomeClass.TURNED_AWAY: _AGAIN,
        }[kind]
        return Fail(TOO_OLD) if too_old else later
    if kind is OutcomeClass.UNHEARD and undecided is not _AGAIN:
        return undecided
    if settings.never_retry:
        return Fail(TOO_OFTEN)
    if too_old:
        return Fail(TOO_OLD)
    return _retry(attempts, now, settings, wait_seconds, soon=soon)


def _retry(
    attempts: int,
    now: float,
    settings: QueueSettings,
    wait_seconds: float,
    *,
    soon: bool,
) -> Decision:
    limit = retry_limit(settings)
    if limit is not None and attempts > limit:
        return Fail(TOO_OFTEN)
    if soon:
        return Retry(now + wait_seconds)
    delay = delay_before(
        attempts, settings.retry_interval_seconds, settings.max_retry_interval_seconds
    )
    return Retry(now + max(delay, wait_seconds))
