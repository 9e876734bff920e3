"""One request over HTTP/2 and what comes of it, in memory."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from mcmtpush.apns.channel import create_request, list_request
from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.values import Native
from mcmtpush.verbs import errand
from mcmtpush.verbs.errand import Reply, run
from mcmtpush.verbs.wire import WireError
from tests.support.case import TestCase


HOST = Route("apn2", "api.example", 2197, 0)
NUMBER = "0f4e9a62-7a54-4c6b-9f3e-5d3c2b1a0e9d"
LIST = list_request("com.example.app", NUMBER)

Act = Callable[[H2Connection, int], None]


@define(eq=False)
class Service:
    """The other end, as a `Wire`: an h2 server that acts on a whole request.

    `piece` is how many bytes `receive` gives at once; after the last one it ends.
    """

    act: Act
    piece: int = 65536
    peer: str = "192.0.2.1:2197"
    version: str = "TLSv1.3"
    headers: dict[bytes, bytes] = field(factory=dict)
    body: bytes = b""
    closed: bool = False
    _server: H2Connection = field(init=False)
    _waiting: bytes = b""

    def __attrs_post_init__(self) -> None:
        self._server = H2Connection(
            H2Configuration(client_side=False, header_encoding=None)
        )
        self._server.initiate_connection()

    def send(self, data: bytes) -> None:
        """What the client writes."""
        for event in self._server.receive_data(data) if data else ():
            if isinstance(event, RequestReceived):
                self.headers = dict(event.headers)
            elif isinstance(event, DataReceived):
                self.body += event.data
            elif isinstance(event, StreamEnded):
                self.act(self._server, event.stream_id or 0)

    def receive(self) -> bytes:
        """What the client reads."""
        self._waiting += self._server.data_to_send()
        data, self._waiting = self._waiting[: self.piece], self._waiting[self.piece :]
        return data

    def close(self) -> None:
        """The client hangs up."""
        self.closed = True


def answer(status: int, body: bytes = b"", **headers: str) -> Act:
    """Answer, the body in two pieces."""

    def act(server: H2Connection, stream: int) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        server.send_headers(stream, [(":status", str(status)), *named])
        server.send_data(stream, body[:3])
        server.send_data(stream, body[3:], end_stream=True)

    return act


class ErrandTests(TestCase):
    """Answers and other ends."""

    def run_with(
        self, service: Service, request: object = LIST, bearer: bytes | None = b"b x"
    ) -> Reply:
        """One errand to a service; it always hangs up."""
        self.patch(errand, "connect", lambda *_: service)
        try:
            return run(HOST, request, DeliverySettings(), bearer)  # type: ignore[arg-type]
        finally:
            self.assertTrue(service.closed)

    def test_answer(self) -> None:
        """Status, reason, headers and body, in whatever pieces they come."""
        body = b'{"reason":"ChannelNotRegistered"}'
        for piece in (65536, 1, 7):
            service = Service(answer(400, body, apns_request_id="x"), piece)
            reply = self.run_with(service)
            self.assertEqual(reply.native, Native(400, "ChannelNotRegistered"))
            self.assertEqual(
                (reply.done, str(reply)), (False, "400 ChannelNotRegistered")
            )
            self.assertEqual(reply.headers[b"apns-request-id"], b"x")
            self.assertEqual(reply.body, body)
            self.assertEqual((reply.peer, reply.version), (service.peer, "TLSv1.3"))
        reply = self.run_with(Service(answer(200, b"{}")))
        self.assertEqual((reply.done, str(reply)), (True, "200"))

    def test_request(self) -> None:
        """What arrives: the port in the authority, the token, the body."""
        service = Service(answer(201))
        made = create_request("com.example.app", NUMBER, stores=True)
        self.run_with(service, made)
        self.assertEqual(service.body, made.body)
        self.assertEqual(service.headers[b":method"], b"POST")
        self.assertEqual(service.headers[b":authority"], b"api.example:2197")
        self.assertEqual(service.headers[b"authorization"], b"b x")
        self.assertEqual(service.headers[b"apns-request-id"], NUMBER.encode())
        service = Service(answer(200))
        self.run_with(service, bearer=None)
        self.assertEqual(service.headers[b":method"], b"GET")
        self.assertNotIn(b"authorization", service.headers)
        self.assertEqual(service.body, b"")

    def test_reset(self) -> None:
        """The service ends the stream."""
        reply = self.run_with(Service(lambda server, at: server.reset_stream(at, 7)))
        self.assertEqual(reply.native, Native(0, "REFUSED_STREAM"))

    def test_goes_away(self) -> None:
        """The reason of a GOAWAY counts when nothing more is to come."""
        reason = b'{"reason":"BadCertificateEnvironment"}'
        reply = self.run_with(
            Service(lambda server, _: server.close_connection(0, reason, 0))
        )
        self.assertEqual(reply.native, Native(0, "BadCertificateEnvironment"))

    def test_ends(self) -> None:
        """A connection that ends is no answer, nor is nonsense."""
        with self.assertRaises(WireError) as caught:
            self.run_with(Service(lambda _server, _stream: None))
        self.assertIn("closed the connection without", str(caught.exception))
        with self.assertRaises(WireError) as caught:
            self.run_with(Service(answer(200, b"x" * 9, content_length="5")))
        self.assertIn("breaks the rules of HTTP/2", str(caught.exception))
