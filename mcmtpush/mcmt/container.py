"""The multi-channel container: which parts a message has, and the two we want.

Cuts by the boundary and treats every part as opaque, so nesting costs nothing
and cannot mislead.  Knows no recipients: whether a message may lack its mail is
the caller's question.

Rules of this file:

- What this accepts, it cuts exactly as Python's email parser does; where that
  parser would guess and go on, this refuses.
- A line ends with CR LF or LF.  A carriage return alone is content, except at
  the start or end of a boundary line and in a header, where it is refused.
- A boundary line is two hyphens, the boundary, blanks; the closing one has two
  more hyphens.  The line end before it belongs to it.
- Text before the first and after the closing boundary line means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

from mcmtpush.mcmt.header import (
    HEADER_BYTES,
    boundary_of,
    field_values,
    media_type,
    read_header,
    sole_value,
    top_header,
)
from mcmtpush.mcmt.pushpart import read_push_part
from mcmtpush.mcmt.refusal import FOREIGN_ERRORS, Refusal
from mcmtpush.mcmt.transfer import decode, read_encoding
from mcmtpush.values import PushPart


CONTAINER_TYPE = b"multipart/vnd.msys.mcmt"
_CONTAINER_SUBTYPE = b"vnd.msys.mcmt"
_MAIL_TYPES = frozenset({b"message/rfc822", b"message/rfc2822"})
_PUSH_TYPE = b"message/vnd.msys.apn"
_BOUNDARY_LINE_END = re.compile(rb"(--)?[ \t]*(\r?\n|\r|\Z)")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_LONE_LF = re.compile(rb"(?<!\r)\n")
_TOP = "the message"


@frozen
class Limits:
    """How much one message may ask for.

    Attributes:
        header_bytes: the longest header of the message, a part or a push part.
        parts: parts of any kind.
    """

    header_bytes: int = HEADER_BYTES
    parts: int = 32


@frozen
class Container:
    """What a multi-channel message holds for us.

    Attributes:
        mail: the content of the message/rfc822 part, its line ends as they came
            (CR LF when it was encoded); None when there is no such part.
        push: the Apple part, or None.
    """

    mail: bytes | None
    push: PushPart | None


_DEFAULT_LIMITS = Limits()


def is_container(content: bytes) -> bool:
    """Whether a message's own header says multi-channel.

    Never raises.  A header too long for `open_container` that as much as mentions
    the type counts as one, so that it is refused and cannot slip by.
    """
    end = _EMPTY_LINE.search(content)
    header = content if end is None else content[: end.start()]
    if _CONTAINER_SUBTYPE not in header.lower():
        return False
    if len(header) > HEADER_BYTES:
        return True
    types = field_values(top_header(content), b"content-type:")
    return bool(types) and media_type(types[0]) == CONTAINER_TYPE


def open_container(content: bytes, limits: Limits = _DEFAULT_LIMITS) -> Container:
    """Take a whole multi-channel message apart.

    Raises:
        MessageRejected: 550 5.6.0 or 5.6.1, the text naming the part and line.
    """
    try:
        return _open(content, limits)
    except FOREIGN_ERRORS as error:
        raise Refusal.UNREADABLE.because() from error


def cut(content: bytes, limits: Limits = _DEFAULT_LIMITS) -> list[tuple[bytes, bytes]]:
    """The (header, body) of every part, in order, whatever its type.

    Raises:
        MessageRejected: 550 5.6.0.
    """
    if b"\0" in content:
        raise Refusal.NUL_BYTE.because()
    header, start = read_header(
        content, 0, len(content), where=f"header of {_TOP}", limit=limits.header_bytes
    )
    content_type = sole_value(header, b"content-type:", where=_TOP) or b""
    if media_type(content_type) != CONTAINER_TYPE:
        raise Refusal.NOT_A_CONTAINER.because()
    boundary = boundary_of(content_type)
    if boundary is None:
        raise Refusal.NO_BOUNDARY.because()
    parts = []
    for number, (opened, closed) in enumerate(
        _regions(content, start, b"--" + boundary, limits.parts), 1
    ):
        part_header, body = read_header(
            content,
            opened,
            closed,
            where=f"header of part {number}",
            limit=limits.header_bytes,
        )
        parts.append((part_header, _body(content, body, closed)))
    return parts


def _regions(
    content: bytes, start: int, mark: bytes, most: int
) -> list[tuple[int, int]]:
    """From behind one boundary line to the start of the next, for every part."""
    regions: list[tuple[int, int]] = []
    opened = -1
    for at, behind, closing in _boundary_lines(content, start, mark):
        if opened >= 0:
            _add_region(regions, opened, at, most)
        if closing:
            break
        opened = behind
    else:
        raise (Refusal.BOUNDARY_NOT_FOUND if opened < 0 else Refusal.NO_END).because()
    if not regions:
        raise Refusal.BOUNDARY_NOT_FOUND.because()
    return regions


def _boundary_lines(
    content: bytes, start: int, mark: bytes
) -> Iterator[tuple[int, int, bool]]:
    """Start, end and "is the closing one" of every boundary line.

    `start` is behind an empty line, so that every one has a line feed before it.
    """
    if content.find(b"\r" + mark, start) >= 0:
        raise Refusal.BARE_CR.because(where=_TOP)
    line = b"\n" + mark
    at = content.find(line, start - 1)
    while at >= 0:
        match = _BOUNDARY_LINE_END.match(content, at + len(line))
        if match is None:
            at = content.find(line, at + 1)
            continue
        if match[2] == b"\r":
            raise Refusal.BARE_CR.because(where=_TOP)
        yield at + 1, match.end(), match[1] is not None
        at = content.find(line, match.end() - 1)


def _add_region(
    regions: list[tuple[int, int]], opened: int, closed: int, most: int
) -> None:
    if opened == closed:
        raise Refusal.EMPTY_PART.because(number=len(regions) + 1)
    if len(regions) == most:
        raise Refusal.TOO_MANY_PARTS.because(limit=most)
    regions.append((opened, closed))


def _body(content: bytes, start: int, stop: int) -> bytes:
    """Without the line end that belongs to the boundary line at `stop`."""
    if start < stop:
        stop -= 1
        if start < stop and content[stop - 1] == 0x0D:
            stop -= 1
    return content[start:stop]


def _open(content: bytes, limits: Limits) -> Container:
    mail: bytes | None = None
    push: PushPart | None = None
    for number, (header, body) in enumerate(cut(content, limits), 1):
        where = f"part {number}"
        content_type = sole_value(header, b"content-type:", where=where)
        kind = media_type(content_type) if content_type else b""
        if kind in _MAIL_TYPES:
            if mail is not None:
                raise Refusal.SECOND_MAIL.because(number=number)
            mail = _mail(header, body, where)
        elif kind == _PUSH_TYPE:
            if push is not None:
                raise Refusal.SECOND_PUSH.because(number=number)
            push = read_push_part(
                body, header, where=where, header_bytes=limits.header_bytes
            )
    return Container(mail, push)


def _mail(header: bytes, body: bytes, where: str) -> bytes:
    encoding = read_encoding(header, where=where)
    if encoding is None or encoding == "identity":
        return body
    mail = decode(body, encoding, where=where)
    if b"\0" in mail:
        raise Refusal.NUL_BYTE.because()
    return _LONE_LF.sub(b"\r\n", mail)
