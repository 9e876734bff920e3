"""The lane of a mail queue: messages, losses, lookups, TLS, draining."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mcmtpush.config.views import (
    Route,
)
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail.call import Means
from mcmtpush.delivery.mail.event import TLS_FAILED
from mcmtpush.delivery.mail.exchange import (
    NO_SUCH_DOMAIN,
    Absent,
    Exchange,
    Unavailable,
)
from mcmtpush.delivery.mail.trouble import LOST
from mcmtpush.errors import ConfigError, SpoolError
from mcmtpush.values import Answered, Discarded, Undecided
from tests.delivery.mail.pooling import GONE, MAIL, PROVEN, PoolCase
from tests.delivery.mail.stage import (
    KEY,
    Wire,
    an_entry,
)


class DeliveryTests(PoolCase):
    def test_nothing_to_do(self) -> None:
        """An empty queue looks nothing up and opens nothing."""
        self.make(0)
        self.work()
        self.assertEqual((self.names.asked, self.servers.asked), ([], []))

    def test_not_inside(self) -> None:
        """However often it is called in a turn, work is done once, and not inside."""
        for _ in range(20):
            self.pool.work()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.names.asked, [])

    def test_delivers(self) -> None:
        """All that waits goes over one connection to the best host, in order."""
        wire = self.connect()
        self.assertEqual(self.servers.asked, [("192.0.2.1", 25)])
        self.assertEqual(self.serve(wire), 3)
        self.assertEqual(self.settled.outcomes(), [(row, PROVEN) for row in (1, 2, 3)])
        attempt = self.settled.attempts[0]
        self.assertEqual(
            (attempt.transaction_id, attempt.size, attempt.remote_ip),
            (0, len(MAIL) + 3, "192.0.2.1"),
        )
        self.assertEqual(self.counters.get("delivery.mail_accepted"), 3)
        self.assertIn(b"RCPT TO:<r2@y.example>", wire.value())

    def test_one_transaction(self) -> None:
        """Recipients of one content share a transaction, each has its outcome."""
        self.queue.entries = [
            *[an_entry(row, batch_id="b") for row in (1, 2, 3)],
            an_entry(4),
        ]
        wire = self.connect()
        self.serve(wire, {"RCPT TO:<r2": "550 5.1.1 no such user"})
        self.assertEqual(wire.value().count(b"MAIL FROM"), 2)
        self.assertEqual(
            self.settled.outcomes(),
            [
                (1, PROVEN),
                (2, Answered(550, "5.1.1 no such user")),
                (3, PROVEN),
                (4, PROVEN),
            ],
        )

    def test_idle(self) -> None:
        """A connection with nothing to do says goodbye; the next work opens another."""
        wire = self.connect()
        self.serve(wire)
        self.clock.advance(29)
        self.assertEqual(wire.heard(), "")
        self.clock.advance(1)
        self.assertEqual(wire.say("221 bye"), "QUIT\r\n")
        self.assertEqual((self.pool.connections, wire.disconnecting), (0, True))
        self.turns()
        self.assertEqual(self.servers.pending, [])
        self.queue.entries.append(an_entry(9))
        self.work()
        self.assertEqual(len(self.servers.pending), 1)

    def test_kept(self) -> None:
        """A message that comes in time uses the connection that is there."""
        wire = self.connect()
        self.serve(wire)
        self.clock.advance(20)
        self.queue.entries.append(an_entry(9))
        self.work()
        self.assertEqual(self.serve(wire), 1)
        self.assertEqual(len(self.servers.asked), 1)

    def test_several_connections(self) -> None:
        """Many messages get several connections, up to the limit, and share them."""
        self.make(200, max_outbound_connections=3)
        self.work()
        self.assertEqual(len(self.servers.pending), 3)
        wires = [self.servers.accept(greet=True) for _ in range(3)]
        self.turns()
        taken = [0, 0, 0]
        for _ in range(100):
            for index, wire in enumerate(wires):
                taken[index] += wire.serve()
            self.turns(2)
        self.assertEqual(sum(taken), 200)
        self.assertGreater(min(taken), 50)

    def test_enough(self) -> None:
        """After `max_deliveries_per_connection` messages a new one is made."""
        self.make(3, max_deliveries_per_connection=2)
        wire = self.connect()
        self.assertEqual(self.serve(wire), 2)
        self.assertIn(b"QUIT", wire.value())
        self.turns()
        self.assertEqual(self.serve(self.servers.accept(greet=True)), 1)

    def test_drained_within_limits(self) -> None:
        """A lane that ends gives back every place it had."""
        limits = Limits(5)
        self.make(30, max_outbound_connections=5, limits=limits)
        self.connect()
        self.assertGreater(limits.used, 1)
        done = self.pool.drain()
        for _ in range(30):
            self.servers.sink()
            self.clock.advance(1.0)
        self.assertEqual((self.successResultOf(done), limits.used), (None, 0))

    def test_unsendable(self) -> None:
        """An address that would break a command is refused here."""
        self.queue.entries = [
            an_entry(1, recipient="a\r\nDATA@y"),
            an_entry(2, sender="x> SIZE=1"),
            an_entry(3, recipient=""),
            an_entry(4),
        ]
        self.serve(self.connect())
        refused = Answered(553, "5.1.3 [internal] address cannot be sent")
        self.assertEqual(
            self.settled.outcomes(),
            [(1, refused), (2, refused), (3, refused), (4, PROVEN)],
        )


class SpoolTests(PoolCase):
    def test_missing(self) -> None:
        """A message whose mail is not there fails; the others go on."""
        self.mails[1] = None
        self.serve(self.connect())
        missing = Answered(550, "5.3.0 [internal] message body missing")
        self.assertEqual(
            self.settled.outcomes(), [(1, missing), (2, PROVEN), (3, PROVEN)]
        )

    def test_not_readable(self) -> None:
        """Trouble of the spool is held against no message, and it is asked again."""
        self.make(1, again=(Discarded,))
        self.mails[1] = SpoolError("disk")
        wire = self.connect()
        self.assertEqual(self.settled.outcomes(), [(1, GONE)])
        self.turns(30)
        self.assertEqual(len(self.settled.attempts), 1)
        del self.mails[1]
        self.clock.advance(1)
        self.turns()
        self.assertEqual(self.serve(wire), 1)

    def test_slow(self) -> None:
        """While a message is read, the connection is not idle; its loss is no loss."""
        self.make(1)
        self.mails[1] = Deferred()
        wire = self.connect()
        self.clock.advance(60)
        self.assertNotIn(b"QUIT", wire.value())
        wire.close()
        self.assertEqual(self.settled.outcomes(), [(1, GONE)])
        self.mails[1].callback(MAIL)
        self.assertEqual(len(self.settled.attempts), 1)


class LossTests(PoolCase):
    def lose(self, lines: tuple[str, ...]) -> None:
        self.clock.advance(60)
        self.turns()
        wire = self.servers.accept(greet=True)
        self.turns()
        wire.say(*lines)
        wire.close(cleanly=False)
        self.turns()

    def test_before_the_dot(self) -> None:
        """Lost on the way it goes back; thrice in a row is held against it."""
        self.make(1, again=(Discarded,))
        self.work()
        for _ in range(3):
            self.lose(("250", "250"))
        self.assertEqual(self.settled.outcomes(), [(1, GONE), (1, GONE), (1, LOST)])

    def test_after_the_dot(self) -> None:
        """Lost after the dot nobody knows; thrice in a row is held against it."""
        self.make(1, again=(Undecided,))
        self.work()
        for _ in range(3):
            self.lose(("250\r\n250\r\n354 go",))
        self.assertEqual(
            self.settled.outcomes(), [(1, Undecided()), (1, Undecided()), (1, LOST)]
        )
        self.assertEqual(self.counters.get("delivery.mail_undecided"), 2)

    def test_one_message_each(self) -> None:
        """A server that takes one message a connection gets one each, without rest."""
        self.make(20, again=(Discarded,))
        self.work()
        for _ in range(20):
            wire = self.servers.accept(greet=True)
            self.turns()
            wire.say("250\r\n250\r\n354 go", "250 taken")
            self.turns()
            wire.close()
            self.turns()
        taken = [row for row, each in self.settled.outcomes() if each == PROVEN]
        self.assertEqual(sorted(taken), list(range(1, 21)))
        self.assertNotIn(LOST, [each for _, each in self.settled.outcomes()])


class LookupTests(PoolCase):
    def test_nowhere(self) -> None:
        """No such domain and null MX end messages without a connection."""
        for found in (Absent(exists=False), (Exchange(0, ""),)):
            self.make(3)
            self.names.mx[KEY.domain] = found
            self.work()
            self.assertEqual(
                self.settled.outcomes(), [(row, NO_SUCH_DOMAIN) for row in (1, 2, 3)]
            )
        self.assertEqual(self.servers.asked, [])

    def test_remembered(self) -> None:
        """What was found holds for a minute."""
        self.names.mx[KEY.domain] = Absent(exists=False)
        self.work()
        self.queue.entries.append(an_entry(4))
        self.clock.advance(59)
        self.work()
        self.assertEqual(len(self.settled.attempts), 4)
        self.assertEqual(self.names.asked, ["MX y.example"])
        self.names.mx[KEY.domain] = (Exchange(1, "a"),)
        self.queue.entries.append(an_entry(5))
        self.clock.advance(1)
        self.work()
        self.assertEqual(self.serve(self.servers.accept(greet=True)), 1)

    def test_unavailable(self) -> None:
        """When nobody knows, messages wait, and it is asked again."""
        self.names.mx[KEY.domain] = Unavailable("no answer")
        self.work()
        self.turns(30)
        self.assertEqual(len(self.names.asked), 1)
        self.assertEqual(self.settled.attempts, [])
        self.names.mx[KEY.domain] = (Exchange(1, "a"),)
        self.clock.advance(1)
        self.turns()
        self.assertEqual(self.serve(self.servers.accept(greet=True)), 3)

    def test_routes(self) -> None:
        """Routes are called instead of exchangers."""
        self.make(1, routes=(Route("", "192.0.2.9", 2525, 0),))
        self.work()
        self.assertEqual(self.servers.asked, [("192.0.2.9", 2525)])
        self.assertEqual(self.names.asked, [])


class TlsTests(PoolCase):
    def offer(self) -> Wire:
        wire = self.servers.accept()
        wire.say("220 hi", "250-mx\r\n250 STARTTLS", "220 go")
        return wire

    def test_secured(self) -> None:
        """TLS is begun for the host's name, and mail goes after the handshake."""
        self.make(1, tls="required")
        asked: list[str] = []

        class Contexts:
            def creator(self, host: str) -> Any:
                asked.append(host)
                return "creator"

        self.pool._fleet._means = Means(
            self.servers.connect, Contexts(), self.load_mail, self.clock, 300, 30
        )
        self.work()
        wire = self.offer()
        self.assertEqual((wire.creators, asked), (["creator"], ["a"]))
        wire.protocol.handshakeCompleted()
        wire.heard()
        wire.say("250 PIPELINING")
        self.turns()
        self.assertEqual(self.serve(wire), 1)

    def test_required(self) -> None:
        """Without TLS from any host all that wait are put off."""
        self.make(3, tls="required")
        self.work()
        self.servers.accept().say("220 hi", "250 mx")
        self.turns()
        self.offer().close()
        self.turns()
        self.assertEqual(
            self.settled.outcomes(), [(row, TLS_FAILED) for row in (1, 2, 3)]
        )

    def test_in_clear(self) -> None:
        """Where it may be, a host whose TLS fails is called in clear from then on."""
        self.make(1, tls="ifavailable")
        self.work()
        self.offer().close()
        self.assertEqual(self.servers.asked, [("192.0.2.1", 25)] * 2)
        wire = self.servers.accept()
        wire.say("220 hi")
        wire.say("250-mx\r\n250 STARTTLS")
        self.turns()
        self.assertEqual(self.serve(wire), 1)
        self.assertEqual(wire.creators, [])
        wire.close()
        self.queue.entries.append(an_entry(2))
        self.work()
        again = self.servers.accept()
        again.say("220 hi")
        again.say("250-mx\r\n250 STARTTLS")
        self.turns()
        self.assertEqual(self.serve(again), 1)

    def test_no_fallback(self) -> None:
        """Where that may not be, the next host is called, with TLS."""
        self.make(1, tls="ifavailable", fallback=False)
        self.work()
        self.offer().close()
        self.turns()
        self.assertEqual(self.servers.asked[1], ("192.0.2.2", 25))
        self.assertEqual(len(self.offer().creators), 1)

    def test_files(self) -> None:
        """TLS that cannot be set up here counts as TLS that failed."""

        class Broken:
            def creator(self, host: str) -> Any:
                raise ConfigError("tls_ca: no such file", "configuration")

        self.tls = Broken()
        self.make(1, tls="required")
        self.work()
        for _ in range(2):
            self.offer()
            self.turns()
        self.assertEqual(self.settled.outcomes(), [(1, TLS_FAILED)])


class DrainTests(PoolCase):
    def test_idle(self) -> None:
        """Nothing to wait for: at once, and as often as it is asked."""
        self.successResultOf(self.pool.drain())
        self.successResultOf(self.pool.drain())
        self.work()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.names.asked, [])

    def test_sending(self) -> None:
        """What is being sent is finished, what was taken goes back."""
        wire = self.connect()
        drained = self.pool.drain()
        self.assertNoResult(drained)
        self.assertEqual(self.settled.outcomes(), [(2, GONE), (3, GONE)])
        self.assertEqual(self.serve(wire), 1)
        self.successResultOf(drained)
        self.assertIn(b"QUIT", wire.value())
        self.assertEqual(self.queue.flight, {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        """A server that does not answer is left after a while."""
        wire = self.connect()
        wire.say("250\r\n250\r\n354 go")
        drained = self.pool.drain()
        self.clock.advance(20)
        self.successResultOf(drained)
        self.assertIn((1, Undecided()), self.settled.outcomes())
        self.assertTrue(wire.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connecting(self) -> None:
        """Connections that are being made are given up; late ones are dropped."""
        self.work()
        self.successResultOf(self.pool.drain())
        self.assertEqual(self.servers.pending, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_waiting(self) -> None:
        """Back-off is no reason to wait."""
        self.work()
        for _ in range(2):
            self.servers.refuse()
            self.turns()
        self.successResultOf(self.pool.drain())
        self.assertEqual(self.clock.getDelayedCalls(), [])
