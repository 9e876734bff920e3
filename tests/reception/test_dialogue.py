"""Tests: the order of bytes, limits of a connection, hostile clients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from zope.interface.verify import verifyObject

from mcmtpush.errors import MessageRejected, SpoolError, SpoolFullError
from mcmtpush.reception.dialogue import BAD_COMMANDS_LIMIT, LINGER_SECONDS
from tests.reception.scene import CONTAINER, PLAIN, Client, Scene, Wire, settings
from tests.support.case import TestCase, readable


ENVELOPE = b"MAIL FROM:<a@b.c>\r\nRCPT TO:<4711@apn_example.com>\r\nDATA\r\n"
TRANSACTION = ENVELOPE + PLAIN + b".\r\n"
GO_ON = '354 continue.  finished with "\\r\\n.\\r\\n"'
DOWN = "421 4.3.2 Reconfiguration in progress"

PIECES = [
    b"EHLO me.example\r\n",
    b"HELO (\r\n",
    b"NOOP\r\n",
    b"RSET\r\n",
    b"\n",
    b"bare\rCR\r\n",
    b"nul\0\r\n",
    b"x" * 3000 + b"\r\n",
    b"MAIL FROM:<a@b.c> SIZE=99999\r\n",
    b"RCPT TO:<1@mail.example>\r\n",
    b"DATA\r\n",
    b".\r\n",
    TRANSACTION,
    ENVELOPE + CONTAINER + b".\r\n",
    ENVELOPE + CONTAINER.replace(b"--cut--", b"") + b".\r\n",
    ENVELOPE + b"A: b\r\n\r\n..x\n.\r\n.\r\n",
    ENVELOPE + b"no header\r\n.\r\n",
    ENVELOPE + b"A: " + b"x" * 2000 + b"\r\n.\r\n",
    b"RCPT TO:<2@apn_example.com>\r\n" + TRANSACTION,
    b"\xff\xfe\r\n",
]


def scene() -> Scene:
    return Scene(settings(max_message_size=1000))


class OrderTests(TestCase):
    @readable
    @given(st.lists(st.sampled_from(PIECES), max_size=8), st.integers(1, 50))
    def test_pieces_do_not_matter(self, pieces: list[bytes], size: int) -> None:
        """A session has the same answers and messages however its bytes come."""
        session = b"".join(pieces) + b"QUIT\r\n"
        results = []
        for step in (None, 1, size):
            one = scene()
            client = one.client()
            client.feed(session, step)
            results.append((client.read(), one.submissions, client.closed))
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], results[2])
        self.assertRegex(results[0][0][-1], "^221 |^421 ")

    def test_whole_session_in_one_segment(self) -> None:
        """Several transactions and QUIT in one segment are answered in order."""
        one = scene()
        client = one.greeted()
        lines = client.say(TRANSACTION * 3 + b"NOOP\r\nQUIT\r\n")
        self.assertEqual(
            [line[:3] for line in lines],
            ["250", "250", "354", "250"] * 3 + ["250", "221"],
        )
        ids = [submission.messages[0].id for submission in one.submissions]
        self.assertEqual(
            [line for line in lines if " OK " in line],
            [f"250 2.0.0 OK {one_id}" for one_id in ids],
        )
        self.assertEqual(len(set(ids)), 3)

    def test_one_write(self) -> None:
        """The replies to one segment leave in one write."""
        client = scene().greeted()
        writes: list[bytes] = []
        client.wire.write = writes.append  # type: ignore[method-assign]
        client.feed(b"NOOP\r\n" * 10)
        self.assertEqual(writes, [b"250 2.0.0 OK\r\n" * 10])

    def test_commands_wait_for_the_answer(self) -> None:
        """Behind a message that is not durable yet nothing is answered or read."""
        one = scene()
        one.reception.waits = True
        client = one.greeted()
        lines = client.say(TRANSACTION + TRANSACTION + b"NOOP\r\n")
        self.assertEqual([line[:3] for line in lines], ["250", "250", "354"])
        self.assertEqual(client.wire.producerState, "paused")
        one.reception.pending[0].callback(None)
        lines = client.read()
        self.assertEqual([line[:3] for line in lines], ["250", "250", "250", "354"])
        self.assertEqual(len(one.reception.pending), 2)
        one.reception.pending[1].callback(None)
        self.assertEqual([line[:3] for line in client.read()], ["250", "250"])
        self.assertEqual(client.wire.producerState, "producing")

    def test_reading_pauses_only_for_bytes(self) -> None:
        """A client that waits for its answer is not paused; one that goes on is."""
        one = scene()
        one.reception.waits = True
        client = one.greeted()
        client.say(TRANSACTION)
        self.assertEqual(client.wire.producerState, "producing")
        self.assertEqual(client.say(b"QUIT\r\n"), [])
        self.assertEqual(client.wire.producerState, "paused")
        one.reception.pending[0].callback(None)
        self.assertEqual([line[:3] for line in client.read()], ["250", "221"])
        self.assertTrue(client.closed)

    def test_client_that_does_not_read(self) -> None:
        """While our replies are stuck nothing more is read."""
        client = scene().greeted()
        assert client.wire.producer is client.server
        client.server.pauseProducing()
        self.assertEqual(client.wire.producerState, "paused")
        client.server.resumeProducing()
        self.assertEqual(client.wire.producerState, "producing")

    def test_small_packets(self) -> None:
        """Packets are sent at once where that is set, and only on TCP."""
        asked: list[bool] = []
        factory = Scene(settings(), no_delay=True).factory
        for peer, expected in (
            (IPv4Address("TCP", "127.0.0.1", 40000), [True]),
            (UNIXAddress(None), []),
        ):
            asked.clear()
            wire = Wire(peerAddress=peer)
            wire.setTcpNoDelay = asked.append  # type: ignore[attr-defined]
            factory.buildProtocol(peer).makeConnection(wire)
            self.assertEqual(asked, expected)

    def test_interfaces(self) -> None:
        """Twisted is told of what it may call."""
        server = scene().client().server
        verifyObject(IPushProducer, server)
        verifyObject(IHandshakeListener, server)
        verifyObject(IHalfCloseableProtocol, server)

    def test_client_that_ends_its_side(self) -> None:
        """All it said is answered, the messages when they are durable; then it ends."""
        one = scene()
        one.reception.waits = True
        client = one.greeted()
        client.feed(TRANSACTION + TRANSACTION + b"NOOP\r\nNO")
        client.server.readConnectionLost()
        self.assertEqual([line[:3] for line in client.read()], ["250", "250", "354"])
        for expected in (["250", "250", "250", "354"], ["250", "250"]):
            self.assertFalse(client.closed)
            one.reception.pending[-1].callback(None)
            self.assertEqual([line[:3] for line in client.read()], expected)
        self.assertTrue(client.closed)
        self.assertEqual(len(one.submissions), 2)

    def test_client_that_ends_early(self) -> None:
        """Between commands and within a message there is nothing left to answer."""
        for said in (b"", b"NOO", ENVELOPE, ENVELOPE + PLAIN):
            one = scene()
            client = one.greeted()
            client.say(said)
            client.server.readConnectionLost()
            self.assertEqual((client.read(), client.closed), ([], True), said)
            client.wire.lose()
            self.assertEqual((one.submissions, one.factory.open), ([], set()), said)


class EndOfDataTests(TestCase):
    def test_answers_by_cause(self) -> None:
        """The cause decides whether the client shall come again."""
        for failure, answer in [
            (
                SpoolFullError("full"),
                "452 4.3.1 no room to store the message, try later",
            ),
            (SpoolError("broken"), "451 4.3.0 transaction failed"),
            (MessageRejected(550, "5.6.1", "bad JSON"), "550 5.6.1 bad JSON"),
            (MessageRejected(451, "4.7.1", "later"), "451 4.7.1 later"),
        ]:
            for waits in (False, True):
                one = scene()
                one.reception.failure, one.reception.waits = failure, waits
                client = one.greeted()
                client.feed(TRANSACTION)
                if waits:
                    one.reception.pending[0].errback(failure)
                self.assertEqual(client.read()[-1], answer)
                self.assertEqual(client.say(b"NOOP\r\n"), ["250 2.0.0 OK"])
                self.assertEqual(one.counters.get("reception.messages"), 0)

    def test_unexpected(self) -> None:
        """A fault of ours is temporary for the client and loud for the operator."""
        one = scene()
        one.reception.failure = ZeroDivisionError()
        client = one.greeted()
        self.assertEqual(client.say(TRANSACTION)[-1], "451 4.3.0 transaction failed")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(client.say(b"NOOP\r\n"), ["250 2.0.0 OK"])

    def test_refused_content_stores_nothing(self) -> None:
        """Refused content reaches nobody and the connection goes on."""
        one = scene()
        client = one.greeted()
        self.assertEqual(
            client.send(b"A: b\r\n\r\nx\n.\r\nQUIT\r\n"),
            "550 5.6.0 line with a lone dot not between two CR LF",
        )
        self.assertEqual(one.submissions, [])
        self.assertRegex(client.send(PLAIN), "^250 ")

    def test_client_gone_meanwhile(self) -> None:
        """An answer for a client that has gone goes nowhere."""
        one = scene()
        one.reception.waits = True
        client = one.greeted()
        client.feed(TRANSACTION + b"NOOP\r\n")
        client.wire.clear()
        client.wire.lose()
        one.reception.pending[0].callback(None)
        self.assertEqual(client.read(), [])
        self.assertEqual(one.counters.get("reception.messages"), 1)

    def test_client_gone_within_a_message(self) -> None:
        """Half a message is none."""
        one = scene()
        client = one.greeted()
        client.feed(ENVELOPE + PLAIN)
        client.wire.lose()
        self.assertEqual(one.submissions, [])
        self.assertEqual(one.sessions.total, 0)


class HostileTests(TestCase):
    def test_bad_commands(self) -> None:
        """So many faults are answered, the next one ends the connection."""
        client = scene().greeted()
        lines = client.say(b"GET / HTTP/1.1\r\n" * 100)
        self.assertEqual(
            lines[:-1], ["500 5.5.2 unrecognized command"] * BAD_COMMANDS_LIMIT
        )
        self.assertEqual(lines[-1], "421 4.7.0 too many bad commands")
        self.assertTrue(client.closed)

    def test_good_messages_forgive(self) -> None:
        """An accepted message starts the count of faults anew."""
        client = scene().greeted()
        for _ in range(3):
            client.say(b"XYZZY\r\n" * BAD_COMMANDS_LIMIT)
            self.assertRegex(client.send(PLAIN), "^250 ")
        self.assertFalse(client.closed)

    def test_refused_recipients_are_no_faults(self) -> None:
        """Policy refusals do not end a connection."""
        client = scene().greeted()
        client.say(b"MAIL FROM:<a@b>\r\n")
        lines = client.say(b"RCPT TO:<1@mail.example>\r\n" * 100)
        self.assertEqual(len(lines), 100)
        self.assertFalse(client.closed)

    def test_our_own_fault(self) -> None:
        """A bug in a command ends one connection, with a word and a diagnostic."""

        def broken(_: str) -> None:
            raise ZeroDivisionError

        client = Scene(settings(), route=broken).greeted()
        lines = client.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@x>\r\nNOOP\r\n")
        self.assertEqual(
            lines,
            [
                "250 2.1.0 MAIL FROM accepted",
                "421 4.3.0 internal error, try again later",
            ],
        )
        self.assertTrue(client.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @readable
    @given(st.lists(st.binary(max_size=40) | st.sampled_from(PIECES), max_size=12))
    def test_junk(self, pieces: list[bytes]) -> None:
        """Whatever is sent, there is an answer and never a fault of ours."""
        one = scene()
        client = one.client()
        for piece in pieces:
            client.feed(piece)
        for line in client.read():
            self.assertRegex(line, r"^(2|3|4|5)\d\d[ -]")
            self.assertNotIn("internal error", line)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nothing_is_read_after_the_end(self) -> None:
        """Bytes behind QUIT do nothing."""
        one = scene()
        client = one.greeted()
        client.feed(b"QUIT\r\n" + TRANSACTION)
        client.server.dataReceived(TRANSACTION)
        self.assertEqual(one.submissions, [])
        self.assertEqual(len(client.read()), 1)


class TimeTests(TestCase):
    def timed(self) -> tuple[Scene, Client]:
        one = Scene(settings(idle_seconds=300))
        return one, one.greeted()

    def test_idle(self) -> None:
        """A client that says nothing is told so and hung up on."""
        one, client = self.timed()
        one.clock.advance(299)
        client.say(b"NOOP\r\n")
        one.clock.advance(299)
        self.assertFalse(client.closed)
        one.clock.advance(1)
        self.assertEqual(
            client.read(), ["421 4.4.2 idle for too long, closing the connection"]
        )
        self.assertTrue(client.closed)

    def test_idle_within_a_message(self) -> None:
        """The same holds in the middle of a message."""
        one, client = self.timed()
        client.say(ENVELOPE)
        one.clock.advance(300)
        self.assertRegex(client.read()[-1], "^421 4.4.2 ")
        self.assertEqual(one.submissions, [])

    def test_waiting_is_not_idle(self) -> None:
        """A client that waits for us is not blamed."""
        one, client = self.timed()
        one.reception.waits = True
        client.say(TRANSACTION)
        one.clock.advance(1000)
        self.assertFalse(client.closed)
        one.reception.pending[0].callback(None)
        self.assertRegex(client.read()[-1], "^250 2.0.0 OK ")
        one.clock.advance(300)
        self.assertTrue(client.closed)

    def test_last_words_that_nobody_reads(self) -> None:
        """A connection that does not end after its last words is cut."""
        one, client = self.timed()
        one.clock.advance(300)
        self.assertFalse(client.wire.disconnected)
        one.clock.advance(LINGER_SECONDS)
        self.assertTrue(client.wire.disconnected)
        other = scene()
        client = other.greeted()
        client.say(b"QUIT\r\n")
        other.clock.advance(LINGER_SECONDS)
        self.assertTrue(client.wire.disconnected)
        self.assertEqual(other.sessions.total, 0)

    def test_no_timer_left(self) -> None:
        """A session that ended leaves no timer behind."""
        one, client = self.timed()
        client.say(b"QUIT\r\n")
        client.wire.lose()
        self.assertEqual(one.clock.getDelayedCalls(), [])


class DrainTests(TestCase):
    def drained(self, one: Scene) -> Deferred[None]:
        return one.factory.drain()

    def test_nobody_there(self) -> None:
        """Without sessions draining is done at once."""
        self.successResultOf(self.drained(scene()))

    def test_idle_sessions_end(self) -> None:
        """An idle session is told and ended at once."""
        one = scene()
        client = one.greeted()
        draining = self.drained(one)
        self.assertEqual(client.read(), [DOWN])
        self.assertTrue(client.closed)
        self.assertNoResult(draining)
        client.wire.lose()
        self.successResultOf(draining)

    def test_transaction_finishes(self) -> None:
        """A transaction that has begun ends with its answer, then the session ends."""
        for begun in (0, 10, len(ENVELOPE) - 19, len(TRANSACTION) - 22):
            one = scene()
            client = one.greeted()
            client.say(b"MAIL FROM:<a@b.c>\r\n" + TRANSACTION[19 : 19 + begun])
            draining = self.drained(one)
            self.assertEqual(client.read(), [])
            lines = client.say(TRANSACTION[19 + begun :])
            self.assertRegex(lines[-2], "^250 2.0.0 OK ")
            self.assertEqual(lines[-1], DOWN)
            self.assertTrue(client.closed)
            client.wire.lose()
            self.successResultOf(draining)

    def test_next_command(self) -> None:
        """The command behind a finished transaction is answered 421, QUIT 221."""
        for command, answer in (
            (TRANSACTION, DOWN),
            (b"QUIT\r\n", "221 2.0.0 mx.example.net closing connection"),
        ):
            one = scene()
            one.reception.waits = True
            client = one.greeted()
            client.say(TRANSACTION + command)
            self.drained(one)
            self.assertEqual(client.read(), [])
            one.reception.pending[0].callback(None)
            lines = client.read()
            self.assertRegex(lines[0], "^250 2.0.0 OK ")
            self.assertEqual(lines[1:], [answer])
            self.assertEqual(len(one.submissions), 1)

    def test_reset_ends_the_session(self) -> None:
        """A transaction that is given up leaves an idle session."""
        one = scene()
        client = one.greeted()
        client.say(b"MAIL FROM:<a@b.c>\r\n")
        self.drained(one)
        self.assertEqual(client.say(b"RSET\r\nNOOP\r\n"), ["250 2.0.0 OK", DOWN])
        self.assertTrue(client.closed)

    def test_abort(self) -> None:
        """What does not end is cut."""
        one = scene()
        client = one.greeted()
        client.say(ENVELOPE)
        draining = self.drained(one)
        one.factory.abort()
        self.assertTrue(client.wire.disconnected)
        self.successResultOf(draining)
