"""What the simulator thinks of a frame: Apple's rules first, then the script's.

Decides, and does nothing: how an ending travels is `binary`'s business, and when
a rule happens is `occasion`'s.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

import orjson
from attrs import evolve, frozen

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.apns.frames import Frame, Malformed, encode_error
from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    PROTOCOL_ERROR,
    SHUTDOWN,
    status_text,
)
from mcmtpush.ports import Dice
from mcmtpush.simulator.occasion import ConnectionOccasions, Occasions
from mcmtpush.simulator.script import Action, Answer, Rule, Script
from mcmtpush.simulator.vocabulary import APN


MIN_TOKEN_BYTES: Final = 32
MAX_TOKEN_BYTES: Final = 100
MAX_PAYLOAD_BYTES: Final = 2048


class Verdict(Enum):
    """What became of a frame."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DISCARDED = "discarded"


@frozen
class Ending:
    """The connection is to end.  `packet` is empty for an end without a word."""

    packet: bytes
    answer: Answer


@frozen
class Stall:
    """Nothing more is to be read for so many seconds."""

    seconds: float


class Judgement(NamedTuple):
    """What is thought of one frame, and what follows for its connection.

    `status` is None unless refused; `reason` is for readers of the journal.
    """

    verdict: Verdict
    status: int | None = None
    reason: str | None = None
    follows: Ending | Stall | None = None


ACCEPTED: Final = Judgement(Verdict.ACCEPTED)
BEHIND: Final = Judgement(
    Verdict.DISCARDED, None, "came after the one that ended the connection"
)
HELD: Final = Judgement(
    Verdict.DISCARDED, None, "was not read before the connection ended"
)


def find_fault(frame: Frame, simple_payload_limit: int) -> int:
    """The status Apple's documents give this frame, 0 when it is good.

    A payload that is no JSON object is answered as one of invalid size, the
    only status that speaks of a bad payload; a priority that does not exist as
    a frame that could not be parsed.
    """
    token, payload = frame.token, frame.payload
    if not token:
        return MISSING_TOKEN
    if not MIN_TOKEN_BYTES <= len(token) <= MAX_TOKEN_BYTES:
        return INVALID_TOKEN_SIZE
    if not payload:
        return MISSING_PAYLOAD
    limit = MAX_PAYLOAD_BYTES if frame.command == 2 else simple_payload_limit
    if len(payload) > limit or not _is_object(payload):
        return INVALID_PAYLOAD_SIZE
    return 0 if frame.priority in (5, 10) else PROTOCOL_ERROR


def _is_object(payload: bytes) -> bool:
    try:
        return type(orjson.loads(payload)) is dict
    except orjson.JSONDecodeError:
        return False


class Faults:
    """The script at work on one server: one for all its connections."""

    def __init__(self, script: Script, dice: Dice) -> None:
        self.script = script
        self._occasions = Occasions(script, dice, APN, _acts_behind)

    @property
    def frames(self) -> int:
        """How many were taken on all connections."""
        return self._occasions.frames

    def connect(self) -> ConnectionFaults:
        """The faults of the next connection; the first has number 1."""
        return ConnectionFaults(self.script, self._occasions.connect())


class ConnectionFaults:
    """The script at work on one connection; made by `Faults.connect`."""

    def __init__(self, script: Script, occasions: ConnectionOccasions) -> None:
        self.number = occasions.number
        self._script = script
        self._occasions = occasions

    def open(self) -> Ending | Stall | None:
        """What is to happen straight after the handshake."""
        return self._act_behind(0)

    def judge(self, frame: Frame | Malformed) -> Judgement:
        """The verdict on the next frame; not to be asked after an `Ending`."""
        self._occasions.count()
        if isinstance(frame, Malformed):
            return self._refuse(frame, frame.status, frame.reason, self._script.answer)
        status = find_fault(frame, self._script.simple_payload_limit)
        if status:
            return self._refuse(frame, status, status_text(status), self._script.answer)
        found = self._occasions.find(frame)
        if found is not None:
            return self._follow(*found, frame)
        follows = self._act_behind(frame.identifier)
        if follows is not None:
            return Judgement(Verdict.ACCEPTED, follows=follows)
        return ACCEPTED

    def _follow(self, at: int, rule: Rule, frame: Frame) -> Judgement:
        reason = f"rule {at} of the script"
        if rule.action is Action.REFUSE:
            return self._refuse(frame, rule.status, reason, rule.answer)
        follows = _consequence(rule, frame.identifier)
        if rule.action in (Action.SHUTDOWN, Action.STALL):
            return Judgement(Verdict.ACCEPTED, None, reason, follows)
        return Judgement(Verdict.DISCARDED, None, reason, follows)

    def _act_behind(self, identifier: int) -> Ending | Stall | None:
        found = self._occasions.find_behind()
        return None if found is None else _consequence(found[1], identifier)

    def _refuse(
        self, frame: Frame | Malformed, status: int, reason: str, answer: Answer
    ) -> Judgement:
        identifier = frame.identifier
        if status == MISSING_TOKEN and self._script.zero_for_empty_token:
            identifier = 0
        # Command 0 has no identifier, and its sender does not expect a packet.
        packet = b"" if frame.command == 0 else _packet(status, identifier, answer)
        return Judgement(Verdict.REFUSED, status, reason, Ending(packet, answer))


def _acts_behind(rule: Rule) -> bool:
    return rule.action is not Action.REFUSE


def _consequence(rule: Rule, identifier: int) -> Ending | Stall:
    if rule.action is Action.STALL:
        return Stall(rule.seconds)
    if rule.action is Action.SHUTDOWN:
        return Ending(_packet(SHUTDOWN, identifier, rule.answer), rule.answer)
    reset = rule.action is Action.RESET
    return Ending(b"", evolve(rule.answer, reset=reset))


def _packet(status: int, identifier: int, answer: Answer) -> bytes:
    named = identifier if answer.identifier is None else answer.identifier
    return encode_error(status, named)


class GoneTokens:
    """Tokens refused as invalid since the feedback service was last read.

    Bounded: the oldest is forgotten when there are more than `limit`.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._gone: OrderedDict[bytes, int] = OrderedDict()

    def add(self, at: float, tokens: Iterable[bytes]) -> None:
        """These were refused now, seconds since the epoch."""
        for token in tokens:
            self._gone.pop(token, None)
            self._gone[token] = int(at)
            if len(self._gone) > self._limit:
                self._gone.popitem(last=False)

    def take(self) -> list[FeedbackRecord]:
        """All of them, the longest gone first; they are forgotten."""
        taken = [FeedbackRecord(at, token) for token, at in self._gone.items()]
        self._gone.clear()
        return taken
