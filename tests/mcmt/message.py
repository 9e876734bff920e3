"""Hand-made multi-channel messages for the tests beside this file."""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from pathlib import Path

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.header import field_values


_SAMPLES = Path(__file__).parent / "samples"
MANUAL = Path(__file__).parents[2] / "docs" / "reference" / "mcmt.md"

TOP = b"Content-Type: multipart/vnd.msys.mcmt; boundary=b\r\n"
MAIL = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody"
PUSH = b'Content-Type: message/vnd.msys.apn\r\n\r\nX-Device-Token: ab\r\n\r\n{"a":1}'


def sample(name: str) -> bytes:
    """A file of `samples`, its line ends made CR LF."""
    return (_SAMPLES / name).read_bytes().replace(b"\n", b"\r\n")


def message(*parts: bytes, top: bytes = TOP) -> bytes:
    """A container with these parts; its boundary is `b`."""
    cut = b"".join(b"--b\r\n%s\r\n" % part for part in parts)
    return top + b"\r\n" + cut + b"--b--\r\n"


def answer_to(read: Callable[[], object]) -> str:
    """The whole answer that `read` is refused with."""
    try:
        read()
    except MessageRejected as error:
        return str(error)
    raise AssertionError("was not refused")


def their_fields(part: Message) -> dict[str, list[bytes]]:
    """The fields as Python's parser has them: values by lower-case name."""
    fields: dict[str, list[bytes]] = {}
    for name, value in part.raw_items():
        raw = value.encode("ascii", "surrogateescape")
        flat = raw.replace(b"\r", b"").replace(b"\n", b"").strip()
        fields.setdefault(name.lower(), []).append(flat)
    return fields


def seen_fields(part: Message, header: bytes) -> dict[str, list[bytes]]:
    """What `field_values` says of the same names."""
    return {
        name: field_values(header, name.encode("ascii") + b":")
        for name in their_fields(part)
    }
