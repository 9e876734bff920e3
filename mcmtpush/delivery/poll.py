"""Polls of the feedback service: whom to ask, and what comes after what, when.

The table of a poller's life and its waits; `poller` lives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from mcmtpush.config.views import Route
from mcmtpush.delivery.report import Report
from mcmtpush.ports import Dice


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.interfaces import IStreamClientEndpoint  # noqa: TID251


FIRST_SECONDS: Final = 60.0
"""The first poll is within this after the start, so that domains do not march."""

POLL_SECONDS: Final = 600.0
"""A poll takes no longer, time spent waiting for our own disk aside."""

FIRST_WAIT_SECONDS: Final = 60.0
LAST_WAIT_SECONDS: Final = 3600.0
"""After polls that failed; never more than the interval."""

PERSIST_SECONDS: Final = 1.0
"""Between two attempts to have something persisted."""


class Phase(Enum):
    """What a poller is doing; each phase but `STOPPED` has the one timer running."""

    STOPPED = "stopped"
    WAITING = "waiting for the next poll"
    READING = "connecting or reading"
    HOLDING = "connected, not reading: what was read is not persisted"
    KEEPING = "not connected: what was read is not persisted"


class Event(Enum):
    """What happens to a poller."""

    START = "polls are wanted"
    POLL = "it is time to poll"
    REFUSED = "what was read could not be persisted"
    KEPT = "what was held is persisted"
    ENDED = "the connection is over, or there was none"
    STOP = "no more polls are wanted"


TRANSITIONS: Final[Mapping[tuple[Phase, Event], Phase]] = {
    (Phase.STOPPED, Event.START): Phase.WAITING,
    (Phase.WAITING, Event.POLL): Phase.READING,
    (Phase.READING, Event.REFUSED): Phase.HOLDING,
    (Phase.READING, Event.ENDED): Phase.WAITING,
    (Phase.HOLDING, Event.KEPT): Phase.READING,
    (Phase.HOLDING, Event.ENDED): Phase.KEEPING,
    (Phase.KEEPING, Event.KEPT): Phase.WAITING,
    **{(phase, Event.STOP): Phase.STOPPED for phase in Phase},
}
"""Whatever is absent here cannot happen."""


def wait_seconds(failures: int, interval_seconds: float, dice: Dice) -> float:
    """How long to wait after so many polls in a row that failed.

    60 s, doubling to an hour, never more than the interval; up to a quarter
    less by chance.
    """
    longest = FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16)
    return min(longest, LAST_WAIT_SECONDS, interval_seconds) * (1 - dice.random() / 4)


@frozen
class Poll:
    """Whom a poller asks, how often, and what for.

    Attributes:
        domain: whose credentials are used; for the diagnostics.
        route: the service; without a port, Apple's.
        interval_seconds: from the end of one poll to the next; 0 for no polls.
        connect: makes the endpoint, with the domain's TLS settings; may raise
            `ConfigError`.
        report: what persists; called with one batch at a time, in order.
    """

    domain: str
    route: Route
    interval_seconds: float
    connect: Callable[[Route], IStreamClientEndpoint]
    report: Report
