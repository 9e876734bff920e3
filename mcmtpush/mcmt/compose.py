"""Writes a multi-channel message as an injector should.

For the `mcmtpush send` command, samples and tests; reception never comes here.
Knows no clock, no chance and no network: date and message id are given, and the
boundary is counted up until the content does not hold it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from email.header import Header
from typing import Any

import orjson


_LONGEST_LINE = 998
_EOL = b"\r\n"
_LINE_END = re.compile(rb"\r\n?|\n")


def alert_payload(
    alert: str | Mapping[str, Any] | None,
    badge: int | None = None,
    sound: str | None = None,
    *,
    content_available: bool = False,
    category: str | None = None,
    custom: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Apple's `aps` object from what people usually want; None leaves a key out.

    `custom` keys go beside `aps`.
    """
    aps = {
        "alert": alert,
        "badge": badge,
        "sound": sound,
        "content-available": 1 if content_available else None,
        "category": category,
    }
    wanted = {key: value for key, value in aps.items() if value is not None}
    return {"aps": wanted, **(custom or {})}


def compose(  # noqa: PLR0913 - a message has that many headers
    *,
    sender: str,
    recipient: str,
    token: str,
    payload: Mapping[str, Any],
    subject: str,
    date: str,
    message_id: str,
    return_path: str | None = None,
    text: str | None = None,
    mail: bytes | None = None,
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """A correct MCMT message with CR LF line ends and lines of at most 998 bytes.

    Args:
        sender: the address in From.
        recipient: the address in To.
        token: hexadecimal; empty leaves X-Device-Token out.
        payload: the JSON object.
        subject: any text of one line.
        date: as in a Date header.
        message_id: with or without its angle brackets.
        return_path: for failure notices; the empty string is the null sender.
        text: the body of the mail part; None makes one of the alert's text.
        mail: the whole mail part, as it is, instead of one that is made.
        extra: further fields for the push part's inner header.

    Raises:
        ValueError: a header value that cannot stand in a header, or a payload
            that JSON cannot write.
    """
    header = _EOL.join(
        [
            _field("From", sender),
            _field("To", recipient),
            _field("Date", date),
            _subject(subject),
            _field("Message-ID", f"<{message_id.strip('<>')}>"),
            b"MIME-Version: 1.0",
        ]
    )
    if mail is None:
        mail = header + _EOL + _text_entity(_mail_text(payload, subject, text))
    push = _push_part(token, return_path, payload, extra or {})
    boundary = _free_boundary(mail, push)
    line = b"--" + boundary
    return _EOL.join(
        [
            header,
            b'Content-Type: multipart/vnd.msys.mcmt; boundary="%s"' % boundary,
            b"",
            line,
            b"Content-Type: message/rfc822",
            b"",
            mail,
            line,
            b"Content-Type: message/vnd.msys.apn",
            b"",
            push,
            line + b"--",
            b"",
        ]
    )


def _field(name: str, value: str) -> bytes:
    """One header line of printable ASCII."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{name} must be printable ASCII on one line")
    return _bounded(f"{name}: {value}".encode("ascii"), name)


def _bounded(line: bytes, name: str) -> bytes:
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"{name} is longer than a line of mail may be")
    return line


def _subject(subject: str) -> bytes:
    """As it stands when that is safe and short, else as encoded words."""
    if "\r" in subject or "\n" in subject or "\0" in subject:
        raise ValueError("Subject must be one line without NUL")
    plain = subject.isascii() and subject.isprintable() and "=?" not in subject
    if plain and len(subject) < 900:
        return f"Subject: {subject}".encode("ascii")
    words = Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {words}".encode("ascii")


def _mail_text(payload: Mapping[str, Any], subject: str, text: str | None) -> str:
    if text is not None:
        return text
    aps = payload.get("aps")
    alert = aps.get("alert") if isinstance(aps, Mapping) else None
    if isinstance(alert, Mapping):
        alert = alert.get("body")
    return alert if isinstance(alert, str) and alert else subject


def _text_entity(text: str) -> bytes:
    """The rest of a mail's header and its body, which ends with a line end."""
    body = _LINE_END.sub(b"\r\n", text.encode("utf-8"))
    encoding, body = _fit_for_mail(body.removesuffix(_EOL) + _EOL)
    charset = b"us-ascii" if encoding == b"7bit" else b"utf-8"
    return _EOL.join(
        [
            b"Content-Type: text/plain; charset=" + charset,
            b"Content-Transfer-Encoding: " + encoding,
            b"",
            body,
        ]
    )


def _push_part(
    token: str,
    return_path: str | None,
    payload: Mapping[str, Any],
    extra: Mapping[str, str],
) -> bytes:
    """Inner header, empty line, JSON."""
    try:
        json = orjson.dumps(dict(payload))
    except TypeError as error:
        raise ValueError(f"the payload cannot be written as JSON: {error}") from error
    encoding, body = _fit_for_mail(json)
    lines = []
    if token:
        lines.append(_field("X-Device-Token", token))
    if return_path is not None:
        lines.append(_field("Return-Path", f"<{return_path.strip('<>')}>"))
    lines += [_field(name, value) for name, value in extra.items()]
    lines += [b"Content-Transfer-Encoding: " + encoding, b"", body]
    return _EOL.join(lines)


def _fit_for_mail(data: bytes) -> tuple[bytes, bytes]:
    """(7bit, data) when mail carries it unharmed, else (base64, lines of 76)."""
    fits = all(len(line) <= _LONGEST_LINE for line in data.split(_EOL))
    if fits and data.isascii() and b"\0" not in data:
        return b"7bit", data
    lines = [
        binascii.b2a_base64(data[at : at + 57], newline=False)
        for at in range(0, len(data), 57)
    ]
    return b"base64", _EOL.join(lines)


def _free_boundary(*contents: bytes) -> bytes:
    """The first of a row of boundaries that none of the contents holds."""
    number = 1
    while True:
        boundary = b"=_mcmt_%d" % number
        if not any(boundary in content for content in contents):
            return boundary
        number += 1
