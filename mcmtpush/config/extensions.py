"""Entries of `smtp_extensions`: what EHLO may advertise, and what it had better not.

An entry is a line of the answer to EHLO as RFC 5321 has it: a keyword, and behind it
parameters if any, after a blank or, as clients of old expect of AUTH, a "=".
"""

from __future__ import annotations

import re
from typing import Final

from mcmtpush.config.tokens import shown


_ENTRY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:[ =][!-~]+)*")

_NOT_IMPLEMENTED: Final = frozenset(
    {
        "AUTH",
        "BINARYMIME",
        "CHUNKING",
        "DELIVERBY",
        "DSN",
        "ETRN",
        "EXPN",
        "SMTPUTF8",
        "XCLIENT",
        "XDUMPCONTEXT",
        "XFORWARD",
        "XREMOTEIP",
        "XSETCONTEXT",
    }
)
"""What clients would act on and this version does not do."""


def keyword(entry: str) -> str:
    """The keyword of an entry, upper case."""
    return re.split("[ =]", entry, maxsplit=1)[0].upper()


def left_out(entry: str) -> str:
    """Why an entry is not advertised; empty if it is."""
    if not _ENTRY.fullmatch(entry):
        return f"{shown(entry)} is not a line of an answer to EHLO"
    if keyword(entry) in _NOT_IMPLEMENTED:
        return f"{keyword(entry)} is not offered by this version"
    return ""
