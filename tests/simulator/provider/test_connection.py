"""h2 as it serves here: it judges what it is sent as it does everywhere."""

from __future__ import annotations

from struct import pack
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.connection import Connection
from mcmtpush.simulator.provider.fieldblock import BY_HPACK, Field, write_plain
from mcmtpush.simulator.script import Http2
from tests.support.case import TestCase, readable


DATA, HEADERS = 0, 1
ENDS = 0x05  # END_STREAM and END_HEADERS
BEGINNING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
REQUEST = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":path", b"/3/device/0f"),
    (b":authority", b"a"),
]
ANSWER = [(b":status", b"200"), (b"apns-id", b"i"), (b"date", b"d")]


class Counting(Connection):
    """Ours, but for the counting of streams, which forgets the closed ones."""

    open_inbound_streams = H2Connection.open_inbound_streams  # type: ignore[assignment]


def a_package(settings: Http2) -> H2Connection:
    """h2 as it comes, with our settings."""
    ours = Counting(settings)
    package = H2Connection(ours.config)
    package.local_settings = ours.local_settings
    package.decoder.max_allowed_table_size = settings.header_table
    package.initiate_connection()
    package.data_to_send()
    return package


BLOCKS = st.sampled_from(
    [
        write_plain(REQUEST),
        write_plain([*REQUEST, (b"content-length", b"2")]),
        write_plain([(b"trailer", b"x" * 200)]),
        Encoder().encode(REQUEST),
        b"\x20" + write_plain(REQUEST),
        b"\xbe",
        b"\x80",
        b"",
    ]
) | st.binary(max_size=9)


def a_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return pack(">HBBBL", size >> 8, size & 0xFF, kind, flags, stream) + payload


@st.composite
def frames(draw: Any) -> bytes:
    """One frame of a client, that may or may not be allowed."""
    number = pack(">L", draw(st.sampled_from([0, 1, 3, 8, 20_000, (1 << 31) - 1])))
    payloads = {
        DATA: b"{}" * draw(st.sampled_from([0, 1, 2, 8000])),
        HEADERS: draw(BLOCKS),
        2: number + b"\x03",  # PRIORITY
        3: number,  # RST_STREAM
        4: b"\0" + bytes((draw(st.integers(1, 8)),)) + number,  # SETTINGS
        5: number,  # PUSH_PROMISE
        6: number + number,  # PING
        8: number,  # WINDOW_UPDATE
        9: draw(BLOCKS),  # CONTINUATION
        77: number,
    }
    kind = draw(st.sampled_from([*payloads, *[HEADERS, DATA] * 5]))
    flags = draw(st.sampled_from([0, ENDS, ENDS, ENDS, 1, 4, 8 | ENDS, 32 | ENDS]))
    right = 0 if kind in (4, 6) else draw(st.sampled_from([1, 1, 1, 3, 5]))
    stream = draw(st.sampled_from([right] * 9 + [0, 1, 2]))
    return a_frame(kind, flags, stream, payloads[kind])


STEPS = st.lists(
    frames()
    | st.binary(max_size=12)
    | st.tuples(st.sampled_from(["answer", "end", "reset", "read"]), st.just(1)),
    max_size=15,
)


class Side:
    """One of the two servers, and all that it says."""

    def __init__(self, connection: H2Connection) -> None:
        self.connection = connection
        self.said: list[Any] = []

    def take(self, step: Any) -> bool:
        """Whether it goes on."""
        try:
            if isinstance(step, bytes):
                events = self.connection.receive_data(step)
                self.said += [repr(event) for event in events]
            elif step[1] in self.connection.streams:
                self.act(*step)
        except ProtocolError as error:
            self.said += [type(error), self.connection.data_to_send()]
            return False
        self.said.append(self.connection.data_to_send())
        return True

    def act(self, what: str, stream: int) -> None:
        connection = self.connection
        if what == "reset":
            connection.reset_stream(stream, 7)
        elif what == "read":
            connection.acknowledge_received_data(1, stream)
        elif isinstance(connection, Connection):
            before = connection.data_to_send()
            self.said.append(
                before + connection.answer(stream, ANSWER, end=what == "end")
            )
        else:
            connection.send_headers(stream, ANSWER, end_stream=what == "end")
            self.said.append(connection.data_to_send())


class JudgementTests(TestCase):
    @readable
    @given(STEPS, st.sampled_from([0, 4096]), st.sampled_from([10, 65535]))
    def test_as_the_package(self, steps: list[Any], table: int, window: int) -> None:
        """The same events, errors and octets, whatever a client does."""
        settings = Http2(header_table=table, window=window)
        sides = [Side(Counting(settings)), Side(a_package(settings))]
        for step in (BEGINNING, *steps):
            went_on = [side.take(step) for side in sides]
            self.assertEqual(sides[0].said, sides[1].said)
            if not all(went_on):
                self.assertFalse(any(went_on))
                return

    def test_frames_on_closed_streams(self) -> None:
        """One that was reset has them forgiven; one that ended has not."""
        for what, goes_on in (("reset", True), ("end", False)):
            for connection in (Connection(Http2()), a_package(Http2())):
                side = Side(connection)
                headers = a_frame(HEADERS, ENDS, 1, write_plain(REQUEST))
                side.take(BEGINNING + headers)
                side.take((what, 1))
                self.assertEqual(side.take(headers), goes_on)

    def test_a_second_answer(self) -> None:
        """What follows the first headers is the end, or nothing."""
        for connection in (Connection(Http2()), a_package(Http2())):
            side = Side(connection)
            request = a_frame(HEADERS, ENDS, 1, write_plain(REQUEST))
            side.take(BEGINNING + request)
            self.assertTrue(side.take(("answer", 1)))
            self.assertFalse(side.take(("answer", 1)))


class AnswerTests(TestCase):
    def setUp(self) -> None:
        self.server = Connection(Http2())
        self.client = H2Connection(H2Configuration(header_encoding=None))
        self.client.initiate_connection()
        self.client.receive_data(a_frame(4, 0, 0, b""))

    def ask(self) -> int:
        stream = self.client.get_next_available_stream_id()
        self.client.send_headers(stream, REQUEST, end_stream=True)
        self.server.receive_data(self.client.data_to_send())
        return stream

    def hear(self, data: bytes) -> tuple[list[Field], bool]:
        self.client.receive_data(self.server.data_to_send())
        events = self.client.receive_data(data)
        headers = [each.headers for each in events if type(each) is ResponseReceived]
        return headers[0], type(events[-1]) is StreamEnded

    @readable
    @given(
        st.lists(st.sampled_from([0, 1, 36, 255, 17_000, 40_000]), max_size=4),
        st.sampled_from([0, BY_HPACK]),
        st.sampled_from([16384, 32768]),
    )
    def test_a_client_reads_it(self, sizes: list[int], before: int, limit: int) -> None:
        """Whoever's turn it is to write, and however long it is."""
        self.setUp()
        self.client.update_settings({SettingCodes.MAX_FRAME_SIZE: limit})
        for size in [1] * before + sizes:
            stream = self.ask()
            headers = [*ANSWER, (b"apns-unique-id", b"-" * size)]
            data = self.server.answer(stream, headers, end=True)
            self.assertEqual(self.hear(data), (headers, True))

    def test_without_an_end(self) -> None:
        """The body goes on where h2 sends it."""
        stream = self.ask()
        data = self.server.answer(stream, ANSWER, end=False)
        self.assertEqual(self.hear(data), (ANSWER, False))
        self.server.send_data(stream, b"{}", end_stream=True)
        events = self.client.receive_data(self.server.data_to_send())
        self.assertIs(type(events[-1]), StreamEnded)

    def test_once(self) -> None:
        """h2 knows that a stream was answered, and forgets it."""
        streams = [self.ask() for _ in range(3)]
        for stream in streams:
            self.hear(self.server.answer(stream, ANSWER, end=True))
        with self.assertRaises(ProtocolError):
            self.server.answer(streams[0], ANSWER, end=True)
        self.assertEqual(super(Connection, self.server).open_inbound_streams, 0)
        self.assertEqual(self.server.streams, {})

    def test_closed_streams_are_forgotten(self) -> None:
        """From time to time."""
        for _ in range(200):
            self.hear(self.server.answer(self.ask(), ANSWER, end=True))
        self.assertLess(len(self.server.streams), 100)
