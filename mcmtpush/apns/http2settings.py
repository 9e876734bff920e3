"""The SETTINGS of both sides: what the peer set, checked, and what we set.

Source: RFC 9113, section 6.5; what is not known there is to be ignored.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.apns.fieldtable import MAX_LIST_BYTES
from mcmtpush.apns.http2frame import (
    ACK,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    LARGEST_WINDOW,
    MAX_PAYLOAD_BYTES,
    NUMBER,
    PREFACE,
    PROTOCOL_ERROR,
    SETTING,
    SETTINGS,
    WINDOW_UPDATE,
    Violation,
    encode_frame,
)


HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

DEFAULT_WINDOW: Final = 65535

STREAM_WINDOW: Final = 512 * 1024
"""No answer's body is longer: it is handed over whole, so its window never grows."""

CONNECTION_WINDOW: Final = 4 * 1024 * 1024
"""All bodies under way together."""

SETTINGS_ACK: Final = encode_frame(SETTINGS, ACK, 0)


def encode_beginning() -> bytes:
    """What a client says first: preface, SETTINGS, a large connection window."""
    settings = (
        (ENABLE_PUSH, 0),
        (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
        (MAX_HEADER_LIST_SIZE, MAX_LIST_BYTES),
    )
    payload = b"".join(SETTING.pack(name, value) for name, value in settings)
    grown = NUMBER.pack(CONNECTION_WINDOW - DEFAULT_WINDOW)
    return b"".join(
        (
            PREFACE,
            encode_frame(SETTINGS, 0, 0, payload),
            encode_frame(WINDOW_UPDATE, 0, 0, grown),
        )
    )


class PeerSettings:
    """What the peer allows; its defaults until it says something else.

    Longer frames than every peer takes are not written, whatever it allows.

    Attributes:
        max_streams: how many we may have open; None means any number.
        window: how many bytes of a body a new stream takes.
    """

    def __init__(self) -> None:
        self.max_streams: int | None = None
        self.window = DEFAULT_WINDOW

    def apply(self, payload: bytes) -> frozenset[int]:
        """Take in one frame's settings; the names of all it had.

        Raises `Violation` for a value that no server may set.
        """
        if len(payload) % SETTING.size:
            raise Violation(FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
        settings = dict(SETTING.iter_unpack(payload))
        for name, value in SETTING.iter_unpack(payload):
            check_setting(name, value)
        self.max_streams = settings.get(MAX_CONCURRENT_STREAMS, self.max_streams)
        self.window = settings.get(INITIAL_WINDOW_SIZE, self.window)
        return frozenset(settings)


_BOUNDS: Final = {
    ENABLE_PUSH: (0, 0, PROTOCOL_ERROR),
    INITIAL_WINDOW_SIZE: (0, LARGEST_WINDOW, FLOW_CONTROL_ERROR),
    MAX_FRAME_SIZE: (MAX_PAYLOAD_BYTES, 2**24 - 1, PROTOCOL_ERROR),
    8: (0, 1, PROTOCOL_ERROR),  # ENABLE_CONNECT_PROTOCOL, RFC 8441
}
"""The least and the most a server may set, and what it is told otherwise."""


def check_setting(name: int, value: int) -> None:
    """Raise `Violation` when a server may not set this."""
    least, most, code = _BOUNDS.get(name, (0, value, 0))
    if not least <= value <= most:
        raise Violation(code, f"setting {name} of {value}")
