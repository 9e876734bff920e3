"""The Apple part of a multi-channel message: fields, then JSON.

Whether the token is one, and whether the payload is too long, is asked at
delivery: policy may still change both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.header import HEADER_BYTES, read_header, sole_value
from mcmtpush.mcmt.payload import read_payload
from mcmtpush.mcmt.refusal import Refusal
from mcmtpush.mcmt.transfer import decode, read_encoding
from mcmtpush.values import NO_HEADERS, PushPart


# A field name that no JSON begins with; base64 has no colon at all.
_FIELD_AHEAD = re.compile(rb"[!#-9;-Z\\^-z|~]+:")
_NO_ADDRESS = frozenset("<> ")

NATIVE_FIELDS = (
    b"x-apns-id:",
    b"x-apns-expiration:",
    b"x-apns-priority:",
    b"x-apns-topic:",
    b"x-apns-push-type:",
    b"x-apns-collapse-id:",
    b"x-apns-channel-id:",
    b"x-token-registered-at:",
)
"""Fields for the HTTP/2 interface: the headers of Apple's requests behind `X-`, and
when the injector last saw the token registered."""
_NATIVE_AHEAD = re.compile(rb"^x-(?:apns|token)-", re.IGNORECASE | re.MULTILINE)


def read_push_part(
    body: bytes,
    header: bytes = b"",
    *,
    where: str = "the push part",
    header_bytes: int = HEADER_BYTES,
) -> PushPart:
    """Read one `message/vnd.msys.apn` part.

    Args:
        body: what follows the part's own header and its empty line.
        header: the part's own header, whose fields count where the inner
            header has none.
        where: names the part in an answer.
        header_bytes: the longest inner header.

    Raises:
        MessageRejected: 550 5.6.0 or 5.6.1.
    """
    _refuse_json(header, f"header of {where}")
    encoding = read_encoding(header, where=where)
    inner, body = _split(body, where, header_bytes)
    if not inner and encoding not in (None, "identity"):
        # The encoding covers the inner header, too, when none is to be seen.
        body, encoding = decode(body, encoding, where=where), None
        inner, body = _split(body, where, header_bytes)
    if inner:
        encoding = read_encoding(inner, where=where) or encoding
    token = _text(inner, header, b"x-device-token:", where)
    return_path = _text(inner, header, b"return-path:", where)
    return PushPart(
        token=token or "",
        payload=read_payload(decode(body, encoding, where=where), where=where),
        return_path=_address(return_path, where) if return_path else None,
        headers=_native_headers(inner, header, where),
    )


def _native_headers(inner: bytes, header: bytes, where: str) -> Mapping[str, str]:
    """What is said to the HTTP/2 interface; empty fields say nothing."""
    if not (_NATIVE_AHEAD.search(inner) or _NATIVE_AHEAD.search(header)):
        return NO_HEADERS
    headers = {}
    for name in NATIVE_FIELDS:
        text = _text(inner, header, name, where)
        if text:
            if not text.isascii():
                raise _bad_field(name, where)
            headers[name[2:-1].decode("ascii")] = text
    return headers


def _split(body: bytes, where: str, header_bytes: int) -> tuple[bytes, bytes]:
    """The inner header, empty when there is none, and the rest."""
    body = body.lstrip(b"\r\n")
    if _FIELD_AHEAD.match(body) is None:
        return b"", body
    inner, at = read_header(
        body, 0, len(body), where=f"inner header of {where}", limit=header_bytes
    )
    _refuse_json(inner, f"inner header of {where}")
    return inner, body[at:]


def _refuse_json(header: bytes, where: str) -> None:
    """`{"aps":` is a lawful field name; a missing empty line is what was meant."""
    json = header.find(b"\n{")
    if json >= 0:
        line = header.count(b"\n", 0, json) + 2
        raise Refusal.JSON_IN_HEADER.because(where=where, line=line)


def _text(inner: bytes, header: bytes, name: bytes, where: str) -> str | None:
    """A field of the inner header, else of the part's own, as text."""
    value = sole_value(inner, name, where=where)
    if value is None:
        value = sole_value(header, name, where=where)
    if value is None:
        return None
    try:
        text = value.replace(b"\t", b" ").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad_field(name, where) from error
    if not text.isprintable():
        raise _bad_field(name, where)
    return text


def _bad_field(name: bytes, where: str) -> MessageRejected:
    field = name[:-1].decode("ascii").title()
    return Refusal.BAD_FIELD.because(where=where, field=field)


def _address(text: str, where: str) -> str:
    """The address without its angle brackets; empty for the null sender."""
    address = text[1:-1].strip() if text[0] == "<" and text[-1] == ">" else text
    if not _NO_ADDRESS.isdisjoint(address):
        raise Refusal.BAD_RETURN_PATH.because(where=where)
    return address
