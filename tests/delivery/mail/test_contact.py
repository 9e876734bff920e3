"""Servers that fail, and what those who wait are told."""

from __future__ import annotations

from mcmtpush.delivery.mail.exchange import (
    Exchange,
)
from mcmtpush.delivery.mail.trouble import UNREACHABLE
from mcmtpush.values import Answered, Discarded
from tests.delivery.mail.pooling import GONE, PoolCase
from tests.delivery.mail.stage import (
    KEY,
    an_entry,
)


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
