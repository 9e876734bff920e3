"""One connection: bytes out, limits, and how it finishes."""

from __future__ import annotations

from mcmtpush.delivery.binary import MARGIN_SECONDS
from mcmtpush.delivery.link import CLOSE_SECONDS
from mcmtpush.delivery.proof import Manners
from mcmtpush.values import Discarded, Refused, Undecided
from tests.delivery.speaking import PRESUMED, BinaryConnectionCase
from tests.delivery.stage import NOW, an_entry


class WriteTests(BinaryConnectionCase):
    def test_one_write(self) -> None:
        """All frames of a batch go to the transport in one piece."""
        self.attempt(1, 2, 3)
        self.assertEqual(len(self.wire.writes), 1)
        self.assertEqual([frame.identifier for frame in self.wire.frames], [1, 2, 3])
        self.assertEqual(self.count("written"), 3)

    def test_identifiers_go_on(self) -> None:
        """The second batch counts on where the first one ended."""
        self.attempt(1, 2)
        self.attempt(3)
        self.assertEqual([frame.identifier for frame in self.wire.frames], [1, 2, 3])

    def test_expiry(self) -> None:
        """Apple may forget it so many seconds after the moment of writing."""
        self.clock.advance(10)
        self.attempt(1)
        self.assertEqual(self.wire.frames[0].expiry, int(NOW) + 10 + 600)

    def test_refused_before_sending(self) -> None:
        """What Apple would refuse is settled at once; nothing is written for it."""
        self.connection.attempt([an_entry(1, "0f"), an_entry(2, "")])
        self.assertEqual(self.wire.writes, [])
        self.assertEqual(
            self.outcomes(),
            [
                (1, Refused(5, "Invalid Token Size")),
                (2, Refused(2, "Missing Device Token")),
            ],
        )
        self.assertEqual((self.count("unsent"), self.count("written")), (2, 0))

    def test_gateway_address(self) -> None:
        """Attempts carry the address of the peer."""
        self.attempt(1)
        self.wire.close()
        self.assertEqual(self.owner.settled_attempts[0].remote_ip, "192.0.2.1")

    def test_no_handshake_without_tls(self) -> None:
        """On a plain transport it may be written to at once."""
        self.assertEqual(self.owner.told, ["connected"])

    def test_spent(self) -> None:
        """It has room for as many as one connection may carry, then it is spent."""
        self.connect(max_deliveries_per_connection=3)
        self.assertEqual(self.connection.room, 3)
        self.attempt(1, 2)
        self.assertEqual((self.connection.room, self.connection.spent), (1, False))
        self.attempt(3)
        self.assertEqual((self.connection.room, self.connection.spent), (0, True))


class LimitTests(BinaryConnectionCase):
    def test_full_window(self) -> None:
        """The window bounds what is unsettled; silence makes room and is told."""
        self.connect(unsettled_limit=3)
        self.attempt(1, 2, 3)
        self.assertEqual(self.connection.room, 0)
        self.clock.advance(5.0)
        self.assertEqual(self.connection.room, 3)
        self.assertEqual(self.owner.told[-1], "settled")

    def test_heavy_window(self) -> None:
        """Bytes bound it too: at the limit it takes no more."""
        self.connect(unsettled_bytes=180)
        self.attempt(1, 2, 3)
        self.assertEqual(self.connection.room, 0)
        self.clock.advance(5.0)
        self.assertGreater(self.connection.room, 0)


class FinishTests(BinaryConnectionCase):
    """Without flushes, which leave everything to silence."""

    def setUp(self) -> None:
        self.manners = Manners()
        self.connect(flush_interval_seconds=0)

    def test_at_once(self) -> None:
        """With nothing unsettled it closes at once."""
        self.connection.finish()
        self.assertTrue(self.wire.disconnecting)
        self.assertIsNone(self.wire.producer)

    def test_waits_for_the_window(self) -> None:
        """It takes no more, and closes when the last one is settled."""
        self.attempt(1)
        self.clock.advance(1.0)
        self.connection.finish()
        self.assertEqual(self.connection.room, 0)
        self.assertFalse(self.wire.disconnecting)
        self.clock.advance(4.0)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])
        self.assertTrue(self.wire.disconnecting)

    def test_an_answer_meanwhile(self) -> None:
        """While it waits, an answer settles as ever."""
        self.attempt(1, 2)
        self.connection.finish()
        self.wire.object_to(1)
        self.assertEqual(
            self.outcomes(), [(1, Refused(8, "Invalid Token")), (2, Discarded())]
        )

    def test_is_bounded(self) -> None:
        """A stalled connection does not keep anybody from finishing."""
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.advance(1.5)
        self.connection.finish()
        self.clock.pump([0.25] * int((5.0 + MARGIN_SECONDS) * 4 - 1))
        self.assertFalse(self.wire.disconnected)
        self.clock.pump([0.25] * 2)
        self.assertTrue(self.wire.disconnected)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])

    def test_peer_that_does_not_close(self) -> None:
        """A peer that ignores the close is dropped after a little while."""
        self.connection.finish()
        self.assertFalse(self.wire.disconnected)
        self.clock.advance(CLOSE_SECONDS)
        self.assertTrue(self.wire.disconnected)
