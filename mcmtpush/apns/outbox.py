"""What a client writes on one connection, within the windows of the peer.

Keeps the bytes to be written, the peer's connection window and every body that
did not fit yet.  Knows nothing of answers.  Source: RFC 9113, section 6.9.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from mcmtpush.apns.http2frame import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    HEADERS,
    LARGEST_WINDOW,
    MAX_PAYLOAD_BYTES,
    Violation,
    encode_frame,
    encode_head,
)
from mcmtpush.apns.http2settings import DEFAULT_WINDOW, PeerSettings


MAX_HELD_ACKS: Final = 1000
"""So many answers to PING and SETTINGS may wait for a peer that does not read."""

_NOTHING: Final = b""


@define(eq=False)
class Sending:
    """The half of a stream that is ours.

    Attributes:
        stream_id: of the stream.
        window: bytes the peer still takes on it; negative after its settings shrank.
        rest: the end of the body that was not sent yet.
    """

    stream_id: int
    window: int
    rest: bytes = _NOTHING


class Outbox:
    """Frames on their way out, and bodies that wait for a window.

    Attributes:
        window: bytes the peer still takes on the whole connection.
        owed: bytes of opened streams that wait.
    """

    def __init__(self, peer: PeerSettings) -> None:
        self._peer = peer
        self._parts: list[bytes] = []
        self._waiting: dict[int, Sending] = {}
        self._held = False
        self._held_acks = 0
        self.window = DEFAULT_WINDOW
        self.owed = 0

    def take(self) -> bytes:
        """All that is to be written now, once."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    def add(self, frame: bytes) -> None:
        """One more frame, behind all others."""
        self._parts.append(frame)

    def hold(self, held: bool) -> None:
        """Whether what was taken so far waits for the peer to read."""
        self._held, self._held_acks = held, 0

    def acknowledge(self, frame: bytes) -> None:
        """What the peer may ask for as often as it likes, while it reads.

        Raises `Violation` when it does not: its questions cost it nothing, and our
        answers would pile up.
        """
        self._held_acks += self._held
        if self._held_acks > MAX_HELD_ACKS:
            raise Violation(
                ENHANCE_YOUR_CALM,
                f"it reads nothing, and {MAX_HELD_ACKS} answers to its PING and "
                "SETTINGS wait for it",
            )
        self._parts.append(frame)

    def takes(self, size: int) -> bool:
        """Whether a body of so many bytes could leave whole.

        One that is larger than the peer's window for a new stream never can: such
        a body may leave piece by piece when no other does.
        """
        if size + self.owed > self.window:
            return False
        return size <= self._peer.window or not self._waiting

    def open(self, stream_id: int, block: bytes, body: bytes) -> Sending:
        """A new stream: its HEADERS, and of the body what the windows let through."""
        size = len(body)
        peer = self._peer
        head = END_HEADERS if size else END_HEADERS | END_STREAM
        if len(block) <= MAX_PAYLOAD_BYTES:
            self._parts += (encode_head(len(block), HEADERS, head, stream_id), block)
        else:
            self._split(stream_id, block, head & END_STREAM)
        if not size:
            return Sending(stream_id, peer.window)
        if (
            size <= peer.window
            and size <= MAX_PAYLOAD_BYTES
            and size + self.owed <= self.window
        ):
            self.window -= size
            self._parts += (encode_head(size, DATA, END_STREAM, stream_id), body)
            return Sending(stream_id, peer.window - size)
        sending = Sending(stream_id, peer.window, body)
        self._waiting[stream_id] = sending
        self.owed += size
        self._go_on(sending)
        return sending

    def drop(self, sending: Sending) -> None:
        """The stream is over: what was not sent of it never will be."""
        self.owed -= len(sending.rest)
        sending.rest = _NOTHING
        self._waiting.pop(sending.stream_id, None)

    def widen(self, increment: int) -> None:
        """The connection window grew: the streams go on, the oldest first."""
        self.window += increment
        if self.window > LARGEST_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, "the connection window overflowed")
        for sending in list(self._waiting.values()):
            if self.window <= 0:
                break
            self._go_on(sending)

    def widen_stream(self, sending: Sending, increment: int) -> None:
        """A stream's window grew, or shrank with the peer's settings."""
        sending.window += increment
        if sending.window > LARGEST_WINDOW:
            raise Violation(
                FLOW_CONTROL_ERROR,
                f"the window of stream {sending.stream_id} overflowed",
            )
        if sending.rest:
            self._go_on(sending)

    def _go_on(self, sending: Sending) -> None:
        """Send of a waiting body what both windows take."""
        stream_id, rest = sending.stream_id, sending.rest
        size = min(len(rest), sending.window, self.window)
        if size <= 0:
            return
        sending.window -= size
        self.window -= size
        self.owed -= size
        piece, sending.rest = rest[:size], rest[size:]
        if not sending.rest:
            del self._waiting[stream_id]
        limit = MAX_PAYLOAD_BYTES
        for start in range(0, size, limit):
            end = start + limit
            last = end >= size and not sending.rest
            self._parts.append(
                encode_frame(
                    DATA, END_STREAM if last else 0, stream_id, piece[start:end]
                )
            )

    def _split(self, stream_id: int, block: bytes, flags: int) -> None:
        """A field block that is longer than a frame."""
        limit = MAX_PAYLOAD_BYTES
        kind = HEADERS
        for start in range(0, len(block), limit):
            end = start + limit
            if end >= len(block):
                flags |= END_HEADERS
            self._parts.append(encode_frame(kind, flags, stream_id, block[start:end]))
            kind, flags = CONTINUATION, 0
