"""Trace headers: Return-Path and Received, and the date as SMTP writes it."""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache

from mcmtpush._version import __version__
from mcmtpush.reception.content import begins_with_header


_SPECIAL = re.compile(r"([()\\])")


@lru_cache(maxsize=4)
def _date_of_second(seconds: int) -> str:
    return formatdate(seconds).replace("-0000", "+0000")


def smtp_date(at: float) -> str:
    """`Thu, 05 Nov 2009 10:04:00 +0000` for seconds since the epoch."""
    return _date_of_second(int(at))


def comment(text: str) -> str:
    """Text as it may stand inside the parentheses of a header comment."""
    return _SPECIAL.sub(r"\\\1", text) if _SPECIAL.search(text) else text


def received(
    *,
    peer: str,
    port: int,
    helo: str,
    host: str,
    sender: str,
    word: str,
    message_id: str,
    at: float,
) -> bytes:
    """The Received header, folded, in Momentum's form.

    Args:
        peer: address of the client.
        port: its port.
        helo: the name it gave itself, or empty.
        host: our name.
        sender: MAIL FROM without brackets.
        word: the protocol as RFC 3848 names it.
        message_id: of the first message of the transaction.
        at: when, seconds since the epoch.
    """
    name = f" helo={comment(helo)}" if helo else ""
    return (
        f"Received: from [{peer}] ([{peer}:{port}]{name})\r\n"
        f"\tby {host} (envelope-from <{comment(sender)}>)\r\n"
        f"\t(mcmtpush {__version__}) with {word} id {message_id}; {smtp_date(at)}\r\n"
    ).encode("ascii", "replace")


def return_path(sender: str) -> bytes:
    """The Return-Path header, made of MAIL FROM without brackets."""
    return b"Return-Path: <%b>\r\n" % sender.encode("ascii", "replace")


def with_trace(mail: bytes, trace: bytes) -> bytes:
    """The mail with trace headers on top, kept apart from a body without headers."""
    if begins_with_header(mail) or mail.startswith(b"\r\n"):
        return trace + mail
    return trace + b"\r\n" + mail
