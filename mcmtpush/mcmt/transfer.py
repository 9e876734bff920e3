"""Content-Transfer-Encoding: how bytes were made fit for mail, and back.

Strict where decoders are usually not: what is damaged on the way must not
become another message.
"""

from __future__ import annotations

import binascii
import re
from typing import Literal

from mcmtpush.mcmt.header import sole_value, without_comments
from mcmtpush.mcmt.refusal import Refusal


Encoding = Literal["identity", "base64", "quoted-printable"]

_ENCODINGS: dict[bytes, Encoding] = {
    b"7bit": "identity",
    b"8bit": "identity",
    b"binary": "identity",
    b"base64": "base64",
    b"quoted-printable": "quoted-printable",
}
_BAD_ESCAPE = re.compile(rb"=(?!\r?\n|[0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/= \t\r\n]")


def read_encoding(block: bytes, *, where: str) -> Encoding | None:
    """The encoding that a header declares; None when it does not.

    Raises:
        MessageRejected: declared twice, or not one of the five.
    """
    value = sole_value(block, b"content-transfer-encoding:", where=where)
    if value is None:
        return None
    encoding = _ENCODINGS.get(without_comments(value).strip().lower())
    if encoding is None:
        raise Refusal.UNKNOWN_ENCODING.because(where=where)
    return encoding


def decode(data: bytes, encoding: Encoding | None, *, where: str) -> bytes:
    """Undo an encoding; None and identity leave the bytes alone.

    Raises:
        MessageRejected: `data` is not validly encoded.
    """
    if encoding == "base64":
        return _decode_base64(data, where)
    if encoding == "quoted-printable":
        return _decode_quoted_printable(data, where)
    return data


def _decode_base64(data: bytes, where: str) -> bytes:
    stray = _NOT_BASE64.search(data)
    if stray is not None:
        line = data.count(b"\n", 0, stray.start()) + 1
        reason = f"its line {line} holds a character that is not base64"
        raise Refusal.BAD_BASE64.because(where=where, reason=reason)
    try:
        return binascii.a2b_base64(data.translate(None, b" \t\r\n"), strict_mode=True)
    except binascii.Error as error:
        reason = str(error).lower()
        raise Refusal.BAD_BASE64.because(where=where, reason=reason) from error


def _decode_quoted_printable(data: bytes, where: str) -> bytes:
    stray = _BAD_ESCAPE.search(data)
    if stray is not None:
        line = data.count(b"\n", 0, stray.start()) + 1
        raise Refusal.BAD_QUOTED_PRINTABLE.because(where=where, line=line)
    return binascii.a2b_qp(data)
