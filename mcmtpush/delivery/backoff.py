"""How long to wait before one connects again.

Knows neither who connects nor to whom.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.ports import Dice


FIRST_WAIT_SECONDS: Final = 1.0
LAST_WAIT_SECONDS: Final = 60.0

FIRST_PAUSE_SECONDS: Final = 0.1
LAST_PAUSE_SECONDS: Final = 1.0
"""Between connections whose very first notification was refused."""


def wait_seconds(failures: int, dice: Dice) -> float:
    """How long to wait after so many failures in a row: 1 to 60 s, doubling.

    Up to a quarter less by chance, so that slots do not march in step.
    """
    longest = min(LAST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16))
    return longest * (1 - dice.random() / 4)


def pause_seconds(refusals: int) -> float:
    """How long to wait after so many connections whose first one was refused."""
    return min(LAST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(refusals - 1, 16))
