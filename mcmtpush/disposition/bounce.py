"""The failure notice: an RFC 3464 report on one message that failed for good.

Knows a record, the mail it is about and how a report is written.  Whether a notice
is owed is the caller's question, and that its envelope has a null sender, too.

Rules of this file:

- A value that strangers chose becomes one line of printable ASCII, of bounded
  length, before it is put anywhere; what does not fit becomes a question mark.
- Lines end with CR LF and are no longer than mail allows.  Only a message that is
  returned whole may hold 8-bit bytes; the notice then declares them.
- Device tokens are shown by their first eight characters.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType
from typing import Final, Literal

from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN,
    INVALID_TOKEN_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    status_text,
)
from mcmtpush.values import Message, Record


Inline = Literal["headers", "none", "all"]
"""How much of the failed message is returned."""

ADDRESS_LIMIT: Final = 512
"""Longest address in characters, as at reception."""

_TEXT_LIMIT: Final = 800
_LONGEST_LINE: Final = 998
_LAST_SECOND: Final = 253402300799.0  # of the year 9999
_CRLF: Final = b"\r\n"

_UNFIT = re.compile(r"[^ -~]")
_LINE_END = re.compile(rb"\r\n?|\n")
_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z))*")
_REPLY = re.compile(r"[245][0-9]{2}[ -]")
_ENHANCED = re.compile(
    r"(?:[245][0-9]{2}[ -])?[245]\.((?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))"
    r"(?![\w.])"
)
_ADDRESS = re.compile(
    r"""(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*
        |"(?:[ !#-\[\]-~]|\\[ -~])*")
    @(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\])""",
    re.VERBOSE,
)

_UNKNOWN: Final = "5.0.0"
_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        MISSING_TOKEN: "5.1.1",
        INVALID_TOKEN_SIZE: "5.1.1",
        INVALID_TOKEN: "5.1.1",
        MISSING_PAYLOAD: "5.6.0",
        INVALID_PAYLOAD_SIZE: "5.3.4",
    }
)
"""RFC 3463 codes of Apple's statuses; all others say nothing more exact."""

_IN_TIME: Final = (
    "It could not be delivered in time.",
    "Send it again if it is still of interest.",
)
_PUSH_ADVICE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "5.1.1": (
            "The device token is missing, malformed or no longer valid.",
            "Remove it, and send again only to a token that the app registers anew.",
        ),
        "5.6.0": (
            "The message holds no payload that the service accepts.",
            "Correct the JSON of the push part and send it again.",
        ),
        "5.3.4": (
            "The payload is longer than the service accepts.",
            "Shorten the JSON of the push part and send it again.",
        ),
        "5.4.5": _IN_TIME,
        "5.4.7": _IN_TIME,
    }
)
_MAIL_ADVICE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "5.1.1": (
            "The receiving mail server does not know the address.",
            "Correct it and send the message again.",
        ),
        "5.4.5": _IN_TIME,
        "5.4.7": _IN_TIME,
    }
)
_OTHER_ADVICE: Final = (
    "The reason above is all that is known here.",
    "If it does not tell you what to change, ask the postmaster of this system.",
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


def render_notice(
    failure: Record,
    *,
    to: str,
    mail: bytes,
    hostname: str,
    mailerdaemon: str | None,
    inline_original: Inline,
    at: float,
    message_id: str,
) -> bytes:
    """The notice, a whole message with CR LF.

    Args:
        failure: the P record.
        to: as `notice_address` said.
        mail: the failed message's mail part, any line ends; may be empty.
        hostname: of this gateway.
        mailerdaemon: the address in From; None means mailer-daemon@hostname.
        inline_original: a message that mail could not carry whole (NUL, endless
            lines) is returned by its header, too, when this is "all".
        at: the time in Date.
        message_id: with or without its angle brackets.
    """
    host = _word(hostname) or "localhost"
    original = _original(mail, inline_original)
    parts = [
        _part("text/plain; charset=us-ascii", _explanation(failure, host, original)),
        _part("message/delivery-status", _report(failure, host)),
    ]
    if original is not None:
        parts.append(original)
    boundary = _free_boundary(parts)
    header = [
        f"From: Mail Delivery System <{_daemon(mailerdaemon, host)}>",
        f"To: <{_word(to)}>",
        f"Subject: Delivery failed (message {_line(failure.message.id)})",
        f"Date: {_date(at)}",
        f"Message-ID: <{_word(message_id)}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f' boundary="{boundary}"',
    ]
    if original is not None and not original.isascii():
        header.append("Content-Transfer-Encoding: 8bit")
    mark = b"--" + boundary.encode("ascii")
    framed = [piece for part in parts for piece in (mark, part)]
    return _CRLF.join([_lines(*header), *framed, mark + b"--", b""])


# -- what strangers chose ------------------------------------------------------------


def _line(text: str, limit: int = ADDRESS_LIMIT) -> str:
    return _UNFIT.sub("?", text[:limit])


def _word(text: str) -> str:
    """For places in angle brackets, and where a blank would end the value."""
    return re.sub("[ <>]", "", _line(text))


def _daemon(mailerdaemon: str | None, host: str) -> str:
    """The address alone, also when the operator wrote a name before it."""
    inner = re.search("<([^<>]*)>", mailerdaemon or "")
    address = _word(inner[1] if inner else mailerdaemon or "") or "mailer-daemon"
    return address if "@" in address else f"{address}@{host}"


def _date(at: float) -> str:
    second = int(min(max(at, 0.0), _LAST_SECOND))
    return format_datetime(datetime.fromtimestamp(second, UTC))


# -- why -----------------------------------------------------------------------------


def _is_mail(failure: Record) -> bool:
    """Whether a mail server answered: Apple's statuses are below 256."""
    return failure.status is not None and 400 <= failure.status <= 599


def _enhanced(failure: Record) -> str:
    """The RFC 3463 code: its class is always 5, for we do not try again."""
    found = _ENHANCED.match(failure.detail)
    if found is not None:
        return f"5.{found[1]}"
    return _BY_STATUS.get(failure.status or 0, _UNKNOWN)


def _diagnostic(failure: Record) -> tuple[str, str]:
    """Type and text of Diagnostic-Code.

    Our own reason for giving up stands behind the last answer, in parentheses.
    """
    status, text = failure.status, _line(failure.detail, _TEXT_LIMIT).strip()
    reply = _REPLY.match(text) is not None
    if status is None:
        return ("smtp" if reply else "x-mcmtpush"), text or "no reason given"
    if _is_mail(failure):
        return "smtp", text if reply else f"{status} {text}".strip()
    if reply:
        return "x-apns", f"{status} {status_text(status)} ({text})"
    return "x-apns", f"{status} {text or status_text(status)}"


# -- the parts -----------------------------------------------------------------------


def _explanation(failure: Record, host: str, original: bytes | None) -> bytes:
    message = failure.message
    token = failure.token
    advice = _MAIL_ADVICE if _is_mail(failure) else _PUSH_ADVICE
    return _lines(
        f"This is the notification and mail gateway at {host}.",
        "",
        "A message of yours could not be delivered and will not be tried again.",
        "",
        f"  Message:      {_line(message.id)}",
        f"  Recipient:    {_line(message.recipient)}",
        *([f"  Device token: {_line(token[:8])}..."] if token else []),
        f"  Accepted:     {_date(message.received_at)}",
        f"  Reason:       {_diagnostic(failure)[1]}",
        "",
        *advice.get(_enhanced(failure), _OTHER_ADVICE),
        "",
        "The next part of this notice says the same to programs."
        + (
            " The last one is your message, or its header."
            if original is not None
            else ""
        ),
    )


def _report(failure: Record, host: str) -> bytes:
    """The fields of RFC 3464: of the message, an empty line, of the recipient."""
    message = failure.message
    peer = []
    if failure.remote_ip:
        peer.append(f"Remote-MTA: dns; {_literal(failure.remote_ip)}")
    return _lines(
        f"Reporting-MTA: dns; {host}",
        f"Original-Envelope-Id: {_line(message.id)}",
        f"Arrival-Date: {_date(message.received_at)}",
        "",
        f"Final-Recipient: rfc822; {_line(message.recipient)}",
        "Action: failed",
        f"Status: {_enhanced(failure)}",
        *peer,
        "Diagnostic-Code: {}; {}".format(*_diagnostic(failure)),
    )


def _literal(ip: str) -> str:
    """An address literal as in RFC 5321, 4.1.3."""
    try:
        six = isinstance(ip_address(ip), IPv6Address)
    except ValueError:
        six = False
    return f"[IPv6:{_word(ip)}]" if six else f"[{_word(ip)}]"


def _original(mail: bytes, inline: Inline) -> bytes | None:
    """The third part, or None when there is nothing to return."""
    if inline == "none" or not mail:
        return None
    mail = _LINE_END.sub(_CRLF, mail)
    if inline == "all" and _fits(mail):
        return _part("message/rfc822", mail)
    found = _FIELDS.match(mail)
    header = found[0] if found is not None else b""
    return _part("text/rfc822-headers", header) if header else None


def _part(content_type: str, body: bytes) -> bytes:
    """One part; bytes that mail might harm are encoded, but never in a message/."""
    encoding = "7bit" if body.isascii() else "8bit"
    if not content_type.startswith("message/") and not (body.isascii() and _fits(body)):
        encoding, body = "base64", _base64(body)
    fields = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}"]
    return _lines(*fields) + _CRLF + body


def _fits(body: bytes) -> bool:
    return b"\0" not in body and all(
        len(line) <= _LONGEST_LINE for line in body.split(_CRLF)
    )


def _base64(body: bytes) -> bytes:
    """Lines of 76 characters."""
    pieces = (body[at : at + 57] for at in range(0, len(body), 57))
    return b"".join(
        binascii.b2a_base64(piece, newline=False) + _CRLF for piece in pieces
    )


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _free_boundary(parts: Sequence[bytes]) -> str:
    """A boundary that none of the parts holds.

    Made of their hash: nobody can write a message that holds it, and however many
    candidates a message holds, the first one is free.
    """
    content = _CRLF.join(parts)
    boundary = b"=_" + sha256(content).hexdigest()[:40].encode()
    while boundary in content:
        boundary = b"=_" + sha256(boundary).hexdigest()[:40].encode()
    return boundary.decode()
