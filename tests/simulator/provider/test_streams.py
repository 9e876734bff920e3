"""The server's side of HTTP/2: requests out of bytes, however these come."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RemoteSettingsChanged, StreamReset
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.request import Request
from mcmtpush.simulator.provider.streams import Cancelled, Streams, Violated
from mcmtpush.simulator.script import Http2
from tests.simulator.caller import Careless
from tests.support.case import TestCase, readable


HEADERS = [
    (":method", "POST"),
    (":path", "/3/device/0f"),
    (":scheme", "https"),
    (":authority", "a"),
]
SETTINGS = bytes.fromhex(
    "000018" "04" "00" "00000000"  # 24 bytes, SETTINGS, no flags, stream 0
    "0001" "00001000"  # HEADER_TABLE_SIZE 4096
    "0003" "00000005"  # MAX_CONCURRENT_STREAMS 5
    "0004" "0000ffff"  # INITIAL_WINDOW_SIZE 65535
    "0006" "00001f40"  # MAX_HEADER_LIST_SIZE 8000
)  # fmt: skip
GOAWAY = bytes.fromhex("00000a070000000000000000030000000b6869")


class StreamsCase(TestCase):
    def setUp(self) -> None:
        self.start()

    def start(self, first: int = 5, **settings: Any) -> None:
        self.streams = Streams(Http2(**settings), first)
        self.streams.begin()
        self.client: H2Connection = Careless(H2Configuration())
        self.client.initiate_connection()

    def ask(self, body: bytes = b"{}", *, end: bool = True) -> int:
        """The client sends a request, or the beginning of one."""
        stream = self.client.get_next_available_stream_id()
        self.client.send_headers(stream, HEADERS)
        self.client.send_data(stream, body, end_stream=end)
        return stream

    def feed(self) -> list[Any]:
        return self.streams.feed(self.client.data_to_send())


class ByteTests(StreamsCase):
    def test_golden_bytes(self) -> None:
        """SETTINGS and GOAWAY as RFC 9113 has them."""
        self.assertEqual(self.streams.output(), SETTINGS)
        self.streams.go_away(3, 11, b"hi")
        self.assertEqual(self.streams.output(), GOAWAY)
        self.streams.tell_limit(2)
        expected = bytes.fromhex("000006040000000000000300000002")
        self.assertEqual(self.streams.output(), expected)
        self.streams.tell_limit(None)
        self.assertEqual(self.streams.output(), b"")

    def test_nothing_before_the_settings(self) -> None:
        """Whatever is done; they come first then."""
        streams = Streams(Http2(), 5)
        streams.go_away(3, 11, b"hi")
        self.assertEqual(streams.output(), b"")
        streams.begin()
        self.assertEqual(streams.output(), SETTINGS + GOAWAY)


class RequestTests(StreamsCase):
    def requests(self, arrivals: list[Any]) -> list[tuple[int, bytes, int]]:
        for arrival in arrivals:
            assert isinstance(arrival, Request), arrival
        return [(each.stream, each.body, each.size) for each in arrivals]

    def test_requests(self) -> None:
        """Each comes when its end has come."""
        self.ask(b"one", end=False)
        self.ask(b"two")
        self.assertEqual(self.requests(self.feed()), [(3, b"two", 3)])
        self.client.send_data(1, b"!", end_stream=True)
        self.assertEqual(self.requests(self.feed()), [(1, b"one!", 4)])
        self.assertEqual(self.streams.highest, 3)

    def test_byte_by_byte(self) -> None:
        """And in one piece."""
        for _ in range(3):
            self.ask()
        found: list[Any] = []
        for byte in self.client.data_to_send():
            found += self.streams.feed(bytes([byte]))
        self.assertEqual([request.stream for request in found], [1, 3, 5])

    @readable
    @given(st.lists(st.integers(0, 200), max_size=20))
    def test_any_split(self, cuts: list[int]) -> None:
        """The pieces in which bytes come do not matter."""
        self.start()
        for _ in range(3):
            self.ask()
        data = self.client.data_to_send()
        places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
        found: list[Any] = []
        for start, end in pairwise(places):
            found += self.streams.feed(data[start:end])
        self.assertEqual([request.stream for request in found], [1, 3, 5])

    def test_long_bodies_are_not_kept(self) -> None:
        """Their size is; no more is kept than a payload may have."""
        stream = self.ask(b"x" * 10_000, end=False)
        for _ in range(3):
            self.client.send_data(stream, b"x" * 10_000)
        self.client.end_stream(stream)
        (request,) = self.feed()
        self.assertEqual(request.size, 40_000)
        self.assertLess(len(request.body), 20_000)

    def test_cancelled(self) -> None:
        """A stream that the client resets is gone, finished or not."""
        self.ask(end=False)
        self.ask()
        self.client.reset_stream(1, 8)
        self.client.reset_stream(3, 8)
        found = self.feed()
        self.assertEqual(
            [type(each) for each in found], [Request, Cancelled, Cancelled]
        )
        self.streams.answer(3, [(b":status", b"200")], end=True)
        self.client.receive_data(self.streams.output())

    def test_garbage_ends_it(self) -> None:
        """What is no HTTP/2 is the end, with a GOAWAY."""
        self.streams.output()
        self.assertEqual(self.streams.feed(b"GET / HTTP/1.1\r\n\r\n"), [])
        self.assertTrue(self.streams.over)
        self.assertEqual(self.streams.output()[3], 7)
        self.assertEqual(self.streams.feed(b"x"), [])


class LimitTests(StreamsCase):
    def test_too_many(self) -> None:
        """They are told apart at once, and reset by whoever wants to."""
        self.start(first=1)
        for _ in range(2):
            self.ask(end=False)
        (violated,) = self.feed()
        assert isinstance(violated, Violated)
        self.assertEqual((violated.request.stream, self.streams.highest), (3, 1))
        self.streams.reset(3, 7)
        events = self.client.receive_data(self.streams.output())
        self.assertTrue(any(isinstance(event, StreamReset) for event in events))

    def test_an_answer_makes_room(self) -> None:
        """One that ends the stream; others do not."""
        self.start(first=1)
        self.ask()
        self.feed()
        self.streams.answer(1, [(b":status", b"200")], end=False)
        self.ask()
        self.assertIsInstance(self.feed()[0], Violated)
        self.streams.send(1, b"", end=True)
        self.ask()
        self.assertIsInstance(self.feed()[0], Request)

    def test_acknowledged_settings(self) -> None:
        """A lower limit counts when the client says that it knows it."""
        self.start(first=2)
        self.streams.tell_limit(self.streams.limit.tell(1))
        for _ in range(2):
            self.ask()
        self.assertEqual(len(self.feed()), 2)
        events = self.client.receive_data(self.streams.output())
        changes = [
            event for event in events if isinstance(event, RemoteSettingsChanged)
        ]
        self.assertEqual(len(changes), 2)
        self.ask()
        self.assertIsInstance(self.feed()[0], Violated)


class WindowTests(StreamsCase):
    def test_withheld(self) -> None:
        """No window is opened until it is allowed again."""
        self.feed()
        self.client.receive_data(self.streams.output())
        self.streams.withhold()
        for _ in range(4):
            self.ask(b"x" * 10_000)
        self.feed()
        self.client.receive_data(self.streams.output())
        self.assertEqual(self.client.outbound_flow_control_window, 25_535)
        self.streams.release()
        self.client.receive_data(self.streams.output())
        self.assertGreater(self.client.outbound_flow_control_window, 40_000)
