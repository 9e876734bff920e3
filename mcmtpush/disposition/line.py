"""Lines of a notice: printable ASCII, CR LF, and nothing that strangers slip in.

A value that strangers chose becomes one line of bounded length before it is put
anywhere; what does not fit becomes a question mark.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final


ADDRESS_LIMIT: Final = 512
"""Longest address in characters, as at reception."""

_LAST_SECOND: Final = 253402300799.0  # of the year 9999
CRLF: Final = b"\r\n"
_UNFIT = re.compile(r"[^ -~]")


def one_line(text: str, limit: int = ADDRESS_LIMIT) -> str:
    """So much of it as fits, in printable ASCII."""
    return _UNFIT.sub("?", text[:limit])


def one_word(text: str) -> str:
    """For places in angle brackets, and where a blank would end the value."""
    return re.sub("[ <>]", "", one_line(text))


def date_of(at: float) -> str:
    """For a Date field, whatever the clock says."""
    second = int(min(max(at, 0.0), _LAST_SECOND))
    return format_datetime(datetime.fromtimestamp(second, UTC))


def lines_of(*lines: str) -> bytes:
    """These, each with its end."""
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
