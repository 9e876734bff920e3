"""The lane of a mail queue: hosts, connections, trouble, draining; and conservation."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed

from mcmtpush.config.views import (
    DeliverySettings,
    LimitSettings,
    Route,
    ThrottleSettings,
    TlsClientSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail import pool as module
from mcmtpush.delivery.mail.event import TLS_FAILED, Terms
from mcmtpush.delivery.mail.exchange import (
    NO_SUCH_DOMAIN,
    Absent,
    Exchange,
    Unavailable,
)
from mcmtpush.delivery.mail.manner import Manner
from mcmtpush.delivery.mail.pool import MailPool
from mcmtpush.delivery.mail.trouble import LOST, UNREACHABLE
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.errors import ConfigError, SpoolError
from mcmtpush.throttle import Buckets
from mcmtpush.values import Accepted, Answered, Discarded, Undecided
from tests.delivery.mail.stage import (
    KEY,
    Directory,
    Servers,
    Settled,
    Waiting,
    Wire,
    an_entry,
)
from tests.delivery.stage import Always, Turns
from tests.support.case import TestCase, readable


PROVEN = Accepted("proven")
GONE = Discarded()
MAIL = b"Subject: hi\r\n\r\nhello\r\n"


class PoolCase(TestCase):
    """A pool over three waiting messages unless the test says otherwise."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.servers = Servers()
        self.counters = Counters()
        self.names = Directory()
        self.names.mx[KEY.domain] = (Exchange(10, "a"), Exchange(20, "b"))
        self.names.hosts = {"a": ("192.0.2.1",), "b": ("192.0.2.2",)}
        self.mails: dict[int, Any] = {}
        self.tls: Any = TlsContexts(TlsClientSettings())
        self.make(3)

    def make(
        self,
        count: int,
        *,
        again: tuple[type, ...] = (),
        limits: Limits | None = None,
        buckets: Buckets | None = None,
        **changes: Any,
    ) -> None:
        self.queue = Waiting([an_entry(row) for row in range(1, count + 1)])
        self.settled = Settled(self.queue, again)
        manner = {
            name: changes.pop(name)
            for name in ("tls", "fallback", "rest_seconds", "sweep_after")
            if name in changes
        }
        given = {
            "max_outbound_connections": 1,
            "idle_timeout_seconds": 30,
            **changes,
        }
        settings = DeliverySettings(**given)
        terms = Terms(
            "me.example", manner.pop("tls", "no"), manner.pop("fallback", True)
        )
        wanted = Manner(terms, **{"rest_seconds": 120, "sweep_after": 50, **manner})
        self.patch(module, "manner_of", lambda *_: wanted)
        self.pool = MailPool(
            self.queue,
            settings=settings,
            hostname="me.example",
            resolver=self.names,
            connect=self.servers.connect,
            tls=self.tls,
            load_mail=self.load_mail,
            disposition=self.settled,
            clock=self.clock,
            dice=Always(),
            counters=self.counters,
            limits=limits or Limits(1000),
            buckets=buckets or Buckets(),
        )

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        found = self.mails.get(row, MAIL)
        if isinstance(found, Deferred):
            return found
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def turns(self, count: int = 10) -> None:
        for _ in range(count):
            self.clock.advance(0)

    def work(self) -> None:
        self.pool.work()
        self.turns()

    def connect(self) -> Wire:
        """Work; the server that is called is ready."""
        self.work()
        wire = self.servers.accept(greet=True)
        self.turns()
        return wire

    def serve(self, wire: Wire, refusals: dict[str, str] | None = None) -> int:
        taken = 0
        for _ in range(40):
            taken += wire.serve(refusals)
            self.turns(3)
        return taken


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


class AllowanceTests(PoolCase):
    """Rates and numbers, as for push."""

    def test_message_rate(self) -> None:
        """No more recipients in a period than the rate allows, and then the rest."""
        rate = ThrottleSettings(10, 60)
        self.make(25, message_throttle=rate, idle_timeout_seconds=0)
        wire = self.connect()
        taken = [self.serve(wire)]
        for _ in range(2):
            self.clock.advance(59.0)
            self.turns()
            taken.append(self.serve(wire))
            self.clock.advance(2.0)
            self.turns()
            taken.append(self.serve(wire))
        self.assertEqual(taken, [10, 0, 10, 0, 5])

    def test_a_transaction_is_split(self) -> None:
        """Recipients that the rate does not allow yet go in a later transaction."""
        rate = ThrottleSettings(3, 60)
        self.make(0, message_throttle=rate, idle_timeout_seconds=0)
        self.queue.entries = [an_entry(row, batch_id="one") for row in range(1, 5)]
        wire = self.connect()
        self.assertEqual((self.serve(wire), len(self.settled.attempts)), (1, 3))
        self.clock.advance(61.0)
        self.turns()
        self.serve(wire)
        self.assertEqual(len(self.settled.attempts), 4)

    def test_rate_is_shared(self) -> None:
        """Two lanes that fall back to one definition have one rate together."""
        rate, buckets = ThrottleSettings(5, 60), Buckets()
        self.make(4, message_throttle=rate, buckets=buckets)
        self.assertEqual(self.serve(self.connect()), 4)
        self.make(4, message_throttle=rate, buckets=buckets)
        self.assertEqual(self.serve(self.connect()), 1)

    def test_connection_rate(self) -> None:
        """Connections are opened no faster than allowed."""
        rate = ThrottleSettings(1, 60)
        self.make(200, max_outbound_connections=3, connection_throttle=rate)
        self.work()
        self.assertEqual(len(self.servers.pending), 1)
        self.servers.accept(greet=True)
        self.turns()
        self.assertEqual(len(self.servers.pending), 0)
        self.clock.advance(61.0)
        self.turns()
        self.assertEqual(len(self.servers.asked), 2)

    def test_server_limit(self) -> None:
        """All lanes of the process together have no more connections than allowed."""
        limits = Limits(2)
        self.make(200, max_outbound_connections=5, limits=limits)
        self.work()
        self.assertEqual((len(self.servers.pending), limits.used), (2, 2))
        self.assertGreater(self.counters.get("delivery.limited"), 0)

    def test_scope_limit(self) -> None:
        """What several queues share is shared with mail, too."""
        scope, limits = LimitSettings(1), Limits(9)
        self.make(200, max_outbound_connections=5, scope_limit=scope, limits=limits)
        self.work()
        self.assertEqual(len(self.servers.pending), 1)
        other = limits.share((scope,), free=lambda: None, yield_one=lambda: None)
        self.assertFalse(other.take())

    def test_gives_one_up(self) -> None:
        """A lane that has nothing gets one of ours, the least busy one first."""
        limits = Limits(2)
        self.make(3, max_outbound_connections=2, limits=limits)
        self.queue.entries = self.queue.entries[:1]
        busy = self.connect()
        self.queue.entries = [an_entry(row) for row in range(10, 200)]
        self.work()
        idle = self.servers.accept()
        told: list[bool] = []
        other = limits.share((), free=lambda: told.append(True), yield_one=list)
        self.assertFalse(other.take())
        self.servers.sink()
        self.turns()
        self.assertEqual((told, idle.lost, busy.lost), ([True], True, False))
        self.assertTrue(other.take())

    def test_told_of_a_place(self) -> None:
        """A lane that found no place connects when another lane gives one back."""
        limits = Limits(1)
        other = limits.share((), free=lambda: None, yield_one=lambda: None)
        other.take()
        self.make(3, limits=limits)
        self.work()
        self.assertEqual(self.servers.asked, [])
        other.give_back()
        self.turns()
        self.assertEqual(len(self.servers.pending), 1)


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


class HostTests(PoolCase):
    def test_next_host(self) -> None:
        """A host that refuses is rested; the next one is called at once."""
        self.work()
        self.servers.refuse()
        self.turns()
        self.assertEqual(self.servers.asked, [("192.0.2.1", 25), ("192.0.2.2", 25)])
        self.assertEqual(self.serve(self.servers.accept(greet=True)), 3)

    def test_none_works(self) -> None:
        """When none works nothing is charged, and waits grow from 1 to 60 s."""
        self.make(3, sweep_after=0, max_outbound_connections=8)
        self.work()
        for _ in range(2):
            while self.servers.pending:
                self.servers.refuse()
            self.turns()
        waits = []
        for _ in range(9):
            start = self.clock.seconds()
            while not self.servers.pending:
                self.clock.advance(0.5)
                self.turns()
            waits.append(self.clock.seconds() - start)
            self.assertEqual(len(self.servers.pending), 1)
            self.servers.refuse()
            self.turns()
        self.assertEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
        self.assertEqual((self.settled.attempts, self.queue.backlog), ([], 3))

    def test_swept(self) -> None:
        """After so many vain rounds all that wait are put off, and only those."""
        self.make(3, sweep_after=2)
        self.work()
        for _ in range(2):
            self.servers.refuse()
            self.turns()
        self.assertEqual(self.settled.attempts, [])
        self.clock.advance(1)
        self.turns()
        self.servers.refuse()
        self.queue.entries.append(an_entry(4))
        self.turns()
        self.assertEqual(
            self.settled.outcomes(), [(row, UNREACHABLE) for row in (1, 2, 3)]
        )
        self.assertEqual(self.queue.backlog, 1)

    def test_unwelcome(self) -> None:
        """What all hosts say to everybody is told to all that wait."""
        self.work()
        self.servers.accept().say("421 4.7.0 too many")
        self.turns()
        self.assertEqual(self.settled.attempts, [])
        self.servers.accept().say("554 no")
        self.turns()
        answer = Answered(450, "4.3.2 [internal] the mail server takes nothing: 554 no")
        self.assertEqual(self.settled.outcomes(), [(row, answer) for row in (1, 2, 3)])

    def test_one_too_many(self) -> None:
        """A connection that is refused while others work puts nobody off."""
        self.make(200, max_outbound_connections=2)
        self.work()
        good = self.servers.accept(greet=True)
        self.servers.accept().say("421 4.7.0 too many")
        self.turns()
        self.assertEqual(self.settled.attempts, [])
        self.assertEqual(self.servers.pending, [])
        self.assertGreater(self.serve(good), 30)
        self.clock.advance(1)
        self.turns()
        self.assertEqual(self.servers.asked[-1], ("192.0.2.1", 25))

    def test_hangs_up(self) -> None:
        """A host that hangs up on everybody is not called in a storm."""
        self.make(1, again=(Discarded,))
        self.names.mx[KEY.domain] = (Exchange(10, "a"),)
        wire = self.connect()
        wire.close()
        self.turns(50)
        self.assertEqual(self.servers.pending, [])
        self.assertEqual(self.settled.outcomes(), [(1, GONE)])
        self.clock.advance(1)
        self.turns()
        self.assertEqual(len(self.servers.pending), 1)

    def test_timeouts(self) -> None:
        """Neither a silent network nor a silent server is waited for for ever."""
        self.work()
        self.clock.advance(300)
        self.turns()
        self.assertEqual(self.servers.asked[1], ("192.0.2.2", 25))
        wire = self.servers.accept()
        self.clock.advance(300)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(self.settled.attempts, [])


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

        self.pool._means = module.Means(
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


SAYINGS = st.sampled_from(
    ["220 hi", "250 ok", "250-mx\r\n250 PIPELINING", "250-mx\r\n250 STARTTLS",
     "354 go", "421 bye", "450 busy", "550 no", "251 x", "what?", "250-a",
     "250\r\n250\r\n354 go", "552 5.3.4 big", "x" * 5000]
)  # fmt: skip
DEEDS = st.one_of(
    st.tuples(st.just("say"), SAYINGS),
    st.tuples(st.just("serve"), st.none()),
    st.sampled_from(
        [("accept", None), ("greet", None), ("refuse", None), ("close", None),
         ("secure", None), ("wait", 1.0), ("wait", 61.0), ("wait", 700.0),
         ("load", None), ("work", None)]
    ),
)  # fmt: skip


class HostileTests(PoolCase):
    @readable
    @given(
        st.lists(DEEDS, max_size=40),
        st.sampled_from(["no", "ifavailable", "required"]),
        st.integers(1, 3),
        st.randoms(use_true_random=False),
    )
    def test_conservation(
        self, deeds: list[tuple[str, Any]], tls: Any, limit: int, dice: random.Random
    ) -> None:
        """Whatever servers do, every message is settled once or still in the queue."""
        self.setUp()
        self.make(
            6,
            again=(Discarded, Undecided),
            tls=tls,
            max_outbound_connections=limit,
            sweep_after=2,
        )
        self.mails[3] = Deferred()
        self.work()
        for deed, what in deeds:
            self.do(deed, what, dice)
            self.servers.sink()
            self.turns(4)
        drained = self.pool.drain()
        for wire in self.servers.open:
            wire.close()
        self.clock.advance(30)
        self.successResultOf(drained)
        self.assertEqual(self.queue.flight, {})
        final = [
            each.entry.row
            for each in self.settled.attempts
            if isinstance(each.outcome, Accepted | Answered)
        ]
        left = [entry.row for entry in self.queue.entries]
        self.assertEqual(sorted(final + left), list(range(1, 7)))
        self.assertEqual(self.pool.connections, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def do(self, deed: str, what: Any, dice: random.Random) -> None:
        if deed == "wait":
            self.clock.advance(what)
        elif deed == "work":
            self.pool.work()
        elif deed == "load" and not self.mails[3].called:
            self.mails[3].callback(MAIL)
        elif deed in ("accept", "greet", "refuse") and self.servers.pending:
            if deed == "refuse":
                self.servers.refuse()
            else:
                self.servers.accept(greet=deed == "greet")
        elif deed in ("say", "serve", "close", "secure") and self.servers.open:
            wire = dice.choice(self.servers.open)
            if deed == "say":
                wire.say_only(what)
            elif deed == "close":
                wire.close()
            elif deed == "secure":
                wire.protocol.handshakeCompleted()
            elif not wire.creators:
                self.serve_some(wire)

    def serve_some(self, wire: Wire) -> None:
        heard = wire.heard()
        for line in heard.splitlines():
            verb = line.split(" ", 1)[0]
            wire.say_only("354 go" if verb == "DATA" else "250 ok")
