"""The load of our own, on a connection that only remembers what was written."""

from __future__ import annotations

import asyncio

from attrs import define, field

from bench import house
from bench.client import Job, Session
from tests.support.case import TestCase


CONTENT = b"X-Device-Token: " + house.TOKEN.encode() + b"\r\n\r\nbody\r\n.\r\n"
ENVELOPE = (
    b"MAIL FROM:<news@example.net>\r\n"
    b"RCPT TO:<4711@apn.example.com>\r\n"
    b"DATA\r\n"
)  # fmt: skip


@define
class Transport:
    """What was written, write by write."""

    writes: list[bytes] = field(factory=list)

    def write(self, data: bytes) -> None:
        """Remember it."""
        self.writes.append(data)


class SessionTests(TestCase):
    """One SMTP session."""

    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        self.transport = Transport()

    def session(self, count: int, *, greedy: bool, domains: int = 1) -> Session:
        """The only session of a job, greeted and introduced."""
        self.job = Job(
            CONTENT, count, 0.0, greedy, domains, 1, self.loop.create_future()
        )  # fmt: skip
        session = Session(self.job)
        session.connection_made(self.transport)
        session.data_received(b"220 here\r\n250-here\r\n250 PIPELINING\r\n")
        return session

    def test_sends_the_envelope_at_once_and_the_next_with_the_content(self) -> None:
        """That is what PIPELINING is for."""
        session = self.session(2, greedy=True)
        self.assertEqual(self.transport.writes[1:], [ENVELOPE])
        session.data_received(b"250 ok\r\n250 ok\r\n354 go\r\n")
        first, second = (self.job.message(number) for number in (0, 1))
        self.assertEqual(self.transport.writes[2:], [first + ENVELOPE])
        session.data_received(b"250 durable\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        self.assertEqual(self.transport.writes[3:], [second])
        self.assertFalse(self.job.done.done())
        session.data_received(b"250 durable\r\n")
        self.assertTrue(self.job.done.done())

    def test_waits_for_every_reply_when_it_is_not_greedy(self) -> None:
        """A client of the old kind."""
        session = self.session(1, greedy=False)
        for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            session.data_received(reply)
        commands = ENVELOPE.splitlines(keepends=True)
        self.assertEqual(self.transport.writes[1:], [*commands, self.job.message(0)])

    def test_reads_replies_that_come_byte_by_byte(self) -> None:
        """Replies are lines, however they travel."""
        session = self.session(1, greedy=True)
        for byte in b"250 ok\r\n250 ok\r\n354 go\r\n250 durable\r\n":
            session.data_received(bytes([byte]))
        self.assertTrue(self.job.done.done())
        ((due, sent, accepted),) = self.job.times
        self.assertLessEqual(due, sent)
        self.assertLessEqual(sent, accepted)

    def test_stops_at_a_reply_that_it_did_not_expect(self) -> None:
        """A refused message is no figure."""
        session = self.session(1, greedy=True)
        with self.assertRaises(SystemExit):
            session.data_received(b"452 full\r\n")

    def test_every_message_has_its_number_for_a_token(self) -> None:
        """So the journal can be held against the list of times."""
        self.session(3, greedy=True)
        self.assertIn(b"%064x" % 2, self.job.message(2))
        self.assertNotIn(house.TOKEN.encode(), self.job.message(2))

    def test_spreads_recipients_over_domains(self) -> None:
        """Message N goes to domain N modulo their number."""
        self.session(1, greedy=True, domains=10)
        self.assertIn(b"<4711@3.apn.example.com>", self.job.envelope(13)[1])
