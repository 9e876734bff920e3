"""What a parent and its workers say to one another, and how it looks in a pipe.

A word is a netstring (https://cr.yp.to/proto/netstrings.txt) of a JSON array: the
word's name and the values of its attributes in their order.

    [parent]  Begin, then Follow, Resume, Stop, Obey          -> [worker]
    [worker]  Ready or Failed, Said, Counted, Answered, Declined, Emptied -> [parent]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import astuple, frozen

from mcmtpush.errors import RemoteProtocolError


ORDER_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of a word for a worker: it may hold two configurations."""

REPORT_LIMIT: Final = 256 * 1024
"""Bytes of a word for the parent."""

LONGEST_TEXT: Final = 16 * 1024
"""Characters of one message for the log; what is longer is cut."""

_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,9}):")
_LONGEST_LENGTH: Final = 11


@frozen
class Begin:
    """The first word for a worker.

    Attributes:
        number: which worker it is, from 1.
        of: how many share the process's memory.
        drains: it only delivers what is in its spool, and ends.
        lock: the descriptor of its spool's lock.
        board: the descriptor of the table of sessions; 0 for one that drains.
        listens: addresses of all listens, in the order of that table.
        sockets: descriptor by listen address.
        started, latest: configurations as `mcmtpush.config.part.pack` makes them: what
            cannot change while the program runs is as in the first.
    """

    number: int
    of: int
    drains: bool
    lock: int
    board: int
    listens: list[str]
    sockets: dict[str, int]
    started: str
    latest: str


@frozen
class Follow:
    """Reopen the logs, and follow this configuration, unless it is empty."""

    configuration: str


@frozen
class Resume:
    """Go on with what was suspended or held."""


@frozen
class Stop:
    """End; `hurry` waits for nothing."""

    hurry: bool


@frozen
class Obey:
    """Carry out an operator's order (see `mcmtpush.spool.order`)."""

    name: str
    order: str


@frozen
class Ready:
    """The worker is at work."""


@frozen
class Failed:
    """It cannot start, since `reason`."""

    reason: str


@frozen
class Declined:
    """It does not follow the last configuration, since that does not work."""


@frozen
class Said:
    """For the log; `level` as `twisted.logger.LogLevel` names it."""

    level: str
    namespace: str
    text: str


@frozen
class Counted:
    """All its counters."""

    counts: dict[str, int]


@frozen
class Answered:
    """An order was carried out; `answer` is what operators read."""

    name: str
    answer: Any


@frozen
class Emptied:
    """Nothing is left in its spool; it ends."""


Order = Begin | Follow | Resume | Stop | Obey
Report = Ready | Failed | Declined | Said | Counted | Answered | Emptied
Word = Order | Report

ORDERS: Final[tuple[type[Order], ...]] = (Begin, Follow, Resume, Stop, Obey)
REPORTS: Final[tuple[type[Report], ...]] = (
    *(Ready, Failed, Declined, Said, Counted, Answered, Emptied),
)


def cut(text: str) -> str:
    """A text that fits into `Said`."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]} [{len(text) - LONGEST_TEXT} characters more]"


def write(word: Word) -> bytes:
    """A word as bytes."""
    values = [type(word).__name__, *astuple(word, recurse=False)]
    content = orjson.dumps(values)
    return b"%d:%b," % (len(content), content)


class Ear:
    """Words out of bytes as they come.

    `words` are those that are understood, of at most `limit` bytes each.
    """

    def __init__(self, words: tuple[type[Word], ...], limit: int) -> None:
        self._words: Mapping[str, type[Word]] = {each.__name__: each for each in words}
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Word]:
        """Complete words; raises RemoteProtocolError, once and for all, for others."""
        self._data += data
        heard = []
        while (content := self._take()) is not None:
            heard.append(self._read(content))
        return heard

    def _take(self) -> bytes | None:
        found = _LENGTH.match(self._data)
        if found is None:
            if len(self._data) < _LONGEST_LENGTH and _may_begin(self._data):
                return None
            raise RemoteProtocolError("this is no netstring")
        begin, length = found.end(), int(found[1])
        if length > self._limit:
            raise RemoteProtocolError(f"a word of {length} bytes")
        if len(self._data) <= begin + length:
            return None
        content, end = bytes(self._data[begin : begin + length]), begin + length
        if self._data[end] != ord(","):
            raise RemoteProtocolError("a netstring without its comma")
        del self._data[: end + 1]
        return content

    def _read(self, content: bytes) -> Word:
        try:
            name, *values = orjson.loads(content)
            return self._words[name](*values)
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteProtocolError(f"not a word: {content[:40]!r}") from error


def _may_begin(data: bytearray) -> bool:
    return not data or (data.isdigit() and (data[:1] != b"0" or len(data) == 1))


class Lines:
    """Lines out of bytes as they come; those longer than `limit` bytes in pieces."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Lines that are complete, empty ones left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > self._limit:
            lines.append(self._rest[: self._limit])
            self._rest = self._rest[self._limit :]
        return [text for line in lines for text in self._pieces(line)]

    def end(self) -> list[str]:
        """What is left without an end."""
        rest, self._rest = self._rest, b""
        return self._pieces(rest)

    def _pieces(self, line: bytes) -> list[str]:
        starts = range(0, len(line), self._limit)
        pieces = (line[at : at + self._limit] for at in starts)
        return [piece.decode("utf-8", "replace").rstrip() for piece in pieces]
