"""The failure notice: an RFC 3464 report on one message that failed for good.

Knows a record, the mail it is about and how a report is written.  Whether a notice
is owed is the caller's question, and that its envelope has a null sender, too.

Rules of this file:

- A value that strangers chose is put nowhere but through `line`.
- Only a message that is returned whole may hold 8-bit bytes; the notice then
  declares them.
- Device tokens are shown by their first eight characters.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from mcmtpush.disposition.diagnosis import (
    advice_on,
    diagnostic_of,
    enhanced_code,
)
from mcmtpush.disposition.line import date_of, lines_of, one_line, one_word
from mcmtpush.disposition.part import Inline, join_parts, make_part, original_part
from mcmtpush.values import Record


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
    host = one_word(hostname) or "localhost"
    original = original_part(mail, inline_original)
    parts = [
        make_part(
            "text/plain; charset=us-ascii", _explanation(failure, host, original)
        ),
        make_part("message/delivery-status", _report(failure, host)),
    ]
    if original is not None:
        parts.append(original)
    fields = [
        f"From: Mail Delivery System <{_daemon(mailerdaemon, host)}>",
        f"To: <{one_word(to)}>",
        f"Subject: Delivery failed (message {one_line(failure.message.id)})",
        f"Date: {date_of(at)}",
        f"Message-ID: <{one_word(message_id)}>",
        "Auto-Submitted: auto-replied",
    ]
    return join_parts(fields, parts)


def _daemon(mailerdaemon: str | None, host: str) -> str:
    """The address alone, also when the operator wrote a name before it."""
    inner = re.search("<([^<>]*)>", mailerdaemon or "")
    address = one_word(inner[1] if inner else mailerdaemon or "") or "mailer-daemon"
    return address if "@" in address else f"{address}@{host}"


def _explanation(failure: Record, host: str, original: bytes | None) -> bytes:
    message = failure.message
    token = failure.token
    return lines_of(
        f"This is the notification and mail gateway at {host}.",
        "",
        "A message of yours could not be delivered and will not be tried again.",
        "",
        f"  Message:      {one_line(message.id)}",
        f"  Recipient:    {one_line(message.recipient)}",
        *([f"  Device token: {one_line(token[:8])}..."] if token else []),
        f"  Accepted:     {date_of(message.received_at)}",
        f"  Reason:       {diagnostic_of(failure)[1]}",
        "",
        *advice_on(failure),
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
    return lines_of(
        f"Reporting-MTA: dns; {host}",
        f"Original-Envelope-Id: {one_line(message.id)}",
        f"Arrival-Date: {date_of(message.received_at)}",
        "",
        f"Final-Recipient: rfc822; {one_line(message.recipient)}",
        "Action: failed",
        f"Status: {enhanced_code(failure)}",
        *peer,
        "Diagnostic-Code: {}; {}".format(*diagnostic_of(failure)),
    )


def _literal(ip: str) -> str:
    """An address literal as in RFC 5321, 4.1.3."""
    try:
        six = isinstance(ip_address(ip), IPv6Address)
    except ValueError:
        six = False
    return f"[IPv6:{one_word(ip)}]" if six else f"[{one_word(ip)}]"
