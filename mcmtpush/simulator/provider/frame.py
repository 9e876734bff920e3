"""Frames that this server writes in its own words, which `h2` would not let it choose.

Source: RFC 9113, sections 4.1, 6.2, 6.5, 6.8 and 6.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, pack
from typing import Final


_HEADERS: Final = 1
_SETTINGS: Final = 4
_GOAWAY: Final = 7
_CONTINUATION: Final = 9

_END_STREAM: Final = 0x01
_END_HEADERS: Final = 0x04

_HEAD: Final = Struct(">HBBBL")
"""The length in two pieces, kind, flags, stream."""


def settings_frame(values: Mapping[int, int]) -> bytes:
    """SETTINGS, in this order."""
    pairs = [pack(">HI", name, value) for name, value in values.items()]
    return _frame(_SETTINGS, 0, 0, b"".join(pairs))


def goaway_frame(last: int, code: int, debug: bytes) -> bytes:
    """GOAWAY with any last stream and any code."""
    return _frame(_GOAWAY, 0, 0, pack(">II", last, code) + debug)


def header_frames(stream: int, block: bytes, *, end: bool, limit: int) -> bytes:
    """HEADERS, and CONTINUATION as long as `limit` bytes are not enough for the block.

    `end` ends the stream.
    """
    frames, kind, flags = b"", _HEADERS, _END_STREAM if end else 0
    while len(block) > limit:
        frames += _frame(kind, flags, stream, block[:limit])
        block, kind, flags = block[limit:], _CONTINUATION, 0
    return frames + _frame(kind, flags | _END_HEADERS, stream, block)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload
