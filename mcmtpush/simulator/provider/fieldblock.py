"""HPACK field blocks by a short way where they are plain, else by the hpack package.

A plain block has nothing but entries of the static table and literals that enter
no table and have no Huffman code: reading it needs no state, and writing it changes
none.  Whatever else a block has, and whatever is wrong with one, is hpack's, which
is the judge: the short way says the same as it or nothing, as tests show.

It is no part of the client's own codec in `apns`, so that a mistake there is not
made here as well.  Source: RFC 7541, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hpack.hpack import Decoder, Encoder, encode_integer
from hpack.table import HeaderTable


BY_HPACK: Final = 32
"""So many answers of every `ROUND` are written by hpack, the first of each connection
among them: clients are to see Huffman's code and the dynamic table as well."""

ROUND: Final = 1024

Field = tuple[bytes, bytes]

_STATIC: Final[tuple[Field, ...]] = ((b"", b""), *HeaderTable.STATIC_TABLE)
_NAMES: Final = tuple(name for name, _ in _STATIC)
_LONG_INDEX: Final = 0x0F
_LONG: Final = 0x7F
_MORE: Final = 0x80
_MAX_FIELD_BYTES: Final = 64
"""What RFC 7541 counts for a field, without the octets of its literals, is less."""


class PlainDecoder(Decoder):
    """hpack's decoder, with the short way for plain blocks."""

    def decode(self, data: bytes, raw: bool = False) -> Any:
        """As hpack's; a plain block's fields are bare tuples."""
        fields = read_plain(data) if raw else None
        if (
            fields is None
            or len(fields) * _MAX_FIELD_BYTES + len(data) > self.max_header_list_size
            or self.header_table_size > self.max_allowed_table_size
        ):
            return super().decode(data, raw)
        return fields


class PlainEncoder(Encoder):
    """hpack's encoder, with the short way for most answers."""

    def __init__(self) -> None:
        super().__init__()
        self._written = 0

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        """As hpack's, when it is hpack's turn or there is a new table size to tell."""
        turn = self._written % ROUND
        self._written += 1
        if self.table_size_changes:
            self._settle_sizes()
        elif turn >= BY_HPACK:
            return write_plain(headers)
        return super().encode(headers, huffman)

    def _settle_sizes(self) -> None:
        """Tell the least size and the last, which hpack does for one change only.

        Of several it tells all, larger ones than the client takes among them, or none
        when the last two are alike.
        """
        sizes = self.table_size_changes
        self.table_size_changes = sorted({min(sizes), sizes[-1]})
        self.header_table.resized = True


def read_plain(block: bytes) -> list[Field] | None:
    """The fields of a plain block; None for every other, and for what is none."""
    fields: list[Field] = []
    at, end = 0, len(block)
    try:
        while at < end:
            first = block[at]
            if first > _MORE:
                fields.append(_STATIC[first & _LONG])
                at += 1
            elif first & 0xE0:
                return None
            else:
                name, at = _read_name(block, at, first & _LONG_INDEX)
                size, start = _read_size(block, at)
                at = start + size
                fields.append((name, block[start:at]))
    except (IndexError, ValueError):
        return None
    return fields if at == end else None


def _read_name(block: bytes, at: int, index: int) -> tuple[bytes, int]:
    """The name of the literal that begins here, and where its value does."""
    if not index:
        size, start = _read_size(block, at + 1)
        at = start + size
        return block[start:at], at
    if index < _LONG_INDEX:
        return _NAMES[index], at + 1
    return _NAMES[index + block[at + 1]], at + 2


def _read_size(block: bytes, at: int) -> tuple[int, int]:
    """The length of the string that begins here, and where its octets do."""
    size = block[at]
    if size < _LONG:
        return size, at + 1
    low, high = block[at + 1], block[at + 2]
    if size > _LONG or (low >= _MORE and high >= _MORE):
        raise ValueError("not for the short way")
    if low < _MORE:
        return size + low, at + 2
    return size + low - _MORE + (high << 7), at + 3


def write_plain(fields: Iterable[Field]) -> bytes:
    """A plain block that says these."""
    parts: list[bytes] = []
    for name, value in fields:
        whole = _INDEXED.get((name, value))
        if whole is not None:
            parts.append(whole)
        else:
            front = _FRONTS.get(name) or b"\x00" + _size(name) + name
            parts += (front, _size(value), value)
    return b"".join(parts)


def _size(text: bytes) -> bytes:
    size = len(text)
    return _SIZES[size] if size < _LONG else bytes(encode_integer(size, 7))


_SIZES: Final = tuple(bytes((size,)) for size in range(_LONG))

_INDEXED: Final[dict[Field, bytes]] = {
    field: bytes((_MORE | index,)) for index, field in enumerate(_STATIC) if index
}
_FRONTS: Final[dict[bytes, bytes]] = {
    name: bytes((index,))
    if index < _LONG_INDEX
    else bytes((_LONG_INDEX, index - _LONG_INDEX))
    for index, name in reversed(list(enumerate(_NAMES)))
    if index
}
"""By name, what comes before the value of a literal that enters no table."""

_FRONTS.update(
    (name, b"\x00" + _size(name) + name)
    for name in (b"apns-id", b"apns-unique-id", b"apns-request-id", b"apns-channel-id")
)
