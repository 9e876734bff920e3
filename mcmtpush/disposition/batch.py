"""What is to be done about some attempts of one queue, and the records of them.

Decisions come in, lists come out; who carries them out is `settle`'s business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import define, field

from mcmtpush.apns.answers import may_drop
from mcmtpush.config.views import QueueSettings
from mcmtpush.disposition.address import notice_address
from mcmtpush.disposition.classify import answer
from mcmtpush.disposition.decide import Again, Decision, Done, Fail, Hold, Retry, Wait
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import (
    HELD,
    Accepted,
    Attempt,
    DeadLetter,
    Entry,
    Expired,
    PushPart,
    QueueKey,
    Record,
    Refused,
    Undecided,
)


@define(eq=False)
class Batch:
    """Attempts of one queue, sorted by what becomes of them.

    Attributes:
        records: to be written first.
        ended: spool rows to forget.
        letters: failed push messages to keep as dead letters.
        notices: failures whose sender is to be told, before they are forgotten.
        delayed, held, again: entries that stay queued.
        counts: what to count once the records are written.
    """

    key: QueueKey
    now: float
    settings: QueueSettings
    records: list[Record] = field(factory=list)
    ended: list[int] = field(factory=list)
    letters: list[DeadLetter] = field(factory=list)
    notices: list[tuple[Record, Entry]] = field(factory=list)
    delayed: list[Entry] = field(factory=list)
    held: list[Entry] = field(factory=list)
    again: list[Entry] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)

    def add(self, attempt: Attempt, decision: Decision) -> None:
        """Put one attempt in its place."""
        _PLACES[type(decision)](self, attempt, decision)


def _done(batch: Batch, attempt: Attempt, _: Done) -> None:
    batch.ended.append(attempt.entry.row)
    batch.records.append(_record(attempt, "D", batch.now))
    batch.counts["disposition.delivered"] += 1
    if isinstance(attempt.outcome, Accepted):
        batch.counts[f"disposition.{attempt.outcome.proof}"] += 1


def _fail(batch: Batch, attempt: Attempt, decision: Fail) -> None:
    entry, settings = attempt.entry, batch.settings
    record = _record(attempt, "P", batch.now, decision.text)
    batch.records.append(record)
    batch.counts["disposition.failed"] += 1
    push = entry.push
    is_push = push is not None and settings.delivery_method == "apn"
    if is_push and settings.dead_letter_retention_seconds:
        until = batch.now + settings.dead_letter_retention_seconds
        batch.letters.append(
            DeadLetter(
                entry.row,
                batch.now,
                until,
                record.status,
                record.detail,
                entry.attempts,
            )
        )
    else:
        batch.ended.append(entry.row)
    return_path = None if push is None else push.return_path
    quiet = isinstance(attempt.outcome, Expired) and attempt.outcome.quiet
    told = settings.generate_bounces and not quiet
    if told and notice_address(record.message, return_path):
        batch.notices.append((record, entry))


def _retry(batch: Batch, attempt: Attempt, decision: Retry) -> None:
    attempt.entry.next_attempt_at = decision.at
    batch.delayed.append(attempt.entry)
    batch.records.append(_record(attempt, "T", batch.now))
    batch.counts["disposition.retried"] += 1


def _wait(batch: Batch, attempt: Attempt, decision: Wait) -> None:
    attempt.entry.next_attempt_at = decision.at
    batch.delayed.append(attempt.entry)
    batch.counts["disposition.postponed"] += 1


def _hold(batch: Batch, attempt: Attempt, _: Hold) -> None:
    attempt.entry.next_attempt_at = HELD
    batch.held.append(attempt.entry)
    batch.records.append(_record(attempt, "T", batch.now))
    batch.counts["disposition.undecided"] += 1


def _again(batch: Batch, attempt: Attempt, _: Again) -> None:
    batch.again.append(attempt.entry)
    if isinstance(attempt.outcome, Undecided):
        batch.records.append(_record(attempt, "T", batch.now))
        batch.counts["disposition.undecided"] += 1
    else:
        batch.counts["disposition.discarded"] += 1


_PLACES: Final[dict[type[Decision], Callable[[Batch, Attempt, Any], None]]] = {
    Done: _done,
    Fail: _fail,
    Retry: _retry,
    Wait: _wait,
    Hold: _hold,
    Again: _again,
}


def _record(
    attempt: Attempt, kind: Literal["D", "T", "P"], at: float, text: str | None = None
) -> Record:
    """The record of an attempt; `text` stands in for the outcome's own detail."""
    entry, outcome = attempt.entry, attempt.outcome
    message, push = attempt.message or entry.message, attempt.push or entry.push
    if message is None:
        raise LocalProtocolError(f"settled without its message: spool row {entry.row}")
    status, detail = answer(outcome)
    return Record(
        kind,
        at,
        message,
        push.token if push is not None else "",
        attempt.transaction_id,
        attempt.size,
        attempt.remote_ip,
        status,
        text or detail,
        outcome.proof if isinstance(outcome, Accepted) else "",
        getattr(outcome, "native", None),
        isinstance(outcome, Refused) and _is_spared(outcome, push),
    )


def _is_spared(outcome: Refused, push: PushPart | None) -> bool:
    """The injector knows of a registration that is later than what Apple knows."""
    if outcome.native is None or push is None:
        return False
    registered_at = push.headers.get("token-registered-at")
    return not may_drop(outcome.native, registered_at)
