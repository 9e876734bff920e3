"""What a connection to a gateway is doing, and what that means in either language."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """Each language knows some of these."""

    OPENING = "waits for the handshake and the peer's settings"
    OPEN = "takes notifications"
    ANSWERING = "the first bytes of an answer are here"
    FINISHING = "waits for what is unsettled"
    FLUSHING = "waits for the answer to a frame known to be bad"
    CLOSING = "waits for the peer"
    LOST = "gone"


LISTENING: Final = frozenset({State.OPEN, State.FINISHING})
"""Where the silence of a gateway counts."""

ENDING: Final = frozenset({State.CLOSING, State.LOST})
"""Where nothing is listened to any more."""
