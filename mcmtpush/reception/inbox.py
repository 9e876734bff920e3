"""Bytes as they come: command lines out of them, and messages in bulk.

Only CR LF . CR LF ends a message; the CR LF behind the DATA command counts as
the first one's, so that a lone dot at once is an empty message.  Whatever
another server might take for an end mark makes the message refused at its true
end, since one of the two would be lied to (SMTP smuggling).
"""

from __future__ import annotations

from mcmtpush.errors import MessageRejected
from mcmtpush.reception import reply


LINE_LIMIT = 2048
"""Longest command line in bytes, CR LF included."""

CEILING = 64 * 1024 * 1024
"""Most bytes of a message when the configuration sets no limit."""

_END = b"\r\n.\r\n"


class Inbox:
    """A queue of bytes.  False when nothing is left to read.

    A line that is too long is not kept while it lasts.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._overlong = False

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def feed(self, data: bytes) -> None:
        """Add what came."""
        if self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data, self._at = data, 0

    def take_all(self) -> bytes:
        """Everything left."""
        data = self._data[self._at :] if self._at else self._data
        self._data, self._at = b"", 0
        return data

    def take_line(self) -> bytes | None:
        """The next command line without its CR LF, or None if it is not all here.

        Raises MessageRejected for a line that is no command line; it is taken
        all the same.
        """
        end = self._data.find(b"\n", self._at)
        if end < 0:
            if len(self._data) - self._at > LINE_LIMIT:
                self._overlong = True
                self.take_all()
            return None
        line = self._data[self._at : end + 1]
        self._at = end + 1
        if self._overlong or len(line) > LINE_LIMIT:
            self._overlong = False
            raise MessageRejected(*reply.LINE_TOO_LONG)
        if line[-2:] != b"\r\n" or line.count(b"\r") != 1:
            raise MessageRejected(*reply.BARE_LINE_END)
        if b"\0" in line:
            raise MessageRejected(*reply.NUL_IN_COMMAND)
        return line[:-2]


class BodyReader:
    """Collects one message of at most `limit` bytes, dot-stuffing not counted.

    Beyond the limit nothing is kept but what is needed to find the end.
    """

    def __init__(self, limit: int = CEILING) -> None:
        self._limit = limit
        self._raw = bytearray(b"\r\n")
        self._stuffed = 0
        self._counted = 0
        self._too_large = False

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; what stands behind the end mark, or None before the end."""
        raw = self._raw
        searched = max(0, len(raw) - len(_END) + 1)
        raw += data
        end = raw.find(_END, searched)
        if end >= 0:
            rest = bytes(raw[end + len(_END) :])
            del raw[end + 2 :]
            return rest
        if self._too_large or len(raw) > self._limit + len(_END):
            self._shed()
        return None

    def content(self) -> bytes:
        """The message without stuffing, once the end was seen.

        Raises MessageRejected when it is too large or holds a false end mark.
        """
        raw = bytes(self._raw)
        self._raw = bytearray()
        # Few messages have a line that begins with a dot at all.
        dotted = b"\n." in raw or b"\r." in raw
        content = raw.replace(b"\r\n.", b"\r\n")[2:] if dotted else raw[2:]
        if self._too_large or len(content) > self._limit:
            raise MessageRejected(*reply.TOO_LARGE)
        if dotted and _holds_false_end(raw):
            raise MessageRejected(*reply.SMUGGLING)
        return content

    def _shed(self) -> None:
        """Let go of a message that cannot get small enough any more.

        Stuffed dots do not count; the end mark may have begun: CR LF, dot, CR.
        """
        raw = self._raw
        if not self._too_large:
            self._stuffed += raw.count(b"\r\n.", self._counted)
            self._counted = len(raw) - 2
            self._too_large = len(raw) - 2 - self._stuffed > self._limit + 3
        if self._too_large:
            del raw[: 1 - len(_END)]


def _holds_false_end(raw: bytes) -> bool:
    """A dot between two line ends of any kind; the true end is not in `raw`."""
    return b"\n.\n" in raw or b"\n.\r" in raw or b"\r.\r" in raw or b"\r.\n" in raw
