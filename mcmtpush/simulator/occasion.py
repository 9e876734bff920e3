"""When a script's rules happen on one server: counting, chance and scope.

Knows when, not what: consequences are the business of each half.  Chance is
drawn once a connection and then computed from the frame's number, so that the
same seed gives the same faults however connections interleave.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from struct import pack
from typing import Protocol

from mcmtpush.ports import Dice
from mcmtpush.simulator.script import Rule, Script


class Counted(Protocol):
    """What rules look at: a frame of the binary half, a request of the other."""

    @property
    def token(self) -> bytes:
        """The device token."""

    @property
    def identifier(self) -> int:
        """What its sender knows it by, on its connection."""


Behind = Callable[[Rule], bool]
"""Whether a rule acts behind the frame that `after` counts, and not on the next."""

Found = tuple[int, Rule]
"""A rule and its place in the script."""


class Occasions:
    """The script's rules on one server: one for all its connections.

    Only the rules that speak of `protocol` count; their places stay the script's.
    """

    def __init__(
        self, script: Script, dice: Dice, protocol: str, is_behind: Behind
    ) -> None:
        self.frames = 0
        self._dice = dice
        self._is_behind = is_behind
        self._rules = [
            (at, rule)
            for at, rule in enumerate(script.rules)
            if protocol in rule.protocols
        ]
        self._left = [_allowance(rule) for rule in script.rules]
        self._connections = 0

    def connect(self) -> ConnectionOccasions:
        """Those of the next connection; the first has number 1."""
        self._connections += 1
        number = self._connections
        salt = self._dice.randrange(1 << 64)
        rules = [
            (at, rule)
            for at, rule in self._rules
            if rule.connections is None or number in rule.connections
        ]
        return ConnectionOccasions(self, number, salt, rules, self._is_behind)

    def spend(self, at: int) -> bool:
        """Whether rule number `at` may happen once more; if so, it did."""
        left = self._left[at]
        if left is None:
            return True
        self._left[at] = left - 1 if left else 0
        return left > 0


class ConnectionOccasions:
    """The script's rules on one connection; made by `Occasions.connect`.

    Attributes:
        salt: drawn for this connection, for whoever needs more chance.
    """

    def __init__(
        self,
        server: Occasions,
        number: int,
        salt: int,
        rules: list[Found],
        is_behind: Behind,
    ) -> None:
        self.number = number
        self.salt = salt
        self._server = server
        self._frames = 0
        self._on = [pair for pair in rules if not _waits(pair[1], is_behind)]
        self._behind = [pair for pair in rules if _waits(pair[1], is_behind)]

    def count(self) -> None:
        """One more frame was taken."""
        self._frames += 1
        self._server.frames += 1

    def find(self, frame: Counted) -> Found | None:
        """The rule that happens on the frame just counted."""
        for at, rule in self._on:
            if self._fits(at, rule, frame) and self._server.spend(at):
                return at, rule
        return None

    def find_behind(self) -> Found | None:
        """The rule that happens behind all frames so far."""
        for at, rule in self._behind:
            if self._reached(rule, rule.after or 0) and self._server.spend(at):
                return at, rule
        return None

    def _fits(self, at: int, rule: Rule, frame: Counted) -> bool:
        if not _concerns(rule, frame):
            return False
        if rule.every is not None:
            number = self._count(rule)
            return number >= rule.every and number % rule.every < rule.span
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
            return self._server.frames >= number
        return number <= self._frames < number + rule.span

    def _count(self, rule: Rule) -> int:
        return self._frames if rule.counting == "connection" else self._server.frames

    def _draw(self, at: int) -> float:
        """A number in [0, 1) that depends on the seed and the place alone."""
        place = pack(">QQI", self.salt, self._frames, at)
        return int.from_bytes(blake2b(place, digest_size=7).digest()) / (1 << 56)


def _allowance(rule: Rule) -> int | None:
    """How often a rule may happen; a server comes to its k-th frame but once."""
    if rule.times is None and rule.after is not None and rule.counting == "server":
        return rule.span
    return rule.times


def _waits(rule: Rule, is_behind: Behind) -> bool:
    return rule.after is not None and is_behind(rule)


def _concerns(rule: Rule, frame: Counted) -> bool:
    if rule.topic is not None and getattr(frame, "topic", None) != rule.topic:
        return False
    push_type = rule.push_type
    return push_type is None or getattr(frame, "push_type", None) == push_type
