"""HPACK field blocks to fields: the static and the dynamic table, and indices.

Made for short answers, hence by hand: a block costs a third of what the hpack
package takes, against which it is tested.  Source: RFC 7541.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mcmtpush.apns.huffman import decode_huffman


TABLE_BYTES: Final = 4096
"""The dynamic table that a peer may use while we do not say otherwise."""

MAX_LIST_BYTES: Final = 65536
"""A block that unpacks to more is refused; RFC 9113 names it MAX_HEADER_LIST_SIZE."""

_OVERHEAD: Final = 32
_MAX_SHIFT: Final = 28

Field = tuple[bytes, bytes]

STATIC_TABLE: Final[tuple[Field, ...]] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
)
"""Entry 1 comes first."""


class FieldTable:
    """What one peer's blocks refer to; they must be read in order, each once.

    Attributes:
        changes: goes up whenever the dynamic table may have changed: until then
            a block that was read means the same again.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._entries: deque[Field] = deque()
        self._size = 0
        self._limit = TABLE_BYTES

    def read(self, block: bytes) -> list[Field]:
        """The fields of one block; `ValueError` or `IndexError` when it is none."""
        fields: list[Field] = []
        at, end, total = 0, len(block), 0
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = _read_integer(block, at, 0x7F)
                field = self._entry(index)
            elif first & 0x40:
                field, at = self._literal(block, at, 0x3F)
                self._add(field)
            elif first & 0x20:
                if fields:
                    raise ValueError("a table size behind a field")
                at = self._resize(block, at)
                continue
            else:
                field, at = self._literal(block, at, 0x0F)
            fields.append(field)
            total += _OVERHEAD + len(field[0]) + len(field[1])
            if total > MAX_LIST_BYTES:
                raise ValueError("a block that unpacks to too much")
        return fields

    def _entry(self, index: int) -> Field:
        if index <= len(STATIC_TABLE):
            if not index:
                raise IndexError("entry 0")
            return STATIC_TABLE[index - 1]
        return self._entries[index - len(STATIC_TABLE) - 1]

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _read_integer(block, at, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _read_string(block, at)
        value, at = _read_string(block, at)
        return (name, value), at

    def _add(self, field: Field) -> None:
        self.changes += 1
        self._entries.appendleft(field)
        self._size += _OVERHEAD + len(field[0]) + len(field[1])
        self._evict()

    def _resize(self, block: bytes, at: int) -> int:
        limit, at = _read_integer(block, at, 0x1F)
        if limit > TABLE_BYTES:
            raise ValueError(f"a table of {limit} bytes")
        self.changes += 1
        self._limit = limit
        self._evict()
        return at

    def _evict(self) -> None:
        """The oldest go; an entry that is larger than the table empties it."""
        while self._size > self._limit:
            name, value = self._entries.pop()
            self._size -= _OVERHEAD + len(name) + len(value)


def _read_integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """The number that begins in the low bits of an octet, and where it ends."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    shift = 0
    while True:
        octet = block[at]
        at += 1
        number += (octet & 0x7F) << shift
        if octet < 0x80:
            return number, at
        shift += 7
        if shift > _MAX_SHIFT:
            raise ValueError("a number without an end")


def _read_string(block: bytes, at: int) -> tuple[bytes, int]:
    coded = block[at] & 0x80
    size, start = _read_integer(block, at, 0x7F)
    end = start + size
    if end > len(block):
        raise ValueError("a string that is cut short")
    text = block[start:end]
    return (decode_huffman(text) if coded else text), end
