"""Which addresses of a host rest since they failed, and whose turn it is.

Knows no host and connects to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define

from mcmtpush.ports import Clock, Dice


REST_SECONDS: Final = 120.0
"""How long an address that failed is avoided (`host_failure_retry`)."""

KNOWN_LIMIT: Final = 1000
"""So many addresses are remembered; names may change theirs all day."""


@define(eq=False)
class _Standing:
    """What is known of one address; `turn` is when it was last chosen."""

    turn: int = 0
    failed_at: float | None = None


class Rest:
    """What is known of the addresses of one lane, from connection to connection.

    An address is an IP address as text; ports do not matter, since what fails
    is mostly the machine or the way to it.
    """

    def __init__(self, clock: Clock, *, rest_seconds: float = REST_SECONDS) -> None:
        self._clock = clock
        self._rest_seconds = rest_seconds
        self._standings: dict[str, _Standing] = {}
        self._turn = 0

    def choose(self, addresses: Sequence[str], dice: Dice) -> str:
        """The address for one more connection; `addresses` is not empty.

        The one whose turn is longest ago, by chance among those that never had
        one.  When all rest it is the one that failed longest ago.
        """
        standings = {each: self._standing(each) for each in addresses}
        awake = [each for each in addresses if not self.rests(each)]
        if awake:
            first = min(standings[each].turn for each in awake)
            equal = [each for each in awake if standings[each].turn == first]
            chosen = equal[dice.randrange(len(equal))]
        else:
            chosen = min(addresses, key=lambda each: _failed(standings[each]))
        self._turn += 1
        standings[chosen].turn = self._turn
        return chosen

    def fail(self, address: str) -> None:
        """No connection could be made, or one that was worth nothing."""
        self._standing(address).failed_at = self._clock.seconds()

    def clear(self, address: str) -> None:
        """It works: nothing is held against it."""
        self._standing(address).failed_at = None

    def rests(self, address: str) -> bool:
        """Whether it failed lately."""
        standing = self._standings.get(address)
        if standing is None or standing.failed_at is None:
            return False
        return self._clock.seconds() - standing.failed_at < self._rest_seconds

    def _standing(self, address: str) -> _Standing:
        standing = self._standings.get(address)
        if standing is None:
            if len(self._standings) >= KNOWN_LIMIT:
                oldest = min(self._standings, key=lambda e: self._standings[e].turn)
                del self._standings[oldest]
            standing = self._standings[address] = _Standing()
        return standing


def _failed(standing: _Standing) -> tuple[float, int]:
    return standing.failed_at or 0.0, standing.turn
