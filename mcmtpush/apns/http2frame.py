"""HTTP/2 frames as bytes: their head, their kinds, and how to cut them apart.

Knows no streams and no connection.  Source: RFC 9113, sections 4, 6 and 7.

    length (3)  kind (1)  flags (1)  stream (4, the first bit ignored)  payload
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from mcmtpush.errors import RemoteProtocolError


PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x01
ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
WITH_PRIORITY: Final = 0x20

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11

ERROR_NAMES: Final = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

HEAD_BYTES: Final = 9
MAX_PAYLOAD_BYTES: Final = 16384
"""Of a frame, both ways: the least that SETTINGS_MAX_FRAME_SIZE can say."""

LAST_STREAM_ID: Final = 0x7FFF_FFFF
LARGEST_WINDOW: Final = 0x7FFF_FFFF

NUMBER: Final = Struct(">L")
SETTING: Final = Struct(">HL")
PAIR: Final = Struct(">LL")

_HEAD: Final = Struct(">HBBBL")  # the length in two pieces, kind, flags, stream

Frame = tuple[int, int, int, bytes]
"""Kind, flags, stream, payload."""


class Violation(RemoteProtocolError):
    """The peer broke a rule; `code` is the error code for its GOAWAY."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def error_name(code: int) -> str:
    """What HTTP/2 calls an error code; codes without a name are named by number."""
    return ERROR_NAMES[code] if code < len(ERROR_NAMES) else f"ERROR_{code}"


def encode_head(size: int, kind: int, flags: int, stream_id: int) -> bytes:
    """The nine bytes in front of a payload of `size` bytes."""
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream_id)


def encode_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    return encode_head(len(payload), kind, flags, stream_id) + payload


def without_padding(flags: int, payload: bytes) -> bytes:
    """The payload of a DATA or HEADERS frame inside its padding."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise Violation(FRAME_SIZE_ERROR, "a padded frame without a pad length")
    end = len(payload) - payload[0]
    if end < 1:
        raise Violation(PROTOCOL_ERROR, "more padding than payload")
    return payload[1:end]


def without_priority(flags: int, payload: bytes) -> bytes:
    """The field block of a HEADERS frame behind its priority, which is ignored."""
    if not flags & WITH_PRIORITY:
        return payload
    if len(payload) < 5:
        raise Violation(FRAME_SIZE_ERROR, "no room for a priority in HEADERS")
    return payload[5:]


class FrameCutter:
    """Bytes in any cut to frames, in order; at most one unfinished frame is kept."""

    def __init__(self) -> None:
        self._carry = bytearray()
        self._need = HEAD_BYTES

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return len(self._carry)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """All frames that became whole, to be taken to the end.

        Raises `Violation` where a frame is too long, before its payload is read.
        """
        if self._carry:
            self._carry += data
            if len(self._carry) < self._need:
                return
            data = bytes(self._carry)
            self._carry.clear()
        start, end = 0, len(data)
        unpack = _HEAD.unpack_from
        while end - start >= HEAD_BYTES:
            high, low, kind, flags, stream_id = unpack(data, start)
            size = high << 8 | low
            if size > MAX_PAYLOAD_BYTES:
                raise Violation(FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            stop = start + HEAD_BYTES + size
            if stop > end:
                self._need = stop - start
                break
            yield (
                kind,
                flags,
                stream_id & LAST_STREAM_ID,
                data[start + HEAD_BYTES : stop],
            )
            start = stop
        else:
            self._need = HEAD_BYTES
        self._carry += data[start:]
