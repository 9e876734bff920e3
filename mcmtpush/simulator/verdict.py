"""What the simulator thinks of a frame: Apple's rules first, then the script's.

Decides, and does nothing: how an ending travels is `binary`'s business.  Chance
is drawn once a connection and then computed from the frame's number, so that
the same seed gives the same faults however connections interleave.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from hashlib import blake2b
from struct import pack
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
from mcmtpush.simulator.script import Action, Answer, Rule, Script


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
        self.frames = 0
        self._dice = dice
        self._left = [_allowance(rule) for rule in script.rules]
        self._connections = 0

    def connect(self) -> ConnectionFaults:
        """The faults of the next connection; the first has number 1."""
        self._connections += 1
        salt = self._dice.randrange(1 << 64)
        number = self._connections
        rules = [
            (at, rule)
            for at, rule in enumerate(self.script.rules)
            if rule.connections is None or number in rule.connections
        ]
        return ConnectionFaults(self, number, salt, rules)

    def spend(self, at: int) -> bool:
        """Whether rule number `at` may happen once more; if so, it did."""
        left = self._left[at]
        if left is None:
            return True
        self._left[at] = left - 1 if left else 0
        return left > 0


class ConnectionFaults:
    """The script at work on one connection; made by `Faults.connect`."""

    def __init__(
        self, faults: Faults, number: int, salt: int, rules: list[tuple[int, Rule]]
    ) -> None:
        self.number = number
        self._faults = faults
        self._script = faults.script
        self._salt = salt
        self._frames = 0
        # "After k frames" acts behind the frame that it counts, all else on it.
        self._rules = [pair for pair in rules if not _acts_behind(pair[1])]
        self._behind = [pair for pair in rules if _acts_behind(pair[1])]

    def open(self) -> Ending | Stall | None:
        """What is to happen straight after the handshake."""
        return self._act_behind(0)

    def judge(self, frame: Frame | Malformed) -> Judgement:
        """The verdict on the next frame; not to be asked after an `Ending`."""
        self._frames += 1
        self._faults.frames += 1
        if isinstance(frame, Malformed):
            return self._refuse(frame, frame.status, frame.reason, self._script.answer)
        status = find_fault(frame, self._script.simple_payload_limit)
        if status:
            return self._refuse(frame, status, status_text(status), self._script.answer)
        for at, rule in self._rules:
            if self._fits(at, rule, frame) and self._faults.spend(at):
                return self._follow(at, rule, frame)
        if self._behind:
            follows = self._act_behind(frame.identifier)
            if follows is not None:
                return Judgement(Verdict.ACCEPTED, follows=follows)
        return ACCEPTED

    def _fits(self, at: int, rule: Rule, frame: Frame) -> bool:
        if rule.every is not None:
            return self._count(rule) % rule.every == 0
        if rule.after is not None:
            return self._reached(rule, rule.after + 1)
        if rule.token is not None:
            return frame.token.startswith(rule.token)
        if rule.identifier is not None:
            return frame.identifier == rule.identifier
        return rule.chance is not None and self._draw(at) < rule.chance

    def _reached(self, rule: Rule, number: int) -> bool:
        # A server's exact number may fall on a frame that was refused anyway.
        if rule.counting == "server":
            return self._faults.frames >= number
        return self._frames == number

    def _count(self, rule: Rule) -> int:
        return self._frames if rule.counting == "connection" else self._faults.frames

    def _draw(self, at: int) -> float:
        """A number in [0, 1) that depends on the seed and the place alone."""
        place = pack(">QQI", self._salt, self._frames, at)
        return int.from_bytes(blake2b(place, digest_size=7).digest()) / (1 << 56)

    def _follow(self, at: int, rule: Rule, frame: Frame) -> Judgement:
        reason = f"rule {at} of the script"
        if rule.action is Action.REFUSE:
            return self._refuse(frame, rule.status, reason, rule.answer)
        follows = _consequence(rule, frame.identifier)
        if rule.action in (Action.SHUTDOWN, Action.STALL):
            return Judgement(Verdict.ACCEPTED, None, reason, follows)
        return Judgement(Verdict.DISCARDED, None, reason, follows)

    def _act_behind(self, identifier: int) -> Ending | Stall | None:
        for at, rule in self._behind:
            if self._reached(rule, rule.after or 0) and self._faults.spend(at):
                return _consequence(rule, identifier)
        return None

    def _refuse(
        self, frame: Frame | Malformed, status: int, reason: str, answer: Answer
    ) -> Judgement:
        identifier = frame.identifier
        if status == MISSING_TOKEN and self._script.zero_for_empty_token:
            identifier = 0
        # Command 0 has no identifier, and its sender does not expect a packet.
        packet = b"" if frame.command == 0 else _packet(status, identifier, answer)
        return Judgement(Verdict.REFUSED, status, reason, Ending(packet, answer))


def _allowance(rule: Rule) -> int | None:
    """How often a rule may happen; a server comes to its k-th frame but once."""
    if rule.times is None and rule.after is not None and rule.counting == "server":
        return 1
    return rule.times


def _acts_behind(rule: Rule) -> bool:
    return rule.after is not None and rule.action is not Action.REFUSE


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
