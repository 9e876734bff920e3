"""The accounts of streams: which are known, and what they hold of our window."""

from __future__ import annotations

from mcmtpush.apns.http2frame import Violation
from mcmtpush.apns.http2settings import (
    CONNECTION_WINDOW,
    STREAM_WINDOW,
    PeerSettings,
)
from mcmtpush.apns.outbox import Outbox
from mcmtpush.apns.streambook import StreamBook
from tests.apns.peer import frame
from tests.support.case import TestCase


class StreamBookTests(TestCase):
    def setUp(self) -> None:
        self.outbox = Outbox(PeerSettings())
        self.book = StreamBook(self.outbox)
        for tag in "abc":
            self.book.open(tag, b"", b"")
        self.outbox.take()

    def test_find(self) -> None:
        """Under way, given up, over, or never there: to frames of both kinds."""
        self.book.give_up(3)
        self.book.forget(5)
        for stream_id, found, answered in (
            (1, "a", "a"),
            (3, None, None),
            (5, None, Violation),
            (7, Violation, Violation),
            (2, Violation, Violation),
            (0, Violation, Violation),
        ):
            for find, expected in (
                (self.book.find, found),
                (self.book.find_answered, answered),
            ):
                if expected is Violation:
                    self.assertRaises(Violation, find, stream_id)
                    continue
                stream = find(stream_id)
                self.assertEqual(stream and stream.tag, expected)

    def test_given_back(self) -> None:
        """A stream's bytes come back when it is over, in one piece with others."""
        stream = self.book.streams[1]
        self.book.receive(70_000)
        self.book.hold(1, stream, 40_000)
        self.book.acknowledge(30_000)
        self.assertEqual(self.outbox.take(), b"")
        self.book.forget(1)
        self.assertEqual(self.outbox.take(), frame(8, 0, 0, (70_000).to_bytes(4)))

    def test_connection_window(self) -> None:
        """What was not given back may not be used again."""
        self.book.receive(CONNECTION_WINDOW)
        self.assertRaises(Violation, self.book.receive, 1)

    def test_stream_window(self) -> None:
        """One answer may be so long and no longer."""
        stream = self.book.streams[3]
        self.book.hold(3, stream, STREAM_WINDOW)
        self.assertRaises(Violation, self.book.hold, 3, stream, 1)

    def test_exhausted(self) -> None:
        """The last id is 31 ones."""
        self.assertFalse(self.book.exhausted)
        self.book.next_id = 2**31 - 1
        self.assertFalse(self.book.exhausted)
        self.assertEqual(self.book.open("z", b"", b""), 2**31 - 1)
        self.assertTrue(self.book.exhausted)
