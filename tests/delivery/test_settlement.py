"""What an answer settles, and what the end does."""

from __future__ import annotations

from mcmtpush.apns.frames import encode_error
from mcmtpush.apns.window import MISNAMED
from mcmtpush.delivery.binary import ANSWER_SECONDS
from mcmtpush.values import Discarded, Refused, Undecided
from tests.delivery.speaking import PRESUMED, PROVEN, BinaryConnectionCase


class AnswerTests(BinaryConnectionCase):
    def test_refusal(self) -> None:
        """Earlier ones are proven, the named one is refused, later ones discarded."""
        self.attempt(1, 2, 3, 4)
        self.wire.say(encode_error(8, 2))
        self.assertEqual(
            self.outcomes(),
            [
                (1, PROVEN),
                (2, Refused(8, "Invalid Token")),
                (3, Discarded()),
                (4, Discarded()),
            ],
        )
        self.assertTrue(self.connection.answered)
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(len(self.outcomes()), 4)
        self.assertEqual(self.owner.told, ["connected", "settled", "ended"])
        self.assertEqual(
            [
                self.count(name)
                for name in ("answers", "proven", "refused", "discarded", "undecided")
            ],
            [1, 1, 1, 2, 0],
        )

    def test_byte_by_byte(self) -> None:
        """From the first byte on nothing more is written; the sixth settles."""
        self.attempt(1, 2)
        for byte in encode_error(10, 1):
            self.assertEqual(self.outcomes(), [])
            self.wire.say(bytes([byte]))
            self.assertEqual(self.connection.room, 0)
        self.assertEqual(self.outcomes(), [(1, PROVEN), (2, Discarded())])

    def test_bytes_behind_the_packet(self) -> None:
        """Whatever follows the packet is ignored, in the same piece or the next."""
        self.attempt(1)
        self.wire.say(encode_error(8, 1) + b"\x00" * 9)
        self.wire.say(encode_error(8, 1))
        self.assertEqual(self.outcomes(), [(1, Refused(8, "Invalid Token"))])

    def test_packet_cut_off(self) -> None:
        """An end in the middle of a packet is an end without an answer."""
        for length in range(1, 6):
            self.setUp()
            self.attempt(1)
            self.wire.say(encode_error(8, 1)[:length])
            self.wire.close()
            self.assertEqual(self.outcomes(), [(1, Undecided())])
            self.assertFalse(self.connection.answered)

    def test_packet_that_never_ends(self) -> None:
        """Silence in the middle of an answer proves nothing, and is not endless."""
        self.attempt(1)
        self.clock.advance(4.9)
        self.wire.say(encode_error(8, 1)[:3])
        self.clock.advance(ANSWER_SECONDS - 0.1)
        self.assertEqual(self.outcomes(), [])
        self.assertFalse(self.wire.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(
            self.connection.farewell, "its answer was not whole within 5 s"
        )

    def test_late(self) -> None:
        """A refusal after the timeout is counted; the record stays what it is."""
        self.attempt(1)
        self.clock.advance(5.0)
        self.attempt(2)
        self.wire.say(encode_error(8, 1))
        self.assertEqual(self.outcomes(), [(1, PRESUMED), (2, Discarded())])
        self.assertEqual((self.count("late"), self.count("refused")), (1, 0))

    def test_answer_to_nobody(self) -> None:
        """An identifier that was never written decides nothing."""
        self.attempt(1, 2)
        self.wire.say(encode_error(8, 99))
        self.assertEqual(self.outcomes(), [(1, MISNAMED), (2, MISNAMED)])
        self.assertEqual(self.count("undecided"), 2)
        self.assertFalse(self.connection.answered)
        self.assertEqual(
            self.connection.farewell,
            "it answered 8 (Invalid Token) for 99, which was never written there",
        )

    def test_nonsense(self) -> None:
        """Bytes that begin no answer end the connection, and nothing is known."""
        self.attempt(1)
        self.wire.say(b"HTTP/1.1 400 Bad Request\r\n")
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.connection.room, 0)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(self.count("protocol_errors"), 1)
        self.assertIn("the gateway sent 0x48", self.connection.farewell)


class EndTests(BinaryConnectionCase):
    def test_undecided(self) -> None:
        """What is not settled when the connection ends is undecided; told in order."""
        self.attempt(1)
        self.clock.advance(5.0)
        self.attempt(2, 3)
        self.wire.close(cleanly=False)
        self.assertEqual(
            self.outcomes(), [(1, PRESUMED), (2, Undecided()), (3, Undecided())]
        )
        self.assertEqual(self.owner.told[-2:], ["settled", "ended"])
        self.assertEqual(self.count("undecided"), 2)

    def test_no_timer_left(self) -> None:
        """Behind the end nothing is waited for."""
        self.attempt(1)
        self.wire.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_with_nothing_unsettled(self) -> None:
        """Then there is nothing to settle."""
        self.wire.close()
        self.assertEqual(self.owner.told, ["connected", "ended"])

    def test_counts_are_conserved(self) -> None:
        """Written is the sum of what became of them, whatever came."""
        for event in (
            lambda: self.wire.say(encode_error(8, 3)),
            lambda: self.wire.say(encode_error(10, 4)),
            lambda: self.wire.say(encode_error(8, 0)),
            self.wire.close,
            lambda: self.clock.advance(9.0),
        ):
            self.setUp()
            self.attempt(1, 2)
            self.clock.advance(5.0)
            self.attempt(3, 4, 5)
            event()
            names = ("presumed", "proven", "refused", "discarded", "undecided")
            self.assertEqual(
                self.count("written"),
                sum(map(self.count, names)) + self.connection.unsettled,
            )
