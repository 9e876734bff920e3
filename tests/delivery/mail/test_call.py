"""One call: what is in its hand is settled or given back, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mcmtpush.delivery.mail.call import Call, Means, Phase
from mcmtpush.delivery.mail.event import Over, Terms
from mcmtpush.delivery.mail.exchange import Target
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.values import Accepted, Attempt, Entry, Undecided
from tests.delivery.mail.stage import Servers, Wire, an_entry
from tests.support.case import TestCase


class Recorder:
    """A pool that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def ready(self, call: Call) -> None:
        self.told.append("ready")

    def settled(self, call: Call, attempts: list[Attempt]) -> None:
        self.told.append([(each.entry.row, each.outcome) for each in attempts])

    def returned(self, entries: Sequence[Entry], reason: str) -> None:
        self.told.append(([entry.row for entry in entries], reason))

    def ended(self, call: Call, over: Over) -> None:
        self.told.append(over)


class CallTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.servers = Servers()
        self.mail: Any = succeed(b"hi\r\n")
        self.watcher = Recorder()
        self.make(self.servers.connect)

    def make(self, connect: Any) -> None:
        tls: Any = None
        means = Means(connect, tls, lambda _: self.mail, self.clock, 300, 30)
        target = Target("192.0.2.1", 25, "mx", 0)
        self.call = Call(self.watcher, means, target, Terms("me"))

    def connect(self) -> Wire:
        self.call.open()
        wire = self.servers.accept(greet=True)
        self.assertEqual(self.watcher.told, ["ready"])
        self.watcher.told.clear()
        return wire

    def test_sends(self) -> None:
        """Mail is loaded, sent and settled; then it is ready for more."""
        wire = self.connect()
        self.call.attempt([an_entry(1), an_entry(2)])
        self.assertIs(self.call.phase, Phase.SENDING)
        wire.say("250\r\n250\r\n250\r\n354 go", "250 taken")
        proven = Accepted("proven")
        self.assertEqual(self.watcher.told, [[(1, proven), (2, proven)], "ready"])
        self.assertEqual((self.call.answers, self.call.delivered), (2, 2))
        self.assertTrue(self.call.is_ready)

    def test_busy(self) -> None:
        """It takes no more than it can carry."""
        self.connect()
        self.mail = Deferred()
        self.call.attempt([an_entry(1)])
        with self.assertRaises(LocalProtocolError):
            self.call.attempt([an_entry(2)])

    def test_stopped_while_loading(self) -> None:
        """What is not sent yet is given back at once; the mail comes too late."""
        wire = self.connect()
        self.mail = Deferred()
        self.call.attempt([an_entry(1)])
        self.call.stop()
        self.assertEqual(self.watcher.told, [([1], "")])
        self.mail.callback(b"hi")
        wire.say("221 bye")
        self.assertEqual(len(self.watcher.told), 2)
        self.assertIs(self.call.phase, Phase.ENDED)

    def test_stopped_while_sending(self) -> None:
        """What is being sent is finished first."""
        wire = self.connect()
        self.call.attempt([an_entry(1)])
        self.call.stop()
        wire.say("250\r\n250\r\n354 go")
        self.assertTrue(wire.say("250 taken").endswith("QUIT\r\n"))
        self.assertEqual(self.watcher.told, [[(1, Accepted("proven"))]])

    def test_aborted(self) -> None:
        """Hung up after the dot nobody knows."""
        wire = self.connect()
        self.call.attempt([an_entry(1)])
        wire.say("250\r\n250\r\n354 go")
        self.call.abort("enough")
        self.assertEqual(self.watcher.told, [[(1, Undecided())], Over("enough")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_connection(self) -> None:
        """Refused, silent, given up or misconfigured: it ends, once."""
        self.call.open()
        self.servers.refuse()
        self.assertEqual(len(self.watcher.told), 1)
        self.setUp()
        self.call.open()
        self.clock.advance(300)
        self.assertEqual(self.watcher.told, [Over("not connected within 300 s")])
        self.assertEqual(self.servers.pending, [])
        self.setUp()

        def connect(*_: object) -> Any:
            raise ConfigError("bind_address: not here", "configuration")

        self.make(connect)
        self.call.open()
        self.assertEqual(self.watcher.told, [Over("bind_address: not here")])
        self.assertEqual(self.clock.getDelayedCalls(), [])
