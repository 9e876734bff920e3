"""Whom to tell of a message that failed."""

from __future__ import annotations

import re

from mcmtpush.disposition.line import ADDRESS_LIMIT
from mcmtpush.values import Message


_ADDRESS = re.compile(
    r"""(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*
        |"(?:[ !#-\[\]-~]|\\[ -~])*")
    @(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\])""",
    re.VERBOSE,
)


def notice_address(message: Message, return_path: str | None) -> str | None:
    """Where the notice about `message` goes, or None: nobody is to be told.

    `return_path` is the push part's: None means MAIL FROM, the empty string the
    null sender.  An address without a domain, or that is none, cannot be told.
    """
    address = message.sender if return_path is None else return_path
    if len(address) > ADDRESS_LIMIT or not _ADDRESS.fullmatch(address):
        return None
    return address
