"""HPACK field blocks of answers to status and fields, strictly.

A block that neither changes the dynamic table nor meets another table than before
means the same as before: those are remembered whole until the table changes.

Sources: RFC 7541; RFC 9113, section 8.2 and 8.3, for what is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from mcmtpush.apns.fieldtable import FieldTable
from mcmtpush.apns.http2frame import COMPRESSION_ERROR, PROTOCOL_ERROR, Violation


_MAX_KNOWN: Final = 256

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_FORBIDDEN = re.compile(rb"[\x00\r\n]")
_CONNECTION: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    }
)
_STATUS = re.compile(rb"[1-9][0-9][0-9]")


class Block(NamedTuple):
    """One block, understood.  `status` is 0 for trailers, which have none.

    `fields` has lower-case names; repeated ones are joined by commas.
    """

    status: int
    fields: Mapping[bytes, bytes]


class BlockReader:
    """The blocks of one connection, in the order they come."""

    def __init__(self) -> None:
        self._table = FieldTable()
        self._known: dict[bytes, Block] = {}

    def read(self, block: bytes) -> Block:
        """What it says; raises `Violation`."""
        known = self._known.get(block)
        return known if known is not None else self._read(block)

    def _read(self, block: bytes) -> Block:
        before = self._table.changes
        try:
            fields = self._table.read(block)
        except (IndexError, ValueError) as error:
            raise Violation(COMPRESSION_ERROR, f"no field block: {error}") from error
        read = read_fields(fields)
        if self._table.changes != before or len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        if self._table.changes == before:
            self._known[block] = read
        return read


def read_fields(fields: Iterable[tuple[bytes, bytes]]) -> Block:
    """Status and fields; raises `Violation` for what RFC 9113 calls malformed."""
    status = 0
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name == b":status" and not status and not found:
            if not _STATUS.fullmatch(value):
                raise Violation(PROTOCOL_ERROR, f"status {value!r}")
            status = int(value)
            continue
        _check(name, value)
        found[name] = found[name] + b", " + value if name in found else value
    return Block(status, MappingProxyType(found))


def _check(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name) or name in _CONNECTION:
        raise Violation(PROTOCOL_ERROR, f"an answer with a field {name!r}")
    if _FORBIDDEN.search(value) or value != value.strip(b" \t"):
        raise Violation(PROTOCOL_ERROR, f"an answer with {value!r} for {name!r}")
    if name == b"te" and value != b"trailers":
        raise Violation(PROTOCOL_ERROR, "an answer with a TE field")
