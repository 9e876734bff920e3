"""The server's side of one HTTP/2 connection: bytes in, requests out, no I/O.

`h2` does the protocol (`connection`).  The limit of streams and GOAWAY are done
here, for this server must be able to break them in ways that `h2` would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from mcmtpush.simulator.provider.check import MAX_LONG_PAYLOAD_BYTES
from mcmtpush.simulator.provider.connection import Connection
from mcmtpush.simulator.provider.frame import goaway_frame, settings_frame
from mcmtpush.simulator.provider.limit import StreamLimit
from mcmtpush.simulator.provider.request import Request, read_request
from mcmtpush.simulator.script import Http2


VIOLATED: Final = b"Maximum active streams violated for this endpoint."

_HEADER_LIST_BYTES: Final = 8000

Headers = list[tuple[bytes, bytes]]


class Cancelled(NamedTuple):
    """The client has reset this stream."""

    stream: int


class Violated(NamedTuple):
    """The client has opened this stream though there were enough."""

    request: Request


Arrival = Request | Cancelled | Violated


class _Incoming:
    """A request that has not ended: its headers and what came of its body."""

    __slots__ = ("body", "headers", "size")

    def __init__(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.headers = headers
        self.body = b""
        self.size = 0


class Streams:
    """One connection.  `output` is to be written after everything that is done.

    Attributes:
        over: the client broke the protocol: write the output and close.
        highest: the highest stream that was taken.
    """

    def __init__(self, settings: Http2, first_streams: int) -> None:
        self.over = False
        self.highest = 0
        self.limit = StreamLimit(
            first_streams, settings.streams, settings.error_streams
        )
        self._settings = settings
        self._h2 = Connection(settings)
        self._out = bytearray()
        self._begun = False
        self._incoming: dict[int, _Incoming] = {}
        self._open: set[int] = set()
        self._unsent: dict[int, tuple[bytes, bool]] = {}
        self._kept_back: list[tuple[int, int]] | None = None

    def begin(self) -> None:
        """The first SETTINGS."""
        self._begun = True
        settings = self._settings
        first = settings_frame(
            {
                SettingCodes.HEADER_TABLE_SIZE: settings.header_table,
                SettingCodes.MAX_CONCURRENT_STREAMS: self.limit.begin(),
                SettingCodes.INITIAL_WINDOW_SIZE: settings.window,
                SettingCodes.MAX_HEADER_LIST_SIZE: _HEADER_LIST_BYTES,
            }
        )
        self._out[:0] = first

    def output(self) -> bytes:
        """What is to be written; nothing before `begin`."""
        if not self._begun:
            return b""
        self._out += self._h2.data_to_send()
        data = bytes(self._out)
        self._out.clear()
        return data

    # -- in --

    def feed(self, data: bytes) -> list[Arrival]:
        """What these bytes bring; sets `over` where they are no HTTP/2."""
        if self.over:
            return []
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self.over = True
            said = self._h2.data_to_send()
            # A client that does not even begin as it must gets no word from `h2`.
            self._out += said or goaway_frame(0, ErrorCodes.PROTOCOL_ERROR, b"")
            return []
        arrivals: list[Arrival] = []
        for event in events:
            take = self._TAKES.get(type(event))
            if take is not None:
                arrival = take(self, event)
                if arrival is not None:
                    arrivals.append(arrival)
        return arrivals

    def _take_headers(self, event: RequestReceived) -> Arrival | None:
        stream: Any = event.stream_id
        headers: Any = event.headers
        policy = self._settings.violation
        if policy != "allow" and len(self._open) >= self.limit.allowed:
            return Violated(read_request(stream, headers, b"", 0))
        self.highest = max(self.highest, stream)
        self._open.add(stream)
        self._incoming[stream] = _Incoming(headers)
        return None

    def _take_data(self, event: DataReceived) -> None:
        stream: Any = event.stream_id
        data: Any = event.data
        incoming = self._incoming.get(stream)
        if incoming is not None:
            incoming.size += len(data)
            if len(incoming.body) <= MAX_LONG_PAYLOAD_BYTES:
                incoming.body += data
        length: Any = event.flow_controlled_length
        if self._kept_back is not None:
            self._kept_back.append((length, stream))
        elif length:
            self._h2.acknowledge_received_data(length, stream)

    def _take_end(self, event: StreamEnded) -> Arrival | None:
        stream: Any = event.stream_id
        incoming = self._incoming.pop(stream, None)
        if incoming is None:
            return None
        return read_request(stream, incoming.headers, incoming.body, incoming.size)

    def _take_reset(self, event: StreamReset) -> Arrival:
        stream: Any = event.stream_id
        self._forget(stream)
        return Cancelled(stream)

    def _take_acknowledgement(self, _event: SettingsAcknowledged) -> None:
        self.limit.acknowledge()

    def _take_room(self, _event: WindowUpdated | RemoteSettingsChanged) -> None:
        for stream in list(self._unsent):
            self.send(stream, *self._unsent.pop(stream))

    # -- out --

    def answer(self, stream: int, headers: Headers, *, end: bool) -> None:
        """The headers of an answer; nothing if the stream is gone."""
        if stream not in self._open:
            return
        self.write(self._h2.answer(stream, headers, end=end))
        if end:
            self._open.discard(stream)

    def send(self, stream: int, data: bytes, end: bool) -> None:
        """A piece of an answer's body, as one DATA frame where the client has room."""
        if stream not in self._open:
            return
        if stream in self._unsent:
            before, _ = self._unsent[stream]
            self._unsent[stream] = (before + data, end)
            return
        room = max(self._h2.local_flow_control_window(stream), 0)
        now, later = data[:room], data[room:]
        if now or not later:
            self._h2.send_data(stream, now, end_stream=end and not later)
        if later:
            self._unsent[stream] = (later, end)
        elif end:
            self._open.discard(stream)

    def reset(self, stream: int, code: int) -> None:
        """RST_STREAM."""
        self._forget(stream)
        try:
            self._h2.reset_stream(stream, _known_code(code))
        except ProtocolError:
            return

    def tell_limit(self, streams: int | None) -> None:
        """SETTINGS with a new limit; None is for no change."""
        if streams is not None:
            self.write(settings_frame({SettingCodes.MAX_CONCURRENT_STREAMS: streams}))

    def go_away(self, last: int, code: int, debug: bytes) -> None:
        """GOAWAY; the connection goes on."""
        self.write(goaway_frame(last, code, debug))

    def write(self, data: bytes) -> None:
        """Bytes as they are, behind all that was said before."""
        self._out += self._h2.data_to_send()
        self._out += data

    def withhold(self) -> None:
        """No WINDOW_UPDATE from now on."""
        if self._kept_back is None:
            self._kept_back = []

    def release(self) -> None:
        """Those that were kept back, and all from now on."""
        kept, self._kept_back = self._kept_back or [], None
        for length, stream in kept:
            if length:
                self._h2.acknowledge_received_data(length, stream)

    def _forget(self, stream: int) -> None:
        self._open.discard(stream)
        self._incoming.pop(stream, None)
        self._unsent.pop(stream, None)

    _TAKES: ClassVar[dict[type[Event], Callable[[Streams, Any], Arrival | None]]] = {
        RequestReceived: _take_headers,
        DataReceived: _take_data,
        StreamEnded: _take_end,
        StreamReset: _take_reset,
        SettingsAcknowledged: _take_acknowledgement,
        WindowUpdated: _take_room,
        RemoteSettingsChanged: _take_room,
    }


def _known_code(code: int) -> Any:
    """As `h2` wants it: codes that are unknown travel as their numbers."""
    try:
        return ErrorCodes(code)
    except ValueError:
        return code
