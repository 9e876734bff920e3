"""A gateway over HTTP/2 that obeys the test, spoken by the h2 package."""

from __future__ import annotations

from typing import Any

import orjson
from attrs import define, field
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, PingReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes, Settings
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure


@define
class Asked:
    """One request, as the gateway sees it."""

    stream: int
    headers: dict[str, str]
    body: bytes = b""
    whole: bool = False


@define(eq=False)
class ForeignGateway:
    """The other side of one connection, without TLS.

    `settings` are said first; nothing is answered by itself.
    """

    connection: Any
    settings: dict[SettingCodes, int] = field(factory=dict)
    asked: list[Asked] = field(factory=list)
    pings: int = 0
    lost: bool = False
    wire: StringTransport = field(init=False)
    h2: H2Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.wire = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.9", 443))
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.h2.local_settings = Settings(
            client=False,
            initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 100, **self.settings},
        )
        self.h2.initiate_connection()
        self.connection.makeConnection(self.wire)

    def begin(self) -> None:
        """Say the settings."""
        self.say()
        self.listen()

    def listen(self) -> list[Asked]:
        """Read what was written; the requests that are whole."""
        while data := self.wire.value():
            self.wire.clear()
            for event in self.h2.receive_data(data):
                self._note(event)
            self.say()
        self._see_end()
        return [each for each in self.asked if each.whole]

    def _note(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            headers = {name.decode(): value.decode() for name, value in event.headers}
            self.asked.append(Asked(event.stream_id, headers))
        elif isinstance(event, DataReceived):
            self.find(event.stream_id).body += event.data
        elif isinstance(event, StreamEnded):
            self.find(event.stream_id).whole = True
        elif isinstance(event, PingReceived):
            self.pings += 1

    def find(self, stream: int) -> Asked:
        return next(each for each in self.asked if each.stream == stream)

    def say(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.lost:
            self.connection.dataReceived(data)

    def answer(
        self, stream: int, status: int = 200, date: str = "", **body: Any
    ) -> None:
        """Answer one request; `body` is the JSON of a refusal."""
        self.listen()
        asked = self.find(stream)
        headers = [(":status", str(status)), ("apns-id", asked.headers["apns-id"])]
        if date:
            headers.append(("date", date))
        self.h2.send_headers(stream, headers, end_stream=not body)
        if body:
            self.h2.send_data(stream, orjson.dumps(body), end_stream=True)
        self.say()
        self.listen()

    def change(self, **settings: int) -> None:
        """New settings."""
        self.h2.update_settings(
            {SettingCodes[name]: value for name, value in settings.items()}
        )
        self.say()
        self.listen()

    def go_away(self, last: int, code: int = 0, debug: bytes = b"") -> None:
        self.h2.close_connection(code, debug, last)
        self.say()

    def reset(self, stream: int, code: int) -> None:
        self.listen()
        self.h2.reset_stream(stream, code)
        self.say()

    def drop(self) -> None:
        """The connection breaks."""
        self.lost = True
        self.connection.connectionLost(Failure(ConnectionLost()))

    def _see_end(self) -> None:
        if self.wire.disconnecting and not self.lost:
            self.lost = True
            self.connection.connectionLost(Failure(ConnectionDone()))
