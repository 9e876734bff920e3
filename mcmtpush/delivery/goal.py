"""How many connections a backlog deserves.

The curve rises steeply for the first messages and levels off at the limit, so
that a burst opens a few connections and only a flood opens all of them.
"""

from __future__ import annotations

from math import ceil, exp
from typing import Final


UNLIMITED_CEILING: Final = 256
"""No queue opens more connections than this, not even with no limit set."""


SPACING_SECONDS: Final = 1.0
"""Between two connections over HTTP/2: Apple wants them opened one by one."""


def spaced_goal(*, live: int, full: bool, limit: int) -> int:
    """The number of connections over HTTP/2 wanted while something waits.

    One carries hundreds of requests at once: another is wanted when all there are
    are `full`, of streams or of the bytes that are under way, which is how it shows
    that payloads are long or the way is far.
    """
    most = UNLIMITED_CEILING if limit < 0 else limit
    return min(most, live + 1 if full or not live else live)


def connection_goal(*, backlog: int, limit: int, aggressiveness: float) -> int:
    """The number of connections wanted for so many messages that wait.

    `limit` is `max_outbound_connections`, negative for none; `aggressiveness`
    is the slope of the curve at its beginning, in connections a message.
    Whatever waits deserves one connection, unless `limit` is 0.
    """
    if backlog <= 0 or limit == 0:
        return 0
    if limit < 0:
        return max(1, min(UNLIMITED_CEILING, ceil(aggressiveness * backlog)))
    return max(1, ceil(limit * (1 - exp(-aggressiveness * backlog / limit))))
