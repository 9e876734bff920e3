"""What an answer is counted as, and proof that is asked for before the close."""

from __future__ import annotations

from mcmtpush.apns.frames import Frame, encode_error
from mcmtpush.apns.window import UNDECIDED, Window
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import MARGIN_SECONDS
from mcmtpush.delivery.proof import Manners, count_answer
from mcmtpush.values import Attempt, Discarded, Entry, Refused, Undecided
from tests.delivery.speaking import PRESUMED, PROVEN, BinaryConnectionCase
from tests.support.case import TestCase


class CountTests(TestCase):
    def count(self, status: int, identifier: int, *, flush: bool) -> dict[str, int]:
        """Two presumed, three unsettled, maybe a flush; what the answer counts."""
        window = Window(response_timeout_seconds=5.0)
        for first, last in ((1, 2), (3, 5)):
            window.add(
                [
                    Attempt(Entry(row, 0.0), UNDECIDED, row, 100)
                    for row in range(first, last + 1)
                ],
                float(first),
            )
        window.silence(6.0)
        if flush:
            window.flush()
        presumed = window.accepted
        window.answer(status, identifier)
        counters = Counters()
        count_answer(counters, window, presumed)
        counts = counters.snapshot()
        return {name.split(".")[1]: count for name, count in counts.items() if count}

    def test_refusal(self) -> None:
        """Without a flush there is nothing about one."""
        self.assertEqual(
            self.count(8, 4, flush=False),
            {
                "answers": 1,
                "proven": 1,
                "refused": 1,
                "discarded": 1,
                "presumed_then_proven": 2,
            },
        )

    def test_late(self) -> None:
        """What was presumed wrongly is told apart: one refused, one discarded."""
        self.assertEqual(
            self.count(8, 1, flush=False),
            {
                "answers": 1,
                "discarded": 3,
                "late": 1,
                "presumed_then_discarded": 1,
            },
        )

    def test_flushed(self) -> None:
        """The answer to the flush proves all, those presumed before included."""
        self.assertEqual(
            self.count(2, 6, flush=True),
            {"answers": 1, "proven": 3, "presumed_then_proven": 2, "flushed": 1},
        )

    def test_void(self) -> None:
        """Any other answer makes the flush void."""
        self.assertEqual(self.count(8, 4, flush=True)["flush_void"], 1)
        self.assertEqual(
            self.count(8, 77, flush=True),
            {"answers": 1, "undecided": 3, "flush_void": 1},
        )


class MannersTests(TestCase):
    def test_benefit_of_the_doubt(self) -> None:
        """A gateway that was never asked is believed to answer."""
        self.assertTrue(Manners().answers)

    def test_news_once(self) -> None:
        """One that did not answer is news, until it answers again."""
        manners = Manners()
        self.assertEqual([manners.miss(), manners.miss()], [True, False])
        self.assertFalse(manners.answers)
        manners.answers = True
        self.assertTrue(manners.miss())


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
