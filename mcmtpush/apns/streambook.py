"""The streams of one client connection, and what they hold of our window.

A stream is under way, or given up (we ended it, and the peer may not know yet), or
over.  Sources: RFC 9113, sections 5.1 and 6.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import define, field

from mcmtpush.apns.http2frame import (
    FLOW_CONTROL_ERROR,
    LAST_STREAM_ID,
    NUMBER,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Violation,
    encode_frame,
)
from mcmtpush.apns.http2settings import CONNECTION_WINDOW, STREAM_WINDOW
from mcmtpush.apns.outbox import Outbox, Sending


MAX_GIVEN_UP: Final = 65536
"""So many streams that were given up are remembered."""

_ACKNOWLEDGED_BYTES: Final = 65536
"""So much of our window is given back at once."""

_NO_FIELDS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


@define(eq=False)
class Stream:
    """One request under way.

    Attributes:
        tag: the caller's.
        sending: our half.
        status: of the answer; 0 before its HEADERS.
        fields: of the answer.
        pieces: of its body.
        held: bytes of our connection window that wait for the end of the stream.
    """

    tag: object
    sending: Sending
    status: int = 0
    fields: Mapping[bytes, bytes] = _NO_FIELDS
    pieces: list[bytes] = field(factory=list)
    held: int = 0


class StreamBook:
    """All streams by id.

    Attributes:
        streams: those under way, oldest first.
        next_id: of the next one that is opened.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.streams: dict[int, Stream] = {}
        self.next_id = 1
        self._outbox = outbox
        self._given_up: dict[int, None] = {}
        self._window = CONNECTION_WINDOW
        self._unacknowledged = 0

    @property
    def exhausted(self) -> bool:
        """Whether no id is left."""
        return self.next_id > LAST_STREAM_ID

    def open(self, tag: object, block: bytes, body: bytes) -> int:
        """Enter and send one more; its id."""
        stream_id = self.next_id
        self.next_id = stream_id + 2
        sending = self._outbox.open(stream_id, block, body)
        self.streams[stream_id] = Stream(tag, sending)
        return stream_id

    def find(self, stream_id: int) -> Stream | None:
        """The stream; None for one that is over, of whatever kind.

        Raises `Violation` for one that never was.
        """
        stream = self.streams.get(stream_id)
        if stream is None and (not stream_id % 2 or stream_id >= self.next_id):
            raise Violation(PROTOCOL_ERROR, f"stream {stream_id} was never opened")
        return stream

    def find_answered(self, stream_id: int) -> Stream | None:
        """The same for a piece of an answer; None only for one that was given up."""
        stream = self.find(stream_id)
        if stream is None and stream_id not in self._given_up:
            raise Violation(STREAM_CLOSED, f"stream {stream_id} is over")
        return stream

    def receive(self, size: int) -> None:
        """So many bytes of DATA came, padding included."""
        self._window -= size
        if self._window < 0:
            raise Violation(FLOW_CONTROL_ERROR, "more DATA than our window takes")

    def hold(self, stream_id: int, stream: Stream, size: int) -> None:
        """They belong to this stream, whose window never grows."""
        stream.held += size
        if stream.held > STREAM_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, f"too much DATA on stream {stream_id}")

    def acknowledge(self, size: int) -> None:
        """Give back our connection window, not for every little piece."""
        self._unacknowledged += size
        if self._unacknowledged >= _ACKNOWLEDGED_BYTES:
            grown = NUMBER.pack(self._unacknowledged)
            self._outbox.add(encode_frame(WINDOW_UPDATE, 0, 0, grown))
            self._window += self._unacknowledged
            self._unacknowledged = 0

    def forget(self, stream_id: int) -> Stream:
        """The stream is over for both sides."""
        stream = self.streams.pop(stream_id)
        if stream.sending.rest:
            self._outbox.drop(stream.sending)
        if stream.held:
            self.acknowledge(stream.held)
        return stream

    def give_up(self, stream_id: int) -> Stream:
        """The stream is over for us; the peer may still send something on it."""
        self._given_up[stream_id] = None
        if len(self._given_up) > MAX_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]
        return self.forget(stream_id)
