"""One HTTP/2 connection against h2 as its server, and against frames by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.streams import (
    Answered,
    Event,
    LimitChanged,
    Ponged,
    Streams,
    WasReset,
    WentAway,
)
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError
from tests.apns.peer import (
    BAD,
    FRAME,
    OK,
    STREAMS,
    TABLE,
    WINDOW,
    a_client,
    a_request,
    answer_frame,
    exchange,
    frame,
    goaway_frame,
    met,
    settings_frame,
)
from tests.support.case import TestCase, readable


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def opened(count: int, **greeting: int) -> Streams:
    """A client with so many streams open: 1, 3, 5, with their ids as tags."""
    streams = a_client(greeting=settings_frame(**greeting))
    for number in range(count):
        streams.open(a_request(), 2 * number + 1)
    streams.output()
    return streams


class BeginTests(TestCase):
    def test_golden(self) -> None:
        """Preface, then SETTINGS without push, then a larger connection window."""
        streams = Streams(b"a", stream_limit=1, careful=False)
        streams.begin()
        self.assertEqual(
            streams.output(),
            PREFACE
            + bytes.fromhex("000012 04 00 00000000")
            + bytes.fromhex("0002 00000000  0004 00080000  0006 00010000")
            + bytes.fromhex("000004 08 00 00000000  003f0001"),
        )
        self.assertEqual(streams.output(), b"")

    def test_waits_for_settings(self) -> None:
        """Before the peer's SETTINGS there is no room, whatever is allowed later."""
        streams = a_client()
        self.assertEqual((streams.ready, streams.room), (False, 0))
        self.assertFalse(streams.takes(0))
        self.assertRaises(LocalProtocolError, streams.open, a_request(), "tag")
        self.assertEqual(streams.feed(settings_frame(streams=7)), [LimitChanged(7)])
        self.assertEqual((streams.ready, streams.room), (True, 7))
        self.assertEqual(streams.output(), frame(4, 1))

    def test_settings_without_a_limit(self) -> None:
        """A peer that names no limit leaves our own."""
        streams = a_client(stream_limit=12)
        self.assertEqual(streams.feed(settings_frame()), [LimitChanged(12)])

    def test_something_else_first(self) -> None:
        """A server that does not begin with SETTINGS is none of HTTP/2."""
        for first in (
            frame(4, 1),
            frame(6, payload=bytes(8)),
            goaway_frame(0),
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ):
            self.assertRaises(RemoteProtocolError, a_client().feed, first)

    def test_golden_request(self) -> None:
        """The bytes of one request, field by field."""
        streams = Streams(b"host", stream_limit=1, careful=False)
        streams.feed(settings_frame())
        streams.output()
        request = a_request(
            b"{}",
            path=b"/p",
            constant=((b"t", b"u"),),
            varying=((b"v", b"w"),),
        )
        self.assertEqual(streams.open(request, None, b"bearer x"), 1)
        block = bytes.fromhex(
            "20"  # we use no table
            "83 87"  # :method POST, :scheme https
            "01 04 686f7374"  # :authority host
            "04 02 2f70"  # :path /p
            "00 01 74 01 75"  # t: u
            "1f08 08 6265617265722078"  # authorization, never indexed
            "00 01 76 01 77"  # v: w
        )
        self.assertEqual(
            streams.output(), frame(1, 0x04, 1, block) + frame(0, 0x01, 1, b"{}")
        )


class PeerTests(TestCase):
    """Against h2, which checks all that is written."""

    def test_request(self) -> None:
        """A request arrives as it was meant, with its credential."""
        streams, peer = met()
        stream_id = streams.open(a_request(b'{"a":1}'), "tag", b"bearer abc")
        self.assertEqual(exchange(streams, peer), [])
        self.assertEqual(
            peer.requests[stream_id],
            {
                b":method": b"POST",
                b":scheme": b"https",
                b":authority": b"api.push.apple.com",
                b":path": b"/3/device/" + b"ab" * 32,
                b"apns-topic": b"com.example.app",
                b"authorization": b"bearer abc",
                b"apns-id": b"0" * 36,
            },
        )
        self.assertEqual(peer.bodies, {stream_id: b'{"a":1}'})
        self.assertEqual(peer.whole, [stream_id])

    def test_other_methods(self) -> None:
        """Channels are read and deleted, without a body."""
        streams, peer = met()
        for method in (b"GET", b"DELETE"):
            stream_id = streams.open(a_request(b"", method=method), None)
            exchange(streams, peer)
            self.assertEqual(peer.requests[stream_id][b":method"], method)
            self.assertIn(stream_id, peer.whole)

    def test_success(self) -> None:
        """A header-only answer is one event; the stream is free again."""
        streams, peer = met()
        first = streams.open(a_request(), "a")
        second = streams.open(a_request(), "b")
        self.assertEqual((first, second, streams.open_count), (1, 3, 2))
        exchange(streams, peer)
        peer.answer(second, 200, fields=[(b"apns-id", b"id")])
        self.assertEqual(
            exchange(streams, peer),
            [Answered(second, "b", 200, {b"apns-id": b"id"}, b"")],
        )
        self.assertEqual(streams.open_count, 1)

    def test_refusal(self) -> None:
        """An answer with a body is one event when all of it is here."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        body = b'{"reason":"BadDeviceToken"}'
        peer.answer(stream_id, 400, body, [(b"content-length", b"27")])
        [answer] = exchange(streams, peer)
        self.assertEqual(
            answer,
            Answered(stream_id, "a", 400, {b"content-length": b"27"}, body),
        )

    def test_split_body(self) -> None:
        """A body in many DATA frames, with padding, comes whole."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        connection = peer.connection
        connection.send_headers(stream_id, [(":status", "410")])
        for piece in (b'{"rea', b"", b'son":"Unreg', b'istered"}'):
            connection.send_data(stream_id, piece, pad_length=len(piece))
            self.assertEqual(exchange(streams, peer), [])
        connection.send_data(stream_id, b"", end_stream=True)
        [answer] = exchange(streams, peer)
        assert isinstance(answer, Answered)
        self.assertEqual(json.loads(answer.body), {"reason": "Unregistered"})

    def test_informational_and_trailers(self) -> None:
        """103 in front and trailers behind are read over."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        peer.connection.send_headers(stream_id, [(":status", "103")])
        peer.connection.send_headers(stream_id, [(":status", "200"), ("a", "b")])
        peer.connection.send_headers(stream_id, [("c", "d")], end_stream=True)
        self.assertEqual(
            exchange(streams, peer), [Answered(stream_id, "a", 200, {b"a": b"b"}, b"")]
        )

    def test_reset(self) -> None:
        """A refused stream is reported with its code; what follows is ignored."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        peer.connection.reset_stream(stream_id, 7)
        self.assertEqual(exchange(streams, peer), [WasReset(stream_id, "a", 7)])
        self.assertEqual(streams.open_count, 0)
        self.assertEqual(streams.feed(frame(3, 0, stream_id, bytes((0, 0, 0, 5)))), [])

    def test_cancel(self) -> None:
        """A cancelled stream is free at once, and a late answer to it is ignored."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        other = streams.open(a_request(), "b")
        exchange(streams, peer)
        peer.answer(stream_id, 400, b"late", [(b"x", b"y")])
        late = peer.connection.data_to_send()
        streams.cancel(stream_id)
        streams.cancel(stream_id)
        self.assertEqual(streams.open_count, 1)
        self.assertEqual(streams.feed(late), [])
        peer.receive(streams.output())
        self.assertEqual(peer.resets, {})  # h2 had closed it: it may ignore the reset
        peer.answer(other, 200, b"", [(b"x", b"y")])
        self.assertEqual(
            exchange(streams, peer), [Answered(other, "b", 200, {b"x": b"y"}, b"")]
        )

    def test_cancel_is_told(self) -> None:
        """The peer hears of it."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        streams.cancel(stream_id)
        exchange(streams, peer)
        self.assertEqual(peer.resets, {stream_id: 8})

    def test_ping(self) -> None:
        """Pings are answered both ways."""
        streams, peer = met()
        streams.ping()
        self.assertEqual(exchange(streams, peer), [Ponged()])
        self.assertEqual(
            (streams.feed(frame(6, 0, 0, b"12345678")), streams.output()),
            ([], frame(6, 1, 0, b"12345678")),
        )
        self.assertEqual(streams.feed(frame(6, 1, 0, b"not ours")), [])

    def test_close(self) -> None:
        """After the goodbye nothing is opened, and what is under way is awaited."""
        streams, peer = met()
        stream_id = streams.open(a_request(), "a")
        exchange(streams, peer)
        streams.close()
        self.assertEqual((streams.over, streams.room), (True, 0))
        written = streams.output()
        self.assertEqual(written, goaway_frame(0))
        self.assertEqual(
            streams.feed(answer_frame(stream_id)),
            [Answered(stream_id, "a", 200, {}, b"")],
        )
        peer.receive(written)
        assert peer.goodbye is not None
        self.assertEqual(peer.goodbye.error_code, 0)

    def test_table_sizes(self) -> None:
        """Whatever table the peer allows, and when, its blocks and ours are read."""
        streams, peer = met({TABLE: 0})
        for size in (0, 4096, 64, 0, 100, 65536):
            peer.connection.update_settings({TABLE: size})
            exchange(streams, peer)
            peer.connection.encoder.header_table_size = min(size, 4096)
            for _ in range(2):
                stream_id = streams.open(a_request(), size)
                exchange(streams, peer)
                peer.answer(stream_id, 200, fields=[(b"apns-id", b"%d" % size)])
                self.assertEqual(
                    exchange(streams, peer),
                    [Answered(stream_id, size, 200, {b"apns-id": b"%d" % size}, b"")],
                )

    def test_long_blocks(self) -> None:
        """Fields beyond a frame are continued, both ways."""
        streams, peer = met()
        peer.connection.local_settings.max_header_list_size = 100_000
        peer.connection.decoder.max_header_list_size = 100_000
        request = a_request(varying=((b"long", b"x" * 40_000),))
        stream_id = streams.open(request, "a")
        exchange(streams, peer)
        self.assertEqual(peer.requests[stream_id][b"long"], b"x" * 40_000)
        peer.answer(stream_id, 200, fields=[(b"long", b"y" * 40_000)])
        self.assertEqual(
            exchange(streams, peer),
            [Answered(stream_id, "a", 200, {b"long": b"y" * 40_000}, b"")],
        )

    def test_many(self) -> None:
        """Thousands of refusals later the windows of both are as good as before."""
        streams, peer = met()
        body = b'{"reason":"BadDeviceToken"}' + b" " * 5000
        for number in range(3000):
            stream_id = streams.open(a_request(b"x" * 100), number)
            exchange(streams, peer)
            peer.connection.acknowledge_received_data(100, stream_id)
            peer.answer(stream_id, 400, body)
            [answer] = exchange(streams, peer)
            assert isinstance(answer, Answered)
            self.assertEqual((answer.tag, answer.body), (number, body))
        self.assertTrue(streams.takes(4096))


class LimitTests(TestCase):
    def test_up_and_down(self) -> None:
        """The peer's limit is obeyed, also below what is open."""
        streams, peer = met({STREAMS: 3})
        tags = [streams.open(a_request(), tag) for tag in "abc"]
        self.assertEqual(streams.room, 0)
        self.assertRaises(LocalProtocolError, streams.open, a_request(), "d")
        exchange(streams, peer)
        peer.connection.update_settings({STREAMS: 1})
        self.assertEqual(exchange(streams, peer), [LimitChanged(1)])
        for stream_id, room in zip(tags, (0, 0, 1), strict=True):
            peer.answer(stream_id)
            exchange(streams, peer)
            self.assertEqual(streams.room, room)
        peer.connection.update_settings({STREAMS: 5})
        self.assertEqual(exchange(streams, peer), [LimitChanged(5)])
        self.assertEqual(streams.room, 5)

    def test_zero(self) -> None:
        """A peer may allow none for a while."""
        streams = a_client(greeting=settings_frame(streams=0))
        self.assertEqual((streams.ready, streams.room), (True, 0))
        self.assertEqual(streams.feed(settings_frame(streams=2)), [LimitChanged(2)])

    def test_own_limit(self) -> None:
        """Ours holds where the peer allows more."""
        streams, _peer = met({STREAMS: 1000}, limit=4)
        self.assertEqual(streams.room, 4)

    def test_careful(self) -> None:
        """With a token one request proves it before others follow."""
        streams, peer = met({STREAMS: 1000}, careful=True)
        self.assertEqual(streams.room, 1)
        first = streams.open(a_request(), "a")
        exchange(streams, peer)
        peer.answer(first, 403)
        exchange(streams, peer)
        self.assertEqual(streams.room, 1)
        second = streams.open(a_request(), "b")
        exchange(streams, peer)
        peer.answer(second)
        self.assertEqual(
            exchange(streams, peer),
            [Answered(second, "b", 200, {}, b""), LimitChanged(1000)],
        )

    def test_careful_under_the_peer(self) -> None:
        """The peer's limit of one is not exceeded after the first success either."""
        streams = a_client(careful=True, greeting=settings_frame(streams=1))
        streams.open(a_request(), "a")
        self.assertEqual(
            streams.feed(answer_frame(1)), [Answered(1, "a", 200, {}, b"")]
        )
        self.assertEqual(streams.room, 1)

    def test_ids_run_out(self) -> None:
        """With the last stream id the connection takes no more."""
        streams = opened(0)
        streams._book.next_id = 2**31 - 1
        self.assertEqual(streams.open(a_request(), "last"), 2**31 - 1)
        self.assertEqual((streams.over, streams.room), (True, 0))


class WindowTests(TestCase):
    def test_connection_window(self) -> None:
        """Bodies beyond the connection window wait, in order, and none is lost."""
        streams, peer = met({STREAMS: 100})
        body = b"x" * 5000
        count = 0
        while streams.takes(len(body)):
            streams.open(a_request(body), count)
            count += 1
        self.assertEqual(count, 65535 // 5000)
        extra = streams.open(a_request(body), "extra")
        exchange(streams, peer)
        self.assertEqual(len(peer.whole), count)
        self.assertEqual(len(peer.bodies[extra]), 65535 - count * 5000)
        self.assertFalse(streams.takes(1))
        peer.widen(5000)
        exchange(streams, peer)
        self.assertEqual(peer.bodies[extra], body)
        self.assertEqual(peer.whole[-1], extra)
        self.assertEqual(streams._outbox.owed, 0)

    def test_small_initial_window(self) -> None:
        """A body larger than a new stream's window trickles, one at a time."""
        streams, peer = met({WINDOW: 10})
        self.assertTrue(streams.takes(10))
        self.assertTrue(streams.takes(25))
        stream_id = streams.open(a_request(b"y" * 25), "a")
        self.assertFalse(streams.takes(25))
        self.assertTrue(streams.takes(10))
        exchange(streams, peer)
        self.assertEqual(peer.bodies[stream_id], b"y" * 10)
        self.assertFalse(streams.is_whole(stream_id))
        self.assertEqual(streams.window, 65535 - 25)
        peer.widen(10, stream_id)
        exchange(streams, peer)
        self.assertFalse(streams.is_whole(stream_id))
        peer.widen(1000, stream_id)
        exchange(streams, peer)
        self.assertTrue(streams.is_whole(stream_id))
        self.assertEqual(peer.bodies[stream_id], b"y" * 25)
        self.assertEqual(peer.whole, [stream_id])
        self.assertTrue(streams.takes(25))

    def test_zero_window(self) -> None:
        """With a window of nothing only the HEADERS leave."""
        streams, peer = met({WINDOW: 0})
        stream_id = streams.open(a_request(b"zz"), "a")
        empty = streams.open(a_request(b""), "b")
        exchange(streams, peer)
        self.assertEqual((peer.bodies[stream_id], peer.whole), (b"", [empty]))
        peer.connection.update_settings({WINDOW: 1})
        exchange(streams, peer)
        self.assertEqual(peer.bodies[stream_id], b"z")
        peer.connection.update_settings({WINDOW: 65535})
        exchange(streams, peer)
        self.assertEqual(peer.bodies[stream_id], b"zz")

    def test_window_shrinks_below_zero(self) -> None:
        """Settings may take back what was granted; it must be earned again."""
        streams, peer = met({WINDOW: 100})
        stream_id = streams.open(a_request(b"q" * 150), "a")
        exchange(streams, peer)
        peer.connection.update_settings({WINDOW: 20})
        exchange(streams, peer)
        for increment, there in ((80, 100), (30, 130), (30, 150)):
            peer.widen(increment, stream_id)
            exchange(streams, peer)
            self.assertEqual(len(peer.bodies[stream_id]), there)

    def test_frame_size(self) -> None:
        """A body is cut to frames that every peer takes, whatever this one does."""
        streams = a_client(greeting=settings_frame(frame=20_000))
        streams.open(a_request(b"a" * 40_000), "a")
        written = streams.output()
        sizes = []
        while written:
            size = int.from_bytes(written[:3])
            sizes.append((written[3], written[4], size))
            written = written[9 + size :]
        self.assertEqual(
            sizes[1:], [(0, 0, 16384), (0, 0, 16384), (0, 1, 40_000 - 2 * 16384)]
        )

    def test_answer_before_the_end(self) -> None:
        """An answer to a half-sent request settles it; the rest is not sent."""
        streams, peer = met({WINDOW: 10})
        stream_id = streams.open(a_request(b"y" * 25), "a")
        exchange(streams, peer)
        peer.answer(stream_id, 413)
        self.assertEqual(
            exchange(streams, peer), [Answered(stream_id, "a", 413, {}, b"")]
        )
        self.assertEqual(peer.resets, {stream_id: 0})
        self.assertEqual(streams._outbox.owed, 0)
        self.assertTrue(streams.takes(25))

    def test_cancel_gives_back(self) -> None:
        """A cancelled one does not wait for windows any more."""
        streams = a_client(greeting=settings_frame(window=0))
        stream_id = streams.open(a_request(b"abc"), "a")
        streams.cancel(stream_id)
        streams.output()
        self.assertEqual(streams._outbox.owed, 0)
        streams.feed(settings_frame(window=10))
        streams.feed(frame(8, 0, stream_id, (100).to_bytes(4)))
        self.assertEqual(streams.output(), frame(4, 1))

    def test_inbound_is_acknowledged(self) -> None:
        """Answers that were handed over give their part of our window back."""
        streams = opened(20)
        for stream_id in range(1, 40, 2):
            streams.feed(frame(1, 4, stream_id, BAD))
            streams.feed(frame(0, 1, stream_id, b"x" * 16000))
        granted = streams.output()
        self.assertEqual(granted[:9], frame(8, payload=bytes(4))[:9])
        self.assertGreaterEqual(int.from_bytes(granted[9:13]), 64000)

    def test_inbound_too_much(self) -> None:
        """Neither a stream nor the connection may send beyond our windows."""
        streams = opened(12)
        streams.feed(frame(1, 4, 1, BAD))
        for _ in range(32):
            streams.feed(frame(0, 0, 1, b"x" * 16384))
        self.assertRaises(RemoteProtocolError, streams.feed, frame(0, 0, 1, b"x"))
        streams = opened(12)
        with self.assertRaises(RemoteProtocolError):
            for stream_id in range(1, 24, 2):
                streams.feed(frame(1, 4, stream_id, BAD))
                for _ in range(31):
                    streams.feed(frame(0, 0, stream_id, b"x" * 16384))


class GoawayTests(TestCase):
    def test_below(self) -> None:
        """Streams above the last id were not processed; those below are awaited."""
        streams = opened(4)
        debug = b'{"reason":"Shutdown"}'
        self.assertEqual(
            streams.feed(goaway_frame(3, 0, debug)), [WentAway(0, 3, debug, [5, 7])]
        )
        self.assertEqual((streams.over, streams.room, streams.open_count), (True, 0, 2))
        self.assertRaises(LocalProtocolError, streams.open, a_request(), "more")
        self.assertEqual(
            streams.feed(answer_frame(3) + answer_frame(1)),
            [Answered(3, 3, 200, {}, b""), Answered(1, 1, 200, {}, b"")],
        )

    def test_at_and_above(self) -> None:
        """When all were taken none is unprocessed."""
        for last in (7, 2**31 - 1):
            streams = opened(4)
            self.assertEqual(
                streams.feed(goaway_frame(last)), [WentAway(0, last, b"", [])]
            )
            self.assertEqual(streams.open_count, 4)

    def test_doubled(self) -> None:
        """The second one narrows what is awaited; the first reason is kept."""
        streams = opened(4)
        debug = b'{"reason":"BadCertificateEnvironment"}'
        events = streams.feed(goaway_frame(5, 2, debug) + goaway_frame(1, 0))
        self.assertEqual(
            events,
            [WentAway(2, 5, debug, [7]), WentAway(2, 1, debug, [3, 5])],
        )

    def test_reason_comes_second(self) -> None:
        """A first one without a reason does not hide the reason of the second."""
        streams = opened(1)
        streams.feed(goaway_frame(2**31 - 1))
        self.assertEqual(
            streams.feed(goaway_frame(0, 7, b"Maximum active streams violated")),
            [WentAway(7, 0, b"Maximum active streams violated", [1])],
        )

    def test_growing(self) -> None:
        """What was given up as unprocessed stays so, whatever is said later."""
        streams = opened(3)
        streams.feed(goaway_frame(1))
        self.assertEqual(streams.feed(goaway_frame(5)), [WentAway(0, 1, b"", [])])
        self.assertEqual(streams.feed(answer_frame(5)), [])

    def test_reset_behind(self) -> None:
        """A stream that was reset before is not reported again."""
        streams = opened(2)
        self.assertEqual(
            streams.feed(frame(3, 0, 3, bytes((0, 0, 0, 7))) + goaway_frame(0)),
            [WasReset(3, 3, 7), WentAway(0, 0, b"", [1])],
        )


VIOLATIONS = {
    "a frame beyond the limit": b"\x00\x40\x01" + bytes(6),
    "DATA on stream 0": frame(0, 0, 0, b"x"),
    "DATA on a stream never opened": frame(0, 0, 5, b"x"),
    "DATA on a stream that is over": frame(0, 0, 1, b"x"),
    "DATA before HEADERS": frame(0, 0, 3, b"x"),
    "DATA with padding only": frame(0, 8, 3, b""),
    "DATA with too much padding": frame(1, 4, 3, OK) + frame(0, 8, 3, b"\x02x"),
    "HEADERS on stream 0": answer_frame(0),
    "HEADERS on an even stream": answer_frame(2),
    "HEADERS on a stream never opened": answer_frame(5),
    "HEADERS on a stream that is over": answer_frame(1),
    "HEADERS with too much padding": frame(1, 13, 3, b"\x05\x88"),
    "HEADERS too short for a priority": frame(1, 0x25, 3, b"\x88"),
    "HEADERS without a status": answer_frame(3, b""),
    "HEADERS with two": answer_frame(3, b"\x88\x88"),
    "HEADERS with a field before the status": answer_frame(3, b"\x00\x01a\x01b\x88"),
    "HEADERS with a pseudo field of requests": answer_frame(3, b"\x88\x84"),
    "a status of letters": answer_frame(3, b"\x08\x032x0"),
    "status 101": frame(1, 4, 3, b"\x08\x03101"),
    "an end with status 100": answer_frame(3, b"\x08\x03100"),
    "a name in upper case": answer_frame(3, b"\x88\x00\x01A\x01b"),
    "an empty name": answer_frame(3, b"\x88\x00\x00\x01b"),
    "a line break in a value": answer_frame(3, b"\x88\x00\x01a\x02b\n"),
    "space around a value": answer_frame(3, b"\x88\x00\x01a\x02b "),
    "a field of the connection": answer_frame(3, b"\x88\x00\x07upgrade\x01b"),
    "a second answer": frame(1, 4, 3, OK) + answer_frame(3, OK),
    "trailers without an end": frame(1, 4, 3, OK) + frame(1, 4, 3, b""),
    "a body of another length": (
        frame(1, 4, 3, b"\x88\x0f\x0d\x012") + frame(0, 1, 3, b"xyz")
    ),
    "a length of letters": answer_frame(3, b"\x88\x0f\x0d\x01z"),
    "a block that is cut short": answer_frame(3, b"\x88\x00\x05a"),
    "an index of nothing": answer_frame(3, b"\x80"),
    "an index beyond the table": answer_frame(3, b"\xbe"),
    "a table beyond our limit": answer_frame(3, b"\x3f\xe2\x1f\x88"),
    "a table size behind a field": answer_frame(3, b"\x88\x20"),
    "a bad Huffman string": answer_frame(3, b"\x88\x00\x81\xff\xff\x00"),
    "a block inside a block": frame(1, 0, 3, b"\x88") + answer_frame(3),
    "a ping inside a block": frame(1, 0, 3, OK) + frame(6, 0, 0, bytes(8)),
    "an unknown frame inside a block": frame(1, 0, 3, OK) + frame(99),
    "a continuation of another stream": frame(1, 0, 3, OK) + frame(9, 4, 1),
    "a continuation of nothing": frame(9, 4, 3, OK),
    "a block without an end": frame(1, 0, 3, OK) + frame(9, 0, 3, bytes(16384)) * 4,
    "a short PRIORITY": frame(2, 0, 3, bytes(4)),
    "PRIORITY on stream 0": frame(2, 0, 0, bytes(5)),
    "a short RST_STREAM": frame(3, 0, 3, bytes(3)),
    "RST_STREAM on stream 0": frame(3, 0, 0, bytes(4)),
    "RST_STREAM on a stream never opened": frame(3, 0, 5, bytes(4)),
    "RST_STREAM on an even stream": frame(3, 0, 2, bytes(4)),
    "SETTINGS on a stream": frame(4, 0, 3),
    "SETTINGS cut short": frame(4, 0, 0, bytes(5)),
    "an acknowledgement with content": frame(4, 1, 0, bytes(6)),
    "a server that would accept pushes": settings_frame(push=1),
    "a window too large": settings_frame(window=2**31),
    "a frame size too small": settings_frame(frame=16383),
    "a frame size too large": settings_frame(frame=2**24),
    "a setting that is no boolean": frame(4, payload=b"\x00\x08" + bytes(3) + b"\2"),
    "a push": frame(5, 4, 3, (2).to_bytes(4) + b"\x82"),
    "a short PING": frame(6, 0, 0, bytes(7)),
    "PING on a stream": frame(6, 0, 3, bytes(8)),
    "a short GOAWAY": frame(7, 0, 0, bytes(7)),
    "GOAWAY on a stream": frame(7, 0, 3, bytes(8)),
    "a short WINDOW_UPDATE": frame(8, 0, 0, bytes(3)),
    "WINDOW_UPDATE of nothing": frame(8, 0, 3, bytes(4)),
    "WINDOW_UPDATE of nothing at all": frame(8, 0, 0, bytes(4)),
    "WINDOW_UPDATE on a stream never opened": frame(8, 0, 5, (1).to_bytes(4)),
    "a connection window beyond all": frame(8, 0, 0, b"\x7f\xff\xff\xff"),
    "a stream window beyond all": frame(8, 0, 3, b"\x7f\xff\xff\xff"),
    "settings that grow a window beyond all": (
        frame(8, 0, 3, b"\x7f\x00\x00\x00") + settings_frame(window=2**31 - 1)
    ),
}
"""What no server may send to a client with streams 1 and 3 open, 1 answered."""


CODES = {
    "a frame beyond the limit": 6,
    "DATA on a stream that is over": 5,
    "a window too large": 3,
    "an index of nothing": 9,
    "a connection window beyond all": 3,
    "a block without an end": 11,
    "a push": 1,
}


class ViolationTests(TestCase):
    def test_each(self) -> None:
        """Every broken rule ends the connection, with a GOAWAY that says why."""
        for name, data in VIOLATIONS.items():
            streams = opened(2)
            streams.feed(answer_frame(1))
            streams.output()
            with self.assertRaises(RemoteProtocolError, msg=name):
                for at in range(len(data)):
                    streams.feed(data[at : at + 1])
            self.assertEqual((streams.over, streams.room), (True, 0), name)
            self.assertEqual(streams.open_count, 1, name)
            farewell = streams.output()[-17:]
            self.assertEqual(farewell[:13], goaway_frame(0)[:13], name)
            self.assertNotEqual(farewell[13:], bytes(4), name)
            if name in CODES:
                self.assertEqual(farewell[16], CODES[name], name)
            self.assertRaises(RemoteProtocolError, streams.feed, b"")

    def test_what_came_before(self) -> None:
        """Answers in front of a fault are handed over; the fault follows."""
        streams = opened(2)
        self.assertEqual(
            streams.feed(answer_frame(1) + frame(9, 4, 3, OK) + answer_frame(3)),
            [Answered(1, 1, 200, {}, b"")],
        )
        self.assertIsInstance(streams.broken, RemoteProtocolError)
        self.assertTrue(streams.over)
        self.assertRaises(RemoteProtocolError, streams.feed, b"")
        self.assertEqual(streams.open_count, 1)

    def test_ignored(self) -> None:
        """What one is told to ignore is ignored."""
        streams = opened(1)
        for data in (
            frame(99, 255, 77, b"whatever"),
            frame(10, 0, 0, b"\0\0"),  # ALTSVC
            frame(2, 0, 1, bytes(5)),
            frame(2, 0, 9, bytes(5)),  # PRIORITY of a stream never opened
            frame(4, payload=b"\x00\x99" + bytes(4)),
            frame(4, 1),
            frame(8, 0, 1, (5).to_bytes(4)),
        ):
            self.assertEqual(streams.feed(data), [], data)
        self.assertEqual(
            streams.feed(answer_frame(1, b"\x88\x00\x01a\x00")),
            [Answered(1, 1, 200, {b"a": b""}, b"")],
        )
        self.assertEqual(streams.feed(frame(8, 0, 1, (5).to_bytes(4))), [])

    def test_priority_in_headers(self) -> None:
        """HEADERS with a priority and padding are understood."""
        streams = opened(1)
        self.assertEqual(
            streams.feed(frame(1, 0x2D, 1, b"\x02" + bytes(5) + OK + b"\0\0")),
            [Answered(1, 1, 200, {}, b"")],
        )

    def test_given_up_is_bounded(self) -> None:
        """Of many cancelled streams the latest are remembered."""
        streams = opened(0)
        for _ in range(65536 + 10):
            streams.cancel(streams.open(a_request(b""), None))
            streams.output()
        self.assertEqual(len(streams._book._given_up), 65536)


# -- any cut of the stream ---------------------------------------------------------


def conversation() -> tuple[Callable[[], Streams], bytes]:
    """A client with streams 1 to 17 open, and all that a server may say to it."""
    encoder = Encoder()

    def block(*fields: tuple[str, str]) -> bytes:
        return bytes(encoder.encode(fields))

    first = block((":status", "200"), ("apns-id", "a-b-c"))
    long = block((":status", "400"), ("apns-id", "x" * 50), ("date", "Wed"))
    pieces = [
        settings_frame(streams=9, table=100),
        frame(1, 0x05, 1, first),
        frame(8, payload=(70000).to_bytes(4)),
        frame(1, 0x00, 5, long[:4]) + frame(9, 0, 5, long[4:9]),
        frame(9, 4, 5, long[9:]),
        frame(0, 0x08, 5, b"\x03" + b'{"reason"' + bytes(3)),
        frame(1, 0x05, 3, block((":status", "200"), ("apns-id", "a-b-c"))),
        frame(6, 0, 0, b"pingping"),
        frame(0, 0, 5, b""),
        frame(0, 1, 5, b':"BadTopic"}'),
        frame(3, 0, 7, bytes((0, 0, 0, 7))),
        settings_frame(streams=1, window=70000),
        frame(77, 1, 2, b"unknown"),
        goaway_frame(11, 0, b'{"reason":"Shutdown"}'),
        frame(1, 0x05, 9, block((":status", "410"), ("date", "Wed"))),
        goaway_frame(11),
        frame(1, 0x05, 11, block((":status", "503"), ("date", "Thu"))),
    ]

    def client() -> Streams:
        streams = a_client(greeting=settings_frame())
        for number in range(9):
            streams.open(a_request(), 2 * number + 1)
        streams.output()
        return streams

    return client, b"".join(pieces)


CLIENT, SAID = conversation()


def heard(pieces: list[bytes]) -> tuple[list[Event], bytes]:
    streams = CLIENT()
    events = [event for piece in pieces for event in streams.feed(piece)]
    assert streams.open_count == 0
    return events, streams.output()


class CutTests(TestCase):
    def test_whole(self) -> None:
        """The conversation says what it was made to say."""
        events, _ = heard([SAID])
        kinds = [type(event).__name__ for event in events]
        self.assertEqual(
            kinds,
            [
                "LimitChanged",
                "Answered",
                "Answered",
                "Answered",
                "WasReset",
                "LimitChanged",
                "WentAway",
                "Answered",
                "WentAway",
                "Answered",
            ],
        )
        self.assertEqual(
            events[3],
            Answered(
                5,
                5,
                400,
                {b"apns-id": b"x" * 50, b"date": b"Wed"},
                b'{"reason":"BadTopic"}',
            ),
        )
        self.assertEqual(
            events[6], WentAway(0, 11, b'{"reason":"Shutdown"}', [13, 15, 17])
        )

    def test_byte_by_byte(self) -> None:
        """One byte at a time says the same."""
        single = [SAID[at : at + 1] for at in range(len(SAID))]
        self.assertEqual(heard(single), heard([SAID]))

    def test_every_split(self) -> None:
        """Cut in two anywhere, it says the same."""
        whole = heard([SAID])
        for at in range(len(SAID)):
            self.assertEqual(heard([SAID[:at], SAID[at:]]), whole, at)

    def test_truncated(self) -> None:
        """Cut off anywhere, no stream is reported that was not answered."""
        for at in range(len(SAID)):
            streams = CLIENT()
            reported = tags_of(streams.feed(SAID[:at]))
            self.assertEqual(len(reported) + streams.open_count, 9)

    @readable
    @given(st.lists(st.integers(0, len(SAID)), max_size=12))
    def test_any_cut(self, cuts: list[int]) -> None:
        """Cut anywhere, as often as one likes, it says the same."""
        edges = [0, *sorted(cuts), len(SAID)]
        pieces = [SAID[a:b] for a, b in pairwise(edges)]
        self.assertEqual(heard(pieces), heard([SAID]))


# -- garbage -----------------------------------------------------------------------


def tags_of(events: list[Event]) -> list[object]:
    """Whom these events settle."""
    tags: list[object] = []
    for event in events:
        if isinstance(event, Answered | WasReset):
            tags.append(event.tag)
        elif isinstance(event, WentAway):
            tags += event.unprocessed
    return tags


BLOCKS = st.one_of(
    st.sampled_from(
        [OK, BAD, b"", b"\x88\x40\x01a\x01b", b"\x88\xbe", b"\x20\x88", b"\x3f\x01\x88"]
    ),
    st.binary(max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from([":status", "apns-id", "content-length", "A", "x", "te"]),
            st.sampled_from(["200", "100", "410", "0", "abc", "a b", " "]),
        ),
        max_size=4,
    ).map(lambda fields: bytes(Encoder().encode(fields))),
)
IDS = st.sampled_from([0, 1, 1, 3, 3, 5, 7, 2, 9, 11, 2**31 - 1, 2**32 - 1])
NUMBERS = st.sampled_from([0, 1, 3, 5, 7, 100, 65535, 2**31 - 1, 2**31, 2**32 - 1])
PAYLOADS = st.one_of(
    BLOCKS,
    NUMBERS.map(lambda number: number.to_bytes(4)),
    st.tuples(NUMBERS, NUMBERS).map(
        lambda pair: pair[0].to_bytes(4) + pair[1].to_bytes(4)
    ),
    st.lists(st.tuples(st.integers(0, 9), NUMBERS), max_size=3).map(
        lambda settings: b"".join(a.to_bytes(2) + b.to_bytes(4) for a, b in settings)
    ),
    st.binary(max_size=12),
)
FRAMES = st.one_of(
    st.builds(frame, st.integers(0, 11), st.integers(0, 255), IDS, PAYLOADS),
    st.builds(
        frame,
        st.sampled_from([0, 1, 3, 4, 7, 8, 9]),
        st.sampled_from([0, 1, 4, 5]),
        IDS,
        PAYLOADS,
    ),
    st.builds(answer_frame, IDS, BLOCKS),
    st.builds(goaway_frame, IDS, NUMBERS, st.binary(max_size=5)),
    st.binary(max_size=20),
)


class GarbageTests(TestCase):
    def check(self, data: bytes, cuts: list[int]) -> None:
        streams = a_client(greeting=settings_frame())
        for tag in (1, 3, 5):
            streams.open(a_request(b"x" * 100), tag)
        streams.open(a_request(b"y" * 70_000), 7)
        streams.cancel(streams.open(a_request(), "gone"))
        reported: list[object] = []
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        try:
            for start, end in pairwise(edges):
                reported += tags_of(streams.feed(data[start:end]))
                streams.output()
            streams.feed(b"")
        except RemoteProtocolError:
            self.assertTrue(streams.over)
        under_way = [stream.tag for stream in streams._book.streams.values()]
        self.assertEqual(sorted(map(str, reported + under_way)), ["1", "3", "5", "7"])
        self.assertEqual(
            streams._outbox.owed,
            sum(len(each.sending.rest) for each in streams._book.streams.values()),
        )

    @readable
    @given(st.lists(FRAMES, max_size=12).map(b"".join), st.lists(st.integers(0, 200)))
    def test_frames(self, data: bytes, cuts: list[int]) -> None:
        """Whatever frames come, no other error comes out and no tag is lost."""
        self.check(data, cuts)

    @readable
    @given(st.data())
    def test_damaged(self, data: st.DataObject) -> None:
        """A sound conversation with octets changed is no better than garbage."""
        damaged = bytearray(SAID)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at] = data.draw(st.integers(0, 255))
        streams = CLIENT()
        reported: list[object] = []
        try:
            reported = tags_of(streams.feed(bytes(damaged)))
            streams.feed(b"")
        except RemoteProtocolError:
            self.assertTrue(streams.over)
        tags = reported + [stream.tag for stream in streams._book.streams.values()]
        self.assertEqual(sorted(map(int, map(str, tags))), list(range(1, 18, 2)))


KNOWN_FRAMES = st.one_of(
    st.builds(
        frame,
        st.sampled_from([0, 1, 3, 4, 5, 6, 8, 9]),
        st.sampled_from([0, 1, 4, 5, 8]),
        st.sampled_from([0, 1, 1, 1, 2, 3]),
        PAYLOADS,
    ),
    st.builds(answer_frame, st.just(1), BLOCKS),
    st.builds(frame, st.just(1), st.just(4), st.just(1), BLOCKS),
    st.builds(frame, st.just(0), st.sampled_from([0, 1]), st.just(1), st.just(b"{}")),
)


class StrictnessTests(TestCase):
    @readable
    @given(st.lists(KNOWN_FRAMES, max_size=5).map(b"".join))
    def test_no_laxer_than_h2(self, data: bytes) -> None:
        """What the h2 package refuses is refused here."""
        if h2_refuses(data):
            self.assertTrue(refuses(data))


def refuses(data: bytes) -> bool:
    streams = opened(1)
    try:
        streams.feed(data)
        streams.feed(b"")
    except RemoteProtocolError:
        return True
    return False


def h2_refuses(data: bytes) -> bool:
    connection = H2Connection(H2Configuration(client_side=True))
    connection.local_settings.enable_push = 0
    connection.initiate_connection()
    connection.receive_data(settings_frame() + frame(4, 1))
    headers = [(":method", "POST"), (":path", "/"), (":scheme", "https")]
    connection.send_headers(1, [*headers, (":authority", "a")])
    connection.send_data(1, b"{}", end_stream=True)
    try:
        connection.receive_data(data)
    except ProtocolError:
        return True
    return False


class SoundnessTests(TestCase):
    @readable
    @given(st.data())
    def test_h2_takes_it_all(self, data: st.DataObject) -> None:
        """Whatever is asked in whatever order, h2 finds no fault in what is written.

        Nothing is lost either: every body arrives as it was given, in the end.
        """
        draw = data.draw
        streams, peer = met({WINDOW: draw(st.sampled_from([0, 7, 1000, 65535]))})
        peer.connection.local_settings.max_header_list_size = 200_000
        peer.connection.decoder.max_header_list_size = 200_000
        bodies: dict[int, bytes] = {}
        for _ in range(draw(st.integers(1, 25))):
            action = draw(st.sampled_from(["open", "open", "answer", "cancel", "set"]))
            under_way = sorted(set(bodies) & set(streams._book.streams))
            if action == "open" and streams.room:
                body = b"x" * draw(st.sampled_from([0, 1, 500, 5000, 40_000]))
                long = draw(st.sampled_from([b"", b"y" * 20_000]))
                fields = ((b"apns-id", b"1"), (b"long", long))
                request = a_request(body, varying=fields)
                bodies[streams.open(request, None, draw(st.none() | st.just(b"b")))] = (
                    body
                )
            elif action == "answer" and under_way:
                stream_id = draw(st.sampled_from(under_way))
                if stream_id in peer.requests:
                    peer.answer(stream_id, 200)
                    del bodies[stream_id]
            elif action == "cancel" and under_way:
                stream_id = draw(st.sampled_from(under_way))
                streams.cancel(stream_id)
                del bodies[stream_id]
            elif action == "set":
                # h2 takes one acknowledgement for one of every kind of setting, so
                # that it would believe a later one acknowledged too early.
                exchange(streams, peer)
                name, values = draw(st.sampled_from(SETTABLE))
                peer.connection.update_settings({name: draw(st.sampled_from(values))})
            if draw(st.booleans()):
                exchange(streams, peer)
        exchange(streams, peer)
        peer.widen(2**30)
        for stream_id in set(bodies) & set(streams._book.streams):
            peer.widen(2**20, stream_id)
        exchange(streams, peer)
        for stream_id, body in bodies.items():
            self.assertEqual(peer.bodies[stream_id], body)
            self.assertIn(stream_id, peer.whole)


SETTABLE = [
    (STREAMS, [0, 1, 5, 100]),
    (WINDOW, [0, 10, 3000, 65535]),
    (TABLE, [0, 100, 4096]),
    (FRAME, [16384, 20_000, 2**24 - 1]),
]
