"""Whether the peer ended TLS, which Twisted may not tell.

It waits with that for a producer that was paused, and ours have nothing more to
produce until they are asked.
"""

from __future__ import annotations

from typing import Any


def hung_up(transport: Any) -> bool:
    """Whether what is below this transport is closing, whoever began that."""
    below = getattr(transport, "transport", None)
    return bool(getattr(below, "disconnecting", False))
