"""The transport below a connection: held back, stopped, left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mcmtpush.apns.frames import encode_error
from mcmtpush.config.views import DeliverySettings
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.delivery.silence import STALL_SECONDS
from mcmtpush.values import Refused, Undecided
from tests.delivery.speaking import BinaryConnectionCase
from tests.delivery.stage import NOW, Wire


class LinkTests(BinaryConnectionCase):
    def test_paused(self) -> None:
        """A transport that has enough is given no more until it asks."""
        self.assertIs(self.wire.producer, self.connection)
        self.assertTrue(self.wire.streaming)
        self.connection.pauseProducing()
        self.assertEqual(self.connection.room, 0)
        self.connection.resumeProducing()
        self.assertGreater(self.connection.room, 0)
        self.assertEqual(self.owner.told, ["connected", "resumed"])

    def test_tls_ended_while_output_waited(self) -> None:
        """Twisted would wait for more output: the connection ends by itself."""
        self.attempt(1)
        below: Any = SimpleNamespace(disconnecting=False)
        self.wire.transport = below  # type: ignore[attr-defined]
        self.connection.pauseProducing()
        self.clock.pump([STALL_SECONDS] * 3)
        self.assertFalse(self.wire.disconnecting)
        below.disconnecting = True
        self.clock.advance(STALL_SECONDS)
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(self.connection.farewell, "it ended TLS while output waited")

    def test_abort_before_there_is_a_transport(self) -> None:
        """Given up while it connects, it hangs up as soon as it is connected."""
        connection = BinaryConnection(
            self.owner,
            settings=DeliverySettings(),
            clock=self.clock,
            now=lambda: NOW,
            counters=self.counters,
        )
        connection.abort()
        wire = Wire()
        wire.attach(connection)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(self.owner.told, ["connected"])


class StopWritingTests(BinaryConnectionCase):
    def test_first_byte(self) -> None:
        """From the first byte on, what the transport still holds stays there."""
        stopped: list[int] = []
        wire: Any = self.wire
        wire.stopWriting = lambda: stopped.append(1)
        self.attempt(1)
        packet = encode_error(8, 1)
        self.assertEqual(stopped, [])
        self.wire.say(packet[:1])
        self.wire.say(packet[1:3])
        self.assertEqual(stopped, [1])
        self.wire.say(packet[3:])
        self.assertEqual(self.outcomes(), [(1, Refused(8, "Invalid Token"))])
