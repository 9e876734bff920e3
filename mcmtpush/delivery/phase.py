"""The life of a slot: what it is doing, what happens to it, and what comes then."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from mcmtpush.errors import LocalProtocolError


class Phase(Enum):
    """What a slot is doing."""

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    DRAINING = "draining"
    WAITING = "waiting"
    STOPPED = "stopped"


class Event(Enum):
    """What happens to a slot."""

    OPEN = "the pool wants a connection"
    CONNECTED = "the handshake is over"
    BROKEN = "no connection, or one that took nothing"
    ENDED = "a connection that did its work is gone"
    WAITED = "the wait is over"
    STOP = "no more is wanted of this slot"


TRANSITIONS: Final[Mapping[tuple[Phase, Event], Phase]] = {
    (Phase.IDLE, Event.OPEN): Phase.CONNECTING,
    (Phase.IDLE, Event.STOP): Phase.STOPPED,
    (Phase.CONNECTING, Event.CONNECTED): Phase.READY,
    (Phase.CONNECTING, Event.BROKEN): Phase.WAITING,
    (Phase.CONNECTING, Event.STOP): Phase.STOPPED,
    (Phase.READY, Event.ENDED): Phase.IDLE,
    (Phase.READY, Event.BROKEN): Phase.WAITING,
    (Phase.READY, Event.STOP): Phase.DRAINING,
    (Phase.DRAINING, Event.ENDED): Phase.STOPPED,
    (Phase.DRAINING, Event.STOP): Phase.DRAINING,
    (Phase.WAITING, Event.WAITED): Phase.IDLE,
    (Phase.WAITING, Event.STOP): Phase.STOPPED,
    (Phase.STOPPED, Event.STOP): Phase.STOPPED,
}
"""Whatever is absent here cannot happen."""

LIVE: Final = frozenset({Phase.CONNECTING, Phase.READY, Phase.DRAINING})
"""These hold a connection."""

TAKING: Final = frozenset({Phase.CONNECTING, Phase.READY})
"""And of these something is to be expected yet."""


def advance(phase: Phase, event: Event) -> Phase:
    """The phase that follows; raises `LocalProtocolError` where none does."""
    following = TRANSITIONS.get((phase, event))
    if following is None:
        raise LocalProtocolError(f"{event.name} cannot come to a {phase.value} slot")
    return following
