"""The parts of a notice: MIME, and the message that is returned."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal

from mcmtpush.disposition.line import CRLF, lines_of


Inline = Literal["headers", "none", "all"]
"""How much of the failed message is returned."""

_LONGEST_LINE: Final = 998
_LINE_END = re.compile(rb"\r\n?|\n")
_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z))*")


def original_part(mail: bytes, inline: Inline) -> bytes | None:
    """The third part, or None when there is nothing to return."""
    if inline == "none" or not mail:
        return None
    mail = _LINE_END.sub(CRLF, mail)
    if inline == "all" and _fits(mail):
        return make_part("message/rfc822", mail)
    found = _FIELDS.match(mail)
    header = found[0] if found is not None else b""
    return make_part("text/rfc822-headers", header) if header else None


def make_part(content_type: str, body: bytes) -> bytes:
    """One part; bytes that mail might harm are encoded, but never in a message/."""
    encoding = "7bit" if body.isascii() else "8bit"
    if not content_type.startswith("message/") and not (body.isascii() and _fits(body)):
        encoding, body = "base64", _base64(body)
    fields = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}"]
    return lines_of(*fields) + CRLF + body


def _fits(body: bytes) -> bool:
    return b"\0" not in body and all(
        len(line) <= _LONGEST_LINE for line in body.split(CRLF)
    )


def _base64(body: bytes) -> bytes:
    """Lines of 76 characters."""
    pieces = (body[at : at + 57] for at in range(0, len(body), 57))
    return b"".join(
        binascii.b2a_base64(piece, newline=False) + CRLF for piece in pieces
    )


def join_parts(fields: Sequence[str], parts: Sequence[bytes]) -> bytes:
    """A report with these fields in front, a whole message."""
    boundary = _free_boundary(parts)
    header = [
        *fields,
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f' boundary="{boundary}"',
    ]
    if not all(map(bytes.isascii, parts)):
        header.append("Content-Transfer-Encoding: 8bit")
    mark = b"--" + boundary.encode("ascii")
    framed = [piece for part in parts for piece in (mark, part)]
    return CRLF.join([lines_of(*header), *framed, mark + b"--", b""])


def _free_boundary(parts: Sequence[bytes]) -> str:
    """A boundary that none of the parts holds.

    Made of their hash: nobody can write a message that holds it, and however many
    candidates a message holds, the first one is free.
    """
    content = CRLF.join(parts)
    boundary = b"=_" + sha256(content).hexdigest()[:40].encode()
    while boundary in content:
        boundary = b"=_" + sha256(boundary).hexdigest()[:40].encode()
    return boundary.decode()
