"""A mail server's bytes as replies.

RFC 5321, 4.2: three digits and a text, on one line or on several.  Lines may
end in LF alone; what is too long is refused, for nobody waits for its end.
Knows no commands.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from mcmtpush.errors import RemoteProtocolError


LINE_LIMIT: Final = 4096
"""Bytes of a line; RFC 5321 asks for 512."""

LINES_LIMIT: Final = 128
"""Lines of one reply."""

TEXT_LIMIT: Final = 1000
"""Characters of a reply that are kept in records."""

_LINE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?=\s|$)")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@frozen
class Reply:
    """One reply.

    Attributes:
        code: 200 to 599.
        lines: the text of every line, printable.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it on one line; an enhanced status code stands in front, once."""
        lines = list(self.lines)
        found = _ENHANCED.match(lines[0])
        if found is not None:
            code = found.group()
            lines[1:] = [line.removeprefix(code).lstrip() for line in lines[1:]]
        return " ".join(line for line in lines if line)[:TEXT_LIMIT]

    @property
    def told(self) -> str:
        """Code and text, for diagnostics."""
        return f"{self.code} {self.text}".rstrip()


class ReplyReader:
    """Collects bytes until a reply is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._code = b""
        self._lines: list[str] = []

    @property
    def pending(self) -> bool:
        """Whether there are bytes that were not read as a reply yet."""
        return bool(self._buffer or self._code)

    def feed(self, data: bytes) -> None:
        """More bytes."""
        self._buffer += data

    def read(self) -> Reply | None:
        """The next whole reply; raises `RemoteProtocolError` for what is none."""
        while (end := self._buffer.find(b"\n", 0, LINE_LIMIT)) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            reply = self._take(line)
            if reply is not None:
                return reply
        if len(self._buffer) >= LINE_LIMIT:
            raise RemoteProtocolError(f"a line of more than {LINE_LIMIT} bytes")
        return None

    def _take(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None or (self._code and found[1] != self._code):
            raise RemoteProtocolError(f"not an SMTP reply: {_readable(line[:60])!r}")
        self._code = found[1]
        self._lines.append(_readable(found[3] or b""))
        if len(self._lines) > LINES_LIMIT:
            raise RemoteProtocolError(f"a reply of more than {LINES_LIMIT} lines")
        if found[2] == b"-":
            return None
        reply = Reply(int(self._code), tuple(self._lines))
        self._code, self._lines = b"", []
        return reply


def _readable(text: bytes) -> str:
    return _UNPRINTABLE.sub(" ", text.decode("utf-8", "replace")).strip()
