"""Apple's binary interface on the wire: notifications one way, one error back.

Knows bytes only; what a status means is said in `reasons`, which message an
identifier names in `window`.  All integers are big-endian.  One stream mixes
three commands, told apart by the first byte:

    command 0   00  token length (2)  token  payload length (2)  payload
    command 1   01  identifier (4)  expiry (4)  then as command 0
    command 2   02  frame length (4)  items, each: id (1)  length (2)  data
                    1 token   2 payload   3 identifier (4)   4 expiry (4)
                    5 priority (1)
    answer      08  status (1)  identifier (4)

Source of the formats: Apple, "Binary Provider API" and "Legacy Notification
Format", Local and Remote Notification Programming Guide.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Final, NamedTuple

from attrs import frozen

from mcmtpush.errors import LocalProtocolError, RemoteProtocolError


MAX_FRAME_BYTES: Final = 65535
"""No longer frame is read, headers included: ten times what Apple ever took."""

IMMEDIATE_PRIORITY: Final = 10
"""What a notification without a priority has."""

_UNPARSABLE: Final = 128
_ANSWER: Final = 8

_TOKEN, _PAYLOAD, _IDENTIFIER, _EXPIRY, _PRIORITY = 1, 2, 3, 4, 5
_FIXED_SIZES: Final = {_IDENTIFIER: 4, _EXPIRY: 4, _PRIORITY: 1}

_HEAD = Struct(">BIBHIBH")  # command, length, the identifier, the token's header
_MIDDLE = Struct(">BH")  # the payload's header
_TAIL = Struct(">BHIBHB")  # expiry and priority
_ITEM = Struct(">BH")
_ENHANCED = Struct(">xII")
_ERROR = Struct(">BBI")


class Frame(NamedTuple):
    """One notification as a server reads it, values unjudged.

    Attributes:
        command: 0, 1 or 2.
        identifier: 0 when none was given.
        token, payload: empty when none was given.
        expiry: seconds since the epoch, 0 = do not store; None if not given.
        priority: `IMMEDIATE_PRIORITY` when none was given.
    """

    command: int
    identifier: int
    token: bytes
    payload: bytes
    expiry: int | None
    priority: int


@frozen
class Malformed:
    """Bytes that are no notification; nothing behind them can be read.

    `identifier` is the one read before the fault, or 0; `command` the first
    byte; `reason` is for operators.
    """

    status: int
    identifier: int
    reason: str
    command: int


@frozen
class ErrorPacket:
    """The gateway's only kind of answer; it closes the connection behind it."""

    status: int
    identifier: int


def encode_notification(
    identifier: int, token: bytes, payload: bytes, expiry: int, priority: int
) -> bytes:
    """A command 2 frame with all five items, the identifier first.

    With the identifier in front, an error found in the middle of the frame can
    still be attributed.  `expiry` is seconds since the epoch.  Raises
    `LocalProtocolError` when a value does not fit its field.
    """
    token_size = len(token)
    payload_size = len(payload)
    try:
        return (
            _HEAD.pack(
                2, 24 + token_size + payload_size, 3, 4, identifier, 1, token_size
            )
            + token
            + _MIDDLE.pack(2, payload_size)
            + payload
            + _TAIL.pack(4, 4, expiry, 5, 1, priority)
        )
    except StructError as error:
        raise LocalProtocolError(
            f"a notification does not fit a frame: {error}"
        ) from error


def encode_known_bad(identifier: int) -> bytes:
    """A frame that no gateway takes: empty token, empty payload, status 2.

    Whoever answers it has worked through all that was written before it.
    """
    return encode_notification(identifier, b"", b"", 0, IMMEDIATE_PRIORITY)


def encode_error(status: int, identifier: int) -> bytes:
    """The six bytes of an answer; `LocalProtocolError` when a value does not fit."""
    try:
        return _ERROR.pack(_ANSWER, status, identifier)
    except StructError as error:
        raise LocalProtocolError(
            f"an answer does not fit its packet: {error}"
        ) from error


class ErrorReader:
    """The client's side: waits for the one packet of a connection."""

    def __init__(self) -> None:
        self._seen = b""
        self._done = False

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished packet were seen: 0 to 5."""
        return 0 if self._done else len(self._seen)

    def feed(self, data: bytes) -> ErrorPacket | None:
        """The packet once it is whole, and never again; what follows is ignored.

        Raises `RemoteProtocolError` when the first byte is no answer's.
        """
        if self._done or not data:
            return None
        self._seen = (self._seen + data[:6])[:6]
        if self._seen[0] != _ANSWER:
            raise RemoteProtocolError(
                f"the gateway sent {self._seen[0]:#04x}, an answer begins with 0x08"
            )
        if len(self._seen) < _ERROR.size:
            return None
        self._done = True
        _, status, identifier = _ERROR.unpack(self._seen)
        return ErrorPacket(status, identifier)


class FrameReader:
    """The server's side: bytes in any cut to notifications, in order.

    Every byte is copied a bounded number of times however small the pieces
    are, and never more than one unfinished frame is kept.
    """

    def __init__(self) -> None:
        self._carry = bytearray()
        self._need = 1
        self._broken = False

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return len(self._carry)

    def feed(self, data: bytes) -> list[Frame | Malformed]:
        """All that became whole; after a `Malformed` always nothing."""
        if self._broken:
            return []
        if self._carry:
            self._carry += data
            if len(self._carry) < self._need:
                return []
            data = bytes(self._carry)
            self._carry.clear()
        return self._read(data)

    def _read(self, data: bytes) -> list[Frame | Malformed]:
        found: list[Frame | Malformed] = []
        start, end = 0, len(data)
        while start < end:
            size = _frame_size(data, start, end - start)
            fault = _size_fault(data[start], size)
            if fault is not None:
                self._broken = True
                return [*found, fault]
            if size > end - start:
                self._carry += data[start:]
                self._need = size
                break
            frame = _read_frame(data, start, start + size)
            found.append(frame)
            if type(frame) is Malformed:
                self._broken = True
                break
            start += size
        return found


def _frame_size(data: bytes, start: int, available: int) -> int:
    """The size of the frame at `start`, or more than `available` while unknown.

    0 when there is no such command.
    """
    command = data[start]
    if command == 2:
        if available < 5:
            return 5
        return 5 + int.from_bytes(data[start + 1 : start + 5])
    if command > 2:
        return 0
    head = 11 if command else 3
    if available < head:
        return head
    head += 2 + _length(data, start + head - 2)
    if available < head or head > MAX_FRAME_BYTES:
        return head
    return head + _length(data, start + head - 2)


def _length(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _size_fault(command: int, size: int) -> Malformed | None:
    if size == 0:
        return Malformed(_UNPARSABLE, 0, f"unknown command {command}", command)
    if size > MAX_FRAME_BYTES:
        reason = f"a frame of {size} bytes, the limit is {MAX_FRAME_BYTES}"
        return Malformed(_UNPARSABLE, 0, reason, command)
    return None


def _read_frame(data: bytes, start: int, end: int) -> Frame | Malformed:
    """The frame between `start` and `end`, all of whose bytes are there."""
    command = data[start]
    if command == 2:
        return _read_items(data, start + 5, end)
    identifier, expiry, head = 0, None, start + 3
    if command == 1:
        identifier, expiry = _ENHANCED.unpack_from(data, start)
        head = start + 11
    token_end = head + _length(data, head - 2)
    return Frame(
        command,
        identifier,
        data[head:token_end],
        data[token_end + 2 : end],
        expiry,
        IMMEDIATE_PRIORITY,
    )


def _read_items(data: bytes, offset: int, end: int) -> Frame | Malformed:
    items: dict[int, bytes] = {}
    while offset < end:
        if end - offset < 3:
            return _item_fault(items, "an item's header is cut short")
        item, size = _ITEM.unpack_from(data, offset)
        start = offset + 3
        offset = start + size
        if offset > end:
            return _item_fault(items, f"item {item} is longer than its frame")
        if item in items:
            return _item_fault(items, f"item {item} is there twice")
        if not 1 <= item <= 5:
            return _item_fault(items, f"unknown item {item}")
        if item > 2 and size != _FIXED_SIZES[item]:
            return _item_fault(items, f"item {item} has {size} bytes")
        items[item] = data[start:offset]
    expiry = items.get(_EXPIRY)
    priority = items.get(_PRIORITY)
    return Frame(
        2,
        _identifier(items),
        items.get(_TOKEN, b""),
        items.get(_PAYLOAD, b""),
        None if expiry is None else int.from_bytes(expiry),
        IMMEDIATE_PRIORITY if priority is None else priority[0],
    )


def _identifier(items: dict[int, bytes]) -> int:
    identifier = items.get(_IDENTIFIER)
    return 0 if identifier is None else int.from_bytes(identifier)


def _item_fault(items: dict[int, bytes], reason: str) -> Malformed:
    return Malformed(_UNPARSABLE, _identifier(items), reason, 2)
