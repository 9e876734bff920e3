"""One client connection of HTTP/2, without I/O: requests in, answers out.

Bytes from the peer go in by `feed`, what is to be written comes out of `output`.
Rules of this file:

- Every tag that was given to `open` is reported exactly once, by `Answered`,
  `WasReset` or `WentAway.unprocessed`, or its stream is still open, or it was
  cancelled.
- Nothing is opened before the peer's first SETTINGS, nor after the end began;
  what the peer still has to answer is awaited for as long as it is connected.
- What RFC 9113 calls an error of a stream is treated like one of the connection,
  as it allows: a server that breaks rules is not trusted with the next request.

Never retries, and keeps no time.  Below it: `http2frame` cuts, `outbox` writes,
`streambook` keeps the accounts, `answerblock` understands.  It stands in for the
h2 package, which takes three times as long and reads nothing behind a GOAWAY.
Sources: RFC 9113; for how Apple uses it, "Establishing a connection to Apple Push
Notification service".
"""

from __future__ import annotations

from typing import Final

from mcmtpush.apns.answerblock import BlockReader
from mcmtpush.apns.fieldtable import MAX_LIST_BYTES
from mcmtpush.apns.http2frame import (
    ACK,
    CANCEL,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    GOAWAY,
    LAST_STREAM_ID,
    NO_ERROR,
    NUMBER,
    PAIR,
    PING,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    FrameCutter,
    Violation,
    encode_frame,
    without_padding,
    without_priority,
)
from mcmtpush.apns.http2settings import (
    HEADER_TABLE_SIZE,
    SETTINGS_ACK,
    PeerSettings,
    encode_beginning,
)
from mcmtpush.apns.outbox import Outbox
from mcmtpush.apns.requestblock import BlockWriter
from mcmtpush.apns.requests import Request
from mcmtpush.apns.streambook import Stream, StreamBook
from mcmtpush.apns.streamevent import (
    Answered,
    Event,
    LimitChanged,
    Ponged,
    WasReset,
    WentAway,
)
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError


__all__ = [
    "Answered",
    "Event",
    "LimitChanged",
    "Ponged",
    "Streams",
    "WasReset",
    "WentAway",
]

_PING: Final = b"mcmtpush"
_WITHOUT_BODY: Final = frozenset({204, 304})


class Streams:
    """One connection as its client sees it.

    Attributes:
        ready: the peer's first SETTINGS are here.
        over: no more streams will be opened: the peer went away or broke the rules,
            or `close` was called.
        broken: what the peer did wrong, once it did.
    """

    def __init__(self, authority: bytes, *, stream_limit: int, careful: bool) -> None:
        """A connection to `authority` with at most `stream_limit` streams open.

        If `careful` only one until the first success, whatever the peer allows.
        """
        self.ready = False
        self.over = False
        self.broken: RemoteProtocolError | None = None
        self._own_limit = stream_limit
        self._careful = careful
        self._limit = 0
        self._peer = PeerSettings()
        self._outbox = Outbox(self._peer)
        self._book = StreamBook(self._outbox)
        self._writer = BlockWriter(authority)
        self._blocks = BlockReader()
        self._cutter = FrameCutter()
        self._unfinished: tuple[int, int, bytearray] | None = None  # a field block
        self._away: WentAway | None = None
        self._events: list[Event] = []
        self._readers = (  # by kind of frame; what is beyond is ignored
            self._read_data,
            self._read_headers,
            self._read_priority,
            self._read_reset,
            self._read_settings,
            self._read_promise,
            self._read_ping,
            self._read_goaway,
            self._read_window,
            self._read_continuation,
        )

    # -- what we do -----------------------------------------------------------------

    @property
    def open_count(self) -> int:
        """How many requests are under way."""
        return len(self._book.streams)

    @property
    def room(self) -> int:
        """How many streams may be opened now."""
        return 0 if self.over else max(0, self._limit - len(self._book.streams))

    @property
    def window(self) -> int:
        """How many bytes of bodies may leave now; not positive when none may."""
        return self._outbox.window - self._outbox.owed

    def begin(self) -> None:
        """Say the first words; called once."""
        self._outbox.add(encode_beginning())

    def takes(self, size: int) -> bool:
        """Whether a request may be opened now whose body has so many bytes.

        There is room for it, and the windows let it leave whole; where the peer's
        window for a stream never will, it may leave in pieces, one at a time.
        """
        return self.room > 0 and self._outbox.takes(size)

    def open(self, request: Request, tag: object, bearer: bytes | None = None) -> int:
        """Send one request; its stream id.

        `bearer` is the whole value of `authorization`.  What the windows do not let
        through of the body follows by itself.
        """
        if self.over or len(self._book.streams) >= self._limit:
            raise LocalProtocolError("a stream was opened without room for it")
        block = self._writer.write(request, bearer)
        stream_id = self._book.open(tag, block, request.body)
        self.over = self._book.exhausted
        return stream_id

    def is_whole(self, stream_id: int) -> bool:
        """Whether all of a request was sent; what is not, nobody can have acted on."""
        stream = self._book.streams.get(stream_id)
        return stream is None or not stream.sending.rest

    def cancel(self, stream_id: int) -> None:
        """Wait no longer; nothing happens when the stream is over already."""
        if stream_id in self._book.streams:
            self._reset(stream_id, CANCEL)

    def ping(self) -> None:
        """Ask whether the peer is there."""
        self._outbox.add(encode_frame(PING, 0, 0, _PING))

    def close(self) -> None:
        """Say goodbye: what is under way may still be answered."""
        self._end(NO_ERROR)

    def output(self) -> bytes:
        """All that is to be written now, in one piece."""
        return self._outbox.take()

    # -- what the peer does ---------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Whether what was output so far waits for the peer to read.

        While it does, the peer may not ask for answers without an end.
        """
        self._outbox.hold(held)

    def feed(self, data: bytes) -> list[Event]:
        """What these bytes say, in order; any cut of the stream says the same.

        Raises `RemoteProtocolError` when the peer broke the rules, and from then on.
        What came before it in the same piece is returned first: then `broken` is set
        and the next call raises.  `output` has a GOAWAY in either case.
        """
        if self.broken is not None:
            raise self.broken
        events = self._events = []
        readers = self._readers
        try:
            for kind, flags, stream_id, payload in self._cutter.feed(data):
                if self._unfinished is not None or not self.ready:
                    self._check_order(kind, flags, stream_id)
                if kind < len(readers):
                    readers[kind](flags, stream_id, payload)
        except Violation as violation:
            self.broken = violation
            self._end(violation.code)
            if not events:
                raise
        return events

    def _check_order(self, kind: int, flags: int, stream_id: int) -> None:
        """The first frame is SETTINGS, and nothing comes into a field block."""
        if not self.ready and (kind != SETTINGS or flags & ACK):
            raise Violation(PROTOCOL_ERROR, "the peer did not begin with SETTINGS")
        if self._unfinished is not None and (kind, stream_id) != (
            CONTINUATION,
            self._unfinished[0],
        ):
            raise Violation(PROTOCOL_ERROR, f"frame {kind} inside a field block")

    def _read_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        book = self._book
        book.receive(size)
        stream = book.find_answered(stream_id)
        data = without_padding(flags, payload)
        if stream is None:
            book.acknowledge(size)
            return
        if not stream.status:
            raise Violation(PROTOCOL_ERROR, "DATA before HEADERS")
        book.hold(stream_id, stream, size)
        if data:
            stream.pieces.append(data)
        if flags & END_STREAM:
            self._answer(stream_id, stream)

    def _read_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = without_priority(flags, without_padding(flags, payload))
        if flags & END_HEADERS:
            self._read_block(stream_id, flags, block)
        else:
            self._book.find(stream_id)
            self._unfinished = stream_id, flags, bytearray(block)

    def _read_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._unfinished is None:
            raise Violation(PROTOCOL_ERROR, "CONTINUATION of nothing")
        _, head, block = self._unfinished
        block += payload
        if len(block) > MAX_LIST_BYTES:
            raise Violation(ENHANCE_YOUR_CALM, "a field block without an end")
        if flags & END_HEADERS:
            self._unfinished = None
            self._read_block(stream_id, head, bytes(block))

    def _read_block(self, stream_id: int, flags: int, block: bytes) -> None:
        """A whole field block; even one that is ignored may change the table."""
        status, fields = self._blocks.read(block)
        stream = self._book.find_answered(stream_id)
        if stream is None:
            return
        end = flags & END_STREAM
        if stream.status:
            if status or not end:
                raise Violation(PROTOCOL_ERROR, "trailers that are none")
        elif status >= 200:
            stream.status, stream.fields = status, fields
        elif not status or end or status == 101:
            raise Violation(PROTOCOL_ERROR, f"HEADERS with status {status}")
        if end:
            self._answer(stream_id, stream)

    def _read_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _expect(len(payload) == 5, stream_id != 0, "PRIORITY")

    def _read_reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _expect(len(payload) == 4, stream_id != 0, "RST_STREAM")
        if self._book.find(stream_id) is not None:
            stream = self._book.forget(stream_id)
            (code,) = NUMBER.unpack(payload)
            self._events.append(WasReset(stream_id, stream.tag, code))

    def _read_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        _expect(not (flags & ACK and payload), stream_id == 0, "SETTINGS")
        if flags & ACK:
            return
        before = self._peer.window
        names = self._peer.apply(payload)
        self.ready = True
        if HEADER_TABLE_SIZE in names:
            self._writer.empty_table()
        # What the new windows let through comes behind the word that we know them.
        self._outbox.acknowledge(SETTINGS_ACK)
        grown = self._peer.window - before
        if grown:
            for stream in self._book.streams.values():
                self._outbox.widen_stream(stream.sending, grown)
        self._set_limit()

    def _read_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise Violation(PROTOCOL_ERROR, "PUSH_PROMISE, which we forbade")

    def _read_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        _expect(len(payload) == 8, stream_id == 0, "PING")
        if not flags & ACK:
            self._outbox.acknowledge(encode_frame(PING, ACK, 0, payload))
        elif payload == _PING:
            self._events.append(Ponged())

    def _read_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _expect(len(payload) >= 8, stream_id == 0, "GOAWAY")
        last, code = PAIR.unpack_from(payload)
        last &= LAST_STREAM_ID
        debug = payload[8:]
        if self._away is not None:
            last = min(last, self._away.last_stream_id)
            if self._away.debug or not debug:
                code, debug = self._away.code, self._away.debug
        self.over = True
        book = self._book
        beyond = [each for each in book.streams if each > last]
        unprocessed = [book.give_up(each).tag for each in beyond]
        self._away = WentAway(code, last, debug, unprocessed)
        self._events.append(self._away)

    def _read_window(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _expect(len(payload) == 4, True, "WINDOW_UPDATE")
        increment = NUMBER.unpack(payload)[0] & LAST_STREAM_ID
        if not increment:
            raise Violation(PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        if not stream_id:
            self._outbox.widen(increment)
            return
        stream = self._book.find(stream_id)
        if stream is not None:
            self._outbox.widen_stream(stream.sending, increment)

    # -- accounts -------------------------------------------------------------------

    def _answer(self, stream_id: int, stream: Stream) -> None:
        """The peer said all it had to say."""
        status, fields = stream.status, stream.fields
        body = b"".join(stream.pieces)
        length = fields.get(b"content-length")
        if length is not None and status not in _WITHOUT_BODY:
            _check_length(length, len(body))
        if stream.sending.rest:
            # It did not want to read all; without this it would wait for the rest.
            self._reset(stream_id, NO_ERROR)
        else:
            self._book.forget(stream_id)
        self._events.append(Answered(stream_id, stream.tag, status, fields, body))
        if self._careful and 200 <= status < 300:
            self._careful = False
            self._set_limit()

    def _reset(self, stream_id: int, code: int) -> None:
        self._book.give_up(stream_id)
        self._outbox.add(encode_frame(RST_STREAM, 0, stream_id, NUMBER.pack(code)))

    def _set_limit(self) -> None:
        limit = 1 if self._careful else self._own_limit
        if self._peer.max_streams is not None:
            limit = min(limit, self._peer.max_streams)
        if limit != self._limit:
            self._limit = limit
            self._events.append(LimitChanged(limit))

    def _end(self, code: int) -> None:
        self.over = True
        self._outbox.add(encode_frame(GOAWAY, 0, 0, PAIR.pack(0, code)))


def _expect(size_fits: bool, stream_fits: bool, name: str) -> None:
    if not size_fits:
        raise Violation(FRAME_SIZE_ERROR, f"a {name} frame of a wrong size")
    if not stream_fits:
        raise Violation(PROTOCOL_ERROR, f"a {name} frame on a wrong stream")


def _check_length(length: bytes, size: int) -> None:
    """What content-length says is there, or the answer is malformed."""
    if not length.isdigit() or int(length) != size:
        raise Violation(PROTOCOL_ERROR, f"{size} bytes of {length!r} announced")
