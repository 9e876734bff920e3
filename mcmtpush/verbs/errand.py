"""One request to the HTTP/2 interface and its answer, for verbs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mcmtpush.apns.answers import read_answer, read_goaway, read_reset
from mcmtpush.apns.requests import Request
from mcmtpush.apns.streams import Answered, Event, Streams, WasReset, WentAway
from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.errors import RemoteProtocolError
from mcmtpush.values import Native
from mcmtpush.verbs.wire import Wire, WireError, connect


_PORT: Final = 443


@frozen
class Reply:
    """What came of a request.

    Attributes:
        native: status and reason; status 0 when the connection ended instead.
        headers: by lower-case name.
        body: as it came.
        peer: the address that answered.
        version: of TLS.
        seconds: how long the answer took.
    """

    native: Native
    headers: Mapping[bytes, bytes]
    body: bytes
    peer: str
    version: str
    seconds: float

    @property
    def done(self) -> bool:
        """Whether it was a success."""
        return 200 <= self.native.status < 300

    def __str__(self) -> str:
        if self.native.status:
            return f"{self.native.status} {self.native.reason}".rstrip()
        return self.native.reason


def run(
    route: Route, request: Request, settings: DeliverySettings, bearer: bytes | None
) -> Reply:
    """Connect, ask, and hang up.

    Raises WireError, and ConfigError when a certificate cannot be used.
    """
    wire = connect(route, settings)
    try:
        return _converse(wire, route, request, bearer)
    except RemoteProtocolError as error:
        raise WireError(f"{wire.peer} breaks the rules of HTTP/2: {error}") from error
    finally:
        wire.close()


def _converse(
    wire: Wire, route: Route, request: Request, bearer: bytes | None
) -> Reply:
    host = f"[{route.host}]" if ":" in route.host else route.host
    port = "" if route.port in {None, _PORT} else f":{route.port}"
    streams = Streams((host + port).encode(), stream_limit=1, careful=False)
    streams.begin()
    started: float | None = None
    while True:
        if started is None and streams.takes(len(request.body)):
            started = time.monotonic()
            streams.open(request, request.apns_id, bearer)
        wire.send(streams.output())
        data = wire.receive()
        for event in streams.feed(data):
            found = _ending(event, last=streams.over and not streams.open_count)
            if found is not None:
                seconds = 0.0 if started is None else time.monotonic() - started
                _hang_up(wire, streams)
                return Reply(*found, wire.peer, wire.version, seconds)
        if not data:
            raise WireError(f"{wire.peer} closed the connection without an answer")


def _ending(
    event: Event, *, last: bool
) -> tuple[Native, Mapping[bytes, bytes], bytes] | None:
    """What ends the conversation; `last` says that nothing is waited for any more."""
    if isinstance(event, Answered):
        return read_answer(event.status, event.body), event.headers, event.body
    if isinstance(event, WasReset):
        return read_reset(event.code), {}, b""
    if isinstance(event, WentAway) and last:
        return read_goaway(event.code, event.debug), {}, b""
    return None


def _hang_up(wire: Wire, streams: Streams) -> None:
    try:
        streams.close()
        wire.send(streams.output())
    except WireError:
        return  # the answer is here
