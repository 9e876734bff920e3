"""A server that the h2 package plays, and frames made by hand, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings

from mcmtpush.apns.requests import Request
from mcmtpush.apns.streams import Event, Streams


AUTHORITY = b"api.push.apple.com"
STREAMS = SettingCodes.MAX_CONCURRENT_STREAMS
WINDOW = SettingCodes.INITIAL_WINDOW_SIZE
FRAME = SettingCodes.MAX_FRAME_SIZE
TABLE = SettingCodes.HEADER_TABLE_SIZE


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """One frame, written out."""
    return (
        len(payload).to_bytes(3)
        + bytes((kind, flags))
        + stream_id.to_bytes(4)
        + payload
    )


def settings_frame(**values: int) -> bytes:
    """A server's SETTINGS, such as `streams=1`."""
    codes = {"streams": 3, "window": 4, "frame": 5, "table": 1, "push": 2}
    return frame(
        4,
        payload=b"".join(
            codes[name].to_bytes(2) + value.to_bytes(4)
            for name, value in values.items()
        ),
    )


OK = b"\x88"
"""A field block that says status 200 and nothing else."""

BAD = b"\x8c"
"""Status 400."""


def answer_frame(stream_id: int, block: bytes = OK) -> bytes:
    """A header-only answer."""
    return frame(1, 0x05, stream_id, block)


def goaway_frame(last: int, code: int = 0, debug: bytes = b"") -> bytes:
    """The peer takes no more."""
    return frame(7, payload=last.to_bytes(4) + code.to_bytes(4) + debug)


def a_request(body: bytes = b"{}", **changes: Any) -> Request:
    """One like those of every day."""
    values: dict[str, Any] = {
        "path": b"/3/device/" + b"ab" * 32,
        "constant": ((b"apns-topic", b"com.example.app"),),
        "varying": ((b"apns-id", b"0" * 36),),
        "apns_id": "0" * 36,
    }
    return Request(body=body, **{**values, **changes})


def a_client(
    *, stream_limit: int = 1000, careful: bool = False, greeting: bytes | None = None
) -> Streams:
    """A connection that has begun; `greeting` is what its server said."""
    streams = Streams(AUTHORITY, stream_limit=stream_limit, careful=careful)
    streams.begin()
    streams.output()
    if greeting is not None:
        streams.feed(greeting)
        streams.output()
    return streams


class Peer:
    """h2 as the server of one connection; strict, as h2 is by default."""

    def __init__(self, settings: dict[Any, int] | None = None) -> None:
        self.connection = H2Connection(H2Configuration(client_side=False))
        self.connection.local_settings = Settings(
            client=False, initial_values={STREAMS: 100, **(settings or {})}
        )
        self.connection.initiate_connection()
        self.requests: dict[int, dict[bytes, bytes]] = {}
        self.bodies: dict[int, bytes] = {}
        self.whole: list[int] = []
        self.resets: dict[int, int] = {}
        self.goodbye: ConnectionTerminated | None = None

    def receive(self, data: bytes) -> None:
        """Read what the client wrote; h2 raises for whatever is not allowed."""
        for event in self.connection.receive_data(data):
            if isinstance(event, RequestReceived):
                self.requests[event.stream_id] = dict(event.headers)
                self.bodies[event.stream_id] = b""
            elif isinstance(event, DataReceived):
                self.bodies[event.stream_id] += event.data
            elif isinstance(event, StreamEnded):
                self.whole.append(event.stream_id)
            elif isinstance(event, StreamReset):
                self.resets[event.stream_id] = event.error_code
            elif isinstance(event, ConnectionTerminated):
                self.goodbye = event

    def answer(
        self,
        stream_id: int,
        status: int = 200,
        body: bytes = b"",
        fields: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """A whole answer, its body in one frame."""
        headers = [(b":status", b"%d" % status), *fields]
        self.connection.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self.connection.send_data(stream_id, body, end_stream=True)

    def widen(self, size: int, stream_id: int | None = None) -> None:
        """Grant so many bytes more."""
        self.connection.increment_flow_control_window(size, stream_id)


def exchange(streams: Streams, peer: Peer) -> list[Event]:
    """Carry bytes both ways until neither has any; what the client reported."""
    events: list[Event] = []
    while True:
        written, said = streams.output(), peer.connection.data_to_send()
        if not written and not said:
            return events
        peer.receive(written)
        events += streams.feed(said)


def met(
    settings: dict[Any, int] | None = None, *, careful: bool = False, limit: int = 1000
) -> tuple[Streams, Peer]:
    """Both sides after their first words."""
    streams, peer = a_client(stream_limit=limit, careful=careful), Peer(settings)
    streams = Streams(AUTHORITY, stream_limit=limit, careful=careful)
    streams.begin()
    exchange(streams, peer)
    return streams, peer
