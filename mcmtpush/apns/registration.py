"""When an injector last saw a token registered, as it writes that down.

1764080000                      seconds since the epoch, also with a fraction
1764080000123                   milliseconds, as Apple's timestamps are
2026-11-25T14:00:00Z            ISO 8601; without a zone it is UTC
Wed, 25 Nov 2026 14:00:00 GMT   as in mail and HTTP
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final


_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,9})?")
_FIRST_MILLISECONDS: Final = 1e11
"""As seconds that is the year 5138, as milliseconds 1973."""


def read_registered_at(text: str) -> float | None:
    """Seconds since the epoch; None when it is no time."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number / 1000 if number >= _FIRST_MILLISECONDS else number
    try:
        return _seconds(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        return _seconds(parsedate_to_datetime(text))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
