"""The glue between a dialogue and a transport: writing, waiting, TLS, the end."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.delivery.mail.client import CHUNK_SIZE, MailConnection
from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import Over, Terms
from mcmtpush.delivery.mail.transaction import make_transaction
from mcmtpush.errors import ConfigError
from mcmtpush.values import Accepted, Answered, Discarded, Undecided
from tests.delivery.mail.stage import Wire
from tests.support.case import TestCase


class Recorder:
    """An owner that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def ready(self, _: MailConnection) -> None:
        self.told.append("ready")

    def settled(self, _: MailConnection, outcomes: Any) -> None:
        self.told.append(outcomes)

    def ended(self, _: MailConnection, over: Over) -> None:
        self.told.append(over)


class ClientCase(TestCase):
    def setUp(self) -> None:
        self.make()

    def make(self, terms: Terms | None = None, idle: float = 30) -> None:
        self.clock = Clock()
        self.owner = Recorder()
        self.creator: Any = "creator"
        self.wire = Wire("192.0.2.1")
        self.connection = MailConnection(
            self.owner,
            Dialogue(terms or Terms("me")),
            creator=self.create,
            clock=self.clock,
            idle_timeout_seconds=idle,
        )
        self.wire.attach(self.connection)

    def create(self) -> Any:
        if isinstance(self.creator, Exception):
            raise self.creator
        return self.creator

    def get_ready(self) -> None:
        self.wire.say("220 hi", "250 mx")
        self.assertEqual(self.owner.told, ["ready"])
        self.owner.told.clear()

    def begin(self, mail: bytes = b"hi\r\n") -> None:
        self.get_ready()
        self.connection.attempt(make_transaction("s@x", ("r@y",), mail))
        self.wire.say("250", "250", "354 go")


class WritingTests(ClientCase):
    def test_small(self) -> None:
        """A small message is written at once, and its answer settles it."""
        self.begin()
        self.assertTrue(self.wire.value().endswith(b"DATA\r\nhi\r\n.\r\n"))
        self.wire.say("250 taken")
        self.assertEqual(self.owner.told, [(Accepted("proven"),), "ready"])
        self.assertEqual(self.connection.remote_ip, "192.0.2.1")

    def test_paused(self) -> None:
        """A transport that has enough gets the rest when it asks for it."""
        size = 5 * CHUNK_SIZE
        self.get_ready()
        mail = make_transaction("s@x", ("r@y",), b"x" * size)
        self.connection.attempt(mail)
        self.wire.say("250", "250")
        self.wire.clear()
        self.connection.pauseProducing()
        self.wire.say("354 go")
        self.assertEqual(self.wire.value(), b"")
        write = self.wire.write

        def write_some(data: bytes) -> None:
            write(data)
            self.connection.pauseProducing()

        self.wire.write = write_some  # type: ignore[method-assign]
        for chunks in (1, 2):
            self.connection.resumeProducing()
            self.assertEqual(len(self.wire.value()), chunks * CHUNK_SIZE)
        for _ in range(6):
            self.connection.resumeProducing()
        self.assertEqual(self.wire.value(), mail.content)

    def test_lost_while_writing(self) -> None:
        """As long as the dot has not left it is not delivered."""
        self.get_ready()
        self.connection.attempt(make_transaction("s@x", ("r@y",), b"x"))
        self.wire.say("250", "250")
        self.connection.pauseProducing()
        self.wire.say("354 go")
        self.wire.close()
        self.assertEqual(self.owner.told[0], (Discarded(),))

    def test_refused_while_writing(self) -> None:
        """A refusal before the dot is an answer, and the end."""
        self.get_ready()
        self.connection.attempt(make_transaction("s@x", ("r@y",), b"x"))
        self.wire.say("250", "250")
        self.connection.pauseProducing()
        self.wire.say("354 go", "552 5.3.4 too big")
        self.assertEqual(self.owner.told[0], (Answered(552, "5.3.4 too big"),))
        self.assertTrue(self.wire.disconnecting)

    def test_stalled(self) -> None:
        """A peer that takes nothing is left; asking for more gives it time."""
        self.get_ready()
        self.connection.attempt(make_transaction("s@x", ("r@y",), b"x"))
        self.wire.say("250", "250")
        self.connection.pauseProducing()
        self.wire.say("354 go")
        self.clock.advance(179)
        self.assertFalse(self.wire.disconnecting)
        self.connection.resumeProducing()
        self.connection.pauseProducing()
        self.clock.advance(180)
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.owner.told[0], (Undecided(),))


class WaitingTests(ClientCase):
    def test_each_step(self) -> None:
        """Every command is waited for as long as it may take, and not longer."""
        for lines, seconds in (
            ((), 300),
            (("220 hi",), 300),
            (("220 hi", "250 mx"), 300),
            (("220 hi", "250 mx", "250"), 300),
            (("220 hi", "250 mx", "250", "250"), 120),
            (("220 hi", "250 mx", "250", "250", "354"), 600),
        ):
            with self.subTest(lines=lines):
                self.make()
                self.wire.say(*lines[:2])
                if len(lines) > 1:
                    self.connection.attempt(make_transaction("s", ("r",), b"x"))
                self.wire.say(*lines[2:])
                self.clock.advance(seconds - 1)
                self.assertFalse(self.wire.disconnecting)
                self.clock.advance(1)
                self.assertTrue(self.wire.disconnecting)
                self.assertIn("in time", self.owner.told[-1].reason)
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_crumbs(self) -> None:
        """A reply that never ends gets no more time for every crumb."""
        for _ in range(100):
            self.clock.advance(2.99)
            self.connection.dataReceived(b"220-hi\r\n")
        self.assertFalse(self.wire.disconnecting)
        self.clock.advance(1)
        self.assertTrue(self.wire.disconnecting)

    def test_idle(self) -> None:
        """Idle it says goodbye and waits a little for the answer."""
        self.get_ready()
        self.clock.advance(30)
        self.assertTrue(self.wire.value().endswith(b"QUIT\r\n"))
        self.assertFalse(self.connection.is_ready)
        self.clock.advance(2)
        self.assertTrue(self.wire.disconnecting)
        self.assertTrue(self.owner.told[-1].agreed)

    def test_never_idle(self) -> None:
        """Zero is no limit; a reserved connection is not idle."""
        self.make(idle=0)
        self.get_ready()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.make()
        self.get_ready()
        self.connection.reserve(reserved=True)
        self.clock.advance(1000)
        self.assertNotIn(b"QUIT", self.wire.value())
        self.connection.reserve(reserved=False)
        self.clock.advance(30)
        self.assertIn(b"QUIT", self.wire.value())


class EndTests(ClientCase):
    def test_once(self) -> None:
        """The end is told once, whatever comes after it."""
        self.begin()
        self.connection.abort("enough")
        self.wire.say_only("250 taken")
        self.connection.abort("more than enough")
        self.wire.close()
        self.assertEqual(self.owner.told, [(Undecided(),), Over("enough")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_finish(self) -> None:
        """Finishing says goodbye if nothing goes on, and hangs up otherwise."""
        self.get_ready()
        self.connection.finish()
        self.assertTrue(self.wire.value().endswith(b"QUIT\r\n"))
        self.make()
        self.connection.finish()
        self.assertTrue(self.wire.disconnecting)

    def test_given_up_before(self) -> None:
        """A connection that comes too late is dropped."""
        late = MailConnection(
            self.owner,
            Dialogue(Terms("me")),
            creator=self.create,
            clock=self.clock,
            idle_timeout_seconds=30,
        )
        late.abort("given up")
        wire = Wire("192.0.2.1")
        wire.attach(late)
        self.assertTrue(wire.disconnecting)
        wire.close()
        self.assertEqual(self.owner.told, [Over("given up")])


class TlsTests(ClientCase):
    def setUp(self) -> None:
        self.make(Terms("me", tls="required"))

    def test_handshake(self) -> None:
        """TLS is begun on the transport; EHLO comes after the handshake."""
        self.wire.say("220 hi", "250-mx\r\n250 STARTTLS", "220 go")
        self.assertEqual(self.wire.creators, ["creator"])
        self.assertEqual(self.wire.value().count(b"EHLO"), 1)
        self.connection.handshakeCompleted()
        self.assertEqual(self.wire.value().count(b"EHLO"), 2)

    def test_slow_handshake(self) -> None:
        """A handshake has its time, too."""
        self.wire.say("220 hi", "250-mx\r\n250 STARTTLS", "220 go")
        self.clock.advance(120)
        over = self.owner.told[-1]
        self.assertTrue(over.tls)
        self.connection.handshakeCompleted()
        self.assertEqual(self.owner.told, [over])

    def test_no_files(self) -> None:
        """Files that cannot be used end it before the handshake."""
        self.creator = ConfigError("tls_ca: gone", "configuration")
        self.wire.say("220 hi", "250-mx\r\n250 STARTTLS", "220 go")
        over = self.owner.told[-1]
        self.assertEqual((over.reason, over.tls), ("tls_ca: gone", True))
        self.assertTrue(self.wire.disconnecting)
