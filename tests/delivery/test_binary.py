"""One connection: bytes out, silence, the one answer, stalls and ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from mcmtpush.apns.frames import Frame, encode_error
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import (
    ANSWER_SECONDS,
    CLOSE_SECONDS,
    MARGIN_SECONDS,
    MATURED_SECONDS,
    STALL_LIMIT_SECONDS,
    STALL_SECONDS,
    BinaryConnection,
)
from mcmtpush.delivery.pace import STEP_SECONDS
from mcmtpush.delivery.proof import Manners
from mcmtpush.values import Accepted, Attempt, Discarded, Refused, Undecided
from tests.delivery.stage import NOW, Wire, an_entry
from tests.support.case import TestCase


PRESUMED = Accepted("presumed")
PROVEN = Accepted("proven")


class Listening:
    """An owner that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.settled_attempts: list[Attempt] = []

    def connected(self, connection: BinaryConnection) -> None:
        self.told.append("connected")

    def settled(self, connection: BinaryConnection, attempts: list[Attempt]) -> None:
        assert attempts
        self.told.append("settled")
        self.settled_attempts += attempts

    def resumed(self, connection: BinaryConnection) -> None:
        self.told.append("resumed")

    def idled(self, connection: BinaryConnection) -> None:
        self.told.append("idled")

    def matured(self, connection: BinaryConnection) -> None:
        self.told.append("matured")

    def ended(self, connection: BinaryConnection, reason: Any) -> None:
        self.told.append("ended")


class BinaryConnectionCase(TestCase):
    """A connection on a wire, response timeout 5 s, idle timeout 30 s."""

    def setUp(self) -> None:
        self.manners = Manners()
        self.connect()

    def connect(self, start: int = 0, **changes: Any) -> None:
        self.clock = Clock()
        self.counters = Counters()
        self.owner = Listening()
        settings = {
            "response_timeout_seconds": 5.0,
            "idle_timeout_seconds": 30,
            "apn_expiry_seconds": 600,
            **changes,
        }
        self.connection = BinaryConnection(
            self.owner,
            settings=DeliverySettings(**settings),
            clock=self.clock,
            now=lambda: NOW + self.clock.seconds(),
            counters=self.counters,
            manners=self.manners,
            start=start,
        )
        self.wire = Wire()
        self.wire.attach(self.connection)

    def attempt(self, *rows: int) -> None:
        self.connection.attempt([an_entry(row) for row in rows])

    def outcomes(self) -> list[tuple[int, object]]:
        settled = self.owner.settled_attempts
        return [(each.entry.row, each.outcome) for each in settled]

    def count(self, name: str) -> int:
        return self.counters.get(f"delivery.{name}")


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


class SilenceTests(BinaryConnectionCase):
    def test_presumed(self) -> None:
        """After the response timeout and not before, they are presumed accepted."""
        self.attempt(1, 2)
        self.clock.advance(4.99)
        self.assertEqual(self.outcomes(), [])
        self.clock.advance(0.01)
        self.assertEqual(self.outcomes(), [(1, PRESUMED), (2, PRESUMED)])
        self.assertEqual(self.count("presumed"), 2)
        self.assertEqual(self.connection.accepted, 2)

    def test_each_batch_has_its_own_time(self) -> None:
        """Nobody is settled early, and nobody later than a fraction of the timeout."""
        for row in range(1, 41):
            self.attempt(row)
            self.clock.advance(0.1)
        for _ in range(80):
            self.clock.advance(0.1)
            now = self.clock.seconds()
            settled = len(self.outcomes())
            due = sum(round(row * 0.1 + 5.0 - now, 6) <= 0 for row in range(40))
            late = sum(round(row * 0.1 + 5.26 - now, 6) <= 0 for row in range(40))
            self.assertLessEqual(settled, due)
            self.assertGreaterEqual(settled, late)
        self.assertEqual(len(self.outcomes()), 40)

    def test_one_timer(self) -> None:
        """However much is written, one timer runs, and few settlings happen."""
        for row in range(1, 1001):
            self.attempt(row)
            self.clock.advance(0.005)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([0.01] * 600)
        self.assertEqual(len(self.outcomes()), 1000)
        self.assertLess(self.owner.told.count("settled"), 25)

    def test_long_idle_timeout(self) -> None:
        """A timer set for the idle timeout does not delay what is written later."""
        self.connect(idle_timeout_seconds=3600)
        self.clock.advance(100)
        self.attempt(1)
        self.clock.advance(5.0)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_no_response_timeout(self) -> None:
        """With a timeout of nothing they are presumed accepted in the next turn."""
        self.connect(response_timeout_seconds=0.0)
        self.attempt(1)
        self.assertEqual(self.outcomes(), [])
        self.clock.advance(0)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])


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
        self.assertEqual(self.outcomes(), [(1, Undecided()), (2, Undecided())])
        self.assertEqual(self.count("undecided"), 2)

    def test_nonsense(self) -> None:
        """Bytes that begin no answer end the connection, and nothing is known."""
        self.attempt(1)
        self.wire.say(b"HTTP/1.1 400 Bad Request\r\n")
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.connection.room, 0)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(self.count("protocol_errors"), 1)


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


class PressureTests(BinaryConnectionCase):
    def test_paused(self) -> None:
        """A transport that has enough is given no more until it asks."""
        self.assertIs(self.wire.producer, self.connection)
        self.assertTrue(self.wire.streaming)
        self.connection.pauseProducing()
        self.assertEqual(self.connection.room, 0)
        self.connection.resumeProducing()
        self.assertGreater(self.connection.room, 0)
        self.assertEqual(self.owner.told, ["connected", "resumed"])

    def test_short_pauses_are_ordinary(self) -> None:
        """A slow line pauses all the time: silence counts nevertheless."""
        self.attempt(1)
        for _ in range(10):
            self.connection.pauseProducing()
            self.clock.advance(0.5)
            self.connection.resumeProducing()
        self.clock.advance(0.25)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_stall_is_no_silence(self) -> None:
        """While the gateway reads nothing its silence means nothing."""
        self.attempt(1)
        self.clock.advance(2.0)
        self.connection.pauseProducing()
        self.clock.pump([0.25] * 80)
        self.assertEqual(self.outcomes(), [])
        self.connection.resumeProducing()
        self.clock.pump([0.25] * 11)
        self.assertEqual(self.outcomes(), [])
        self.clock.pump([0.25] * 2)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_stall_is_not_endless(self) -> None:
        """A gateway that reads nothing for a minute is given up."""
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.pump([0.5] * int(2 * STALL_LIMIT_SECONDS))
        self.assertFalse(self.wire.disconnecting)
        self.clock.pump([0.5] * 4)
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])

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


class PaceTests(BinaryConnectionCase):
    def test_careful(self) -> None:
        """It carries what it may at first, and more a moment later."""
        self.connect(start=40)
        self.assertEqual(self.connection.room, 40)
        self.attempt(*range(40))
        self.assertEqual(self.connection.room, 0)
        self.clock.advance(STEP_SECONDS)
        self.assertEqual(self.connection.room, 40)
        self.assertEqual(self.owner.told, ["connected", "resumed"])

    def test_silence_is_unaffected(self) -> None:
        """Steps in between change nothing about the response timeout."""
        self.connect(start=2)
        for row in range(10):
            if self.connection.room:
                self.attempt(row)
            self.clock.advance(0.1)
        written = len(self.wire.frames)
        self.clock.pump([0.1] * 39)
        self.assertEqual(self.outcomes(), [])
        self.clock.pump([0.1] * 15)
        self.assertEqual(len(self.outcomes()), written)

    def test_no_growth_behind_an_answer(self) -> None:
        """An answer ends it all."""
        self.connect(start=2)
        self.attempt(1, 2)
        self.wire.say(encode_error(8, 1)[:2])
        self.clock.advance(STEP_SECONDS)
        self.assertEqual(self.owner.told, ["connected"])
        self.assertEqual(self.connection.room, 0)


class IdleTests(BinaryConnectionCase):
    def test_idle(self) -> None:
        """With nothing written and nothing unsettled for so long, the owner is told."""
        self.clock.advance(29.9)
        self.attempt(1)
        self.clock.advance(29.9)
        self.assertNotIn("idled", self.owner.told)
        self.clock.advance(0.2)
        self.assertEqual(self.owner.told.count("idled"), 1)
        self.assertFalse(self.wire.disconnecting)

    def test_never_with_something_unsettled(self) -> None:
        """A response timeout longer than the idle timeout is waited for."""
        self.connect(idle_timeout_seconds=2, response_timeout_seconds=5.0)
        self.attempt(1)
        self.clock.pump([0.1] * 49)
        self.assertNotIn("idled", self.owner.told)
        self.clock.pump([0.1] * 3)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])
        self.assertEqual(self.owner.told[-1], "idled")

    def test_zero_is_never(self) -> None:
        """An idle timeout of 0 keeps a connection for ever."""
        self.connect(idle_timeout_seconds=0, flush_interval_seconds=0)
        self.attempt(1)
        self.clock.pump([5.0, 1000.0])
        self.assertNotIn("idled", self.owner.told)
        self.assertEqual(self.clock.getDelayedCalls(), [])


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


class FlushTests(BinaryConnectionCase):
    """A connection is asked for proof before it is closed."""

    def flush_counts(self) -> list[int]:
        names = ("flushes", "flushed", "flush_void", "flush_unanswered")
        return [self.count(name) for name in names]

    def test_proven(self) -> None:
        """It writes a frame known to be bad; the answer proves all before it."""
        self.attempt(1, 2)
        self.connection.finish()
        self.assertEqual(self.wire.flushes, [Frame(2, 3, b"", b"", 0, 10)])
        self.assertEqual((self.connection.room, self.outcomes()), (0, []))
        self.wire.say(encode_error(2, 3))
        self.assertEqual(self.outcomes(), [(1, PROVEN), (2, PROVEN)])
        self.assertTrue(self.wire.disconnecting)
        self.assertFalse(self.connection.answered)
        self.wire.close()
        self.assertEqual(self.owner.told, ["connected", "settled", "ended"])
        self.assertEqual(self.flush_counts(), [1, 1, 0, 0])
        self.assertEqual((self.count("proven"), self.count("undecided")), (2, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_identifier_zero(self) -> None:
        """A gateway that names 0 instead proves as much."""
        self.attempt(1)
        self.connection.finish()
        self.wire.object_to(0, 2)
        self.assertEqual(self.outcomes(), [(1, PROVEN)])
        self.assertEqual(self.flush_counts(), [1, 1, 0, 0])

    def test_byte_by_byte(self) -> None:
        """The answer may come in pieces."""
        self.attempt(1)
        self.connection.finish()
        for byte in encode_error(2, 2):
            self.wire.say(bytes([byte]))
        self.assertEqual(self.outcomes(), [(1, PROVEN)])

    def test_presumed_before(self) -> None:
        """What was presumed stays presumed in the record, and is counted as proven."""
        self.attempt(1, 2)
        self.clock.advance(5.0)
        self.attempt(3)
        self.connection.finish()
        self.wire.answer_flush()
        self.assertEqual(self.outcomes(), [(1, PRESUMED), (2, PRESUMED), (3, PROVEN)])
        self.assertEqual(self.count("presumed_then_proven"), 2)

    def test_nothing_to_prove(self) -> None:
        """A connection that wrote nothing is closed without asking."""
        self.connection.finish()
        self.assertEqual(self.wire.flushes, [])
        self.assertTrue(self.wire.disconnecting)

    def test_everything_presumed(self) -> None:
        """With an empty window it still asks: what was presumed is not proven."""
        self.attempt(1)
        self.clock.advance(5.0)
        self.connection.finish()
        self.assertEqual(len(self.wire.flushes), 1)
        self.assertFalse(self.wire.disconnecting)
        self.wire.answer_flush()
        self.assertEqual(self.count("presumed_then_proven"), 1)

    def test_off(self) -> None:
        """An interval of 0 means never: silence decides alone."""
        self.connect(flush_interval_seconds=0)
        self.attempt(1)
        self.clock.advance(100.0)
        self.connection.finish()
        self.assertEqual(self.wire.flushes, [])
        self.assertTrue(self.wire.disconnecting)
        self.assertNotIn("matured", self.owner.told)

    def test_void(self) -> None:
        """A refusal that comes first is settled as ever."""
        self.attempt(1, 2, 3)
        self.connection.finish()
        self.wire.object_to(2)
        self.assertEqual(
            self.outcomes(),
            [(1, PROVEN), (2, Refused(8, "Invalid Token")), (3, Discarded())],
        )
        self.assertTrue(self.connection.answered)
        self.assertEqual(self.flush_counts(), [1, 0, 1, 0])

    def test_silence_waits(self) -> None:
        """While proof is awaited nothing is presumed: the answer may say more."""
        self.attempt(1)
        self.clock.advance(4.9)
        self.connection.finish()
        self.clock.advance(3.0)
        self.assertEqual(self.outcomes(), [])
        self.wire.answer_flush()
        self.assertEqual(self.outcomes(), [(1, PROVEN)])

    def test_unanswered(self) -> None:
        """Without an answer silence counts after all, and the wait is bounded."""
        self.attempt(1)
        self.connection.finish()
        self.clock.advance(5.0 + MARGIN_SECONDS - 0.1)
        self.assertEqual(self.outcomes(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])
        self.assertTrue(self.wire.disconnecting)
        self.wire.close()
        self.assertEqual(self.flush_counts(), [1, 0, 0, 1])
        self.assertFalse(self.manners.answers)

    def test_unanswered_and_stalled(self) -> None:
        """A gateway that reads nothing has not been silent: undecided."""
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.advance(1.5)
        self.connection.finish()
        self.clock.advance(5.0 + MARGIN_SECONDS)
        self.assertTrue(self.wire.disconnected)
        self.wire.close()
        self.assertEqual(self.outcomes(), [(1, Undecided())])
        self.assertEqual(self.flush_counts(), [1, 0, 0, 1])

    def test_closed_instead(self) -> None:
        """A close without a word says nothing about anybody."""
        for said in (b"", encode_error(2, 3)[:5]):
            self.setUp()
            self.attempt(1, 2)
            self.connection.finish()
            self.wire.say(said)
            self.wire.close()
            self.assertEqual(self.outcomes(), [(1, Undecided()), (2, Undecided())])
            self.assertEqual(self.flush_counts(), [1, 0, 0, 1])
            self.assertFalse(self.manners.answers)

    def test_careful(self) -> None:
        """With a gateway that did not answer, nothing is at stake the next time."""
        self.manners.answers = False
        self.attempt(1)
        self.connection.finish()
        self.assertEqual(self.wire.flushes, [])
        self.clock.advance(4.9)
        self.assertEqual((self.outcomes(), self.wire.flushes), ([], []))
        self.clock.advance(0.1)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])
        self.assertEqual(len(self.wire.flushes), 1)
        self.assertFalse(self.wire.disconnecting)
        self.wire.answer_flush()
        self.assertTrue(self.manners.answers)
        self.assertEqual(self.count("presumed_then_proven"), 1)

    def test_careful_is_bounded_too(self) -> None:
        """Both waits together last no longer than one."""
        self.manners.answers = False
        self.attempt(1)
        self.connection.finish()
        self.clock.pump([0.25] * int((5.0 + MARGIN_SECONDS) * 4))
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.outcomes(), [(1, PRESUMED)])

    def test_not_behind_an_answer(self) -> None:
        """Once an answer has begun nothing is written, the flush neither."""
        self.attempt(1)
        self.wire.say(encode_error(8, 1)[:1])
        self.connection.finish()
        self.assertEqual(self.wire.flushes, [])
        self.assertEqual(len(self.wire.writes), 1)

    def test_matured(self) -> None:
        """An interval after the first write the owner is told, and told again."""
        self.connect(flush_interval_seconds=60, idle_timeout_seconds=0)
        self.clock.advance(100.0)
        self.attempt(1)
        self.clock.pump([1.0] * 30)
        self.attempt(2)
        self.clock.pump([1.0] * 29)
        self.assertNotIn("matured", self.owner.told)
        self.clock.advance(1.0)
        self.assertEqual(self.owner.told.count("matured"), 1)
        self.assertGreater(self.connection.room, 0)
        self.clock.advance(MATURED_SECONDS)
        self.assertEqual(self.owner.told.count("matured"), 2)
        self.connection.finish()
        self.clock.advance(MATURED_SECONDS)
        self.assertEqual(self.owner.told.count("matured"), 2)

    def test_not_matured_while_paused(self) -> None:
        """What cannot be written to is not flushed either."""
        self.connect(flush_interval_seconds=3)
        self.attempt(1)
        self.connection.pauseProducing()
        self.clock.pump([0.5] * 20)
        self.assertNotIn("matured", self.owner.told)
        self.connection.resumeProducing()
        self.clock.advance(MATURED_SECONDS)
        self.assertIn("matured", self.owner.told)

    def test_counts_are_conserved(self) -> None:
        """Flushes are no notifications: what was written is what became of it."""
        for event in (
            lambda: self.wire.say(encode_error(2, 6)),
            lambda: self.wire.say(encode_error(2, 0)),
            lambda: self.wire.say(encode_error(8, 3)),
            lambda: self.wire.say(encode_error(10, 6)),
            lambda: self.wire.say(encode_error(8, 1)),
            lambda: self.wire.say(encode_error(8, 7)),
            lambda: self.wire.say(b"?"),
            lambda: self.clock.advance(9.0),
            lambda: None,
        ):
            self.setUp()
            self.attempt(1, 2)
            self.clock.advance(5.0)
            self.attempt(3, 4, 5)
            self.connection.finish()
            event()
            self.wire.close()
            names = ("presumed", "proven", "refused", "discarded", "undecided")
            self.assertEqual(
                (self.count("written"), sum(map(self.count, names))), (5, 5)
            )
            flushes, *ends = self.flush_counts()
            self.assertEqual((flushes, sum(ends)), (1, 1))


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
