"""What an answer is counted as."""

from __future__ import annotations

from mcmtpush.apns.window import UNDECIDED, Window
from mcmtpush.counters import Counters
from mcmtpush.delivery.proof import Manners, count_answer
from mcmtpush.values import Attempt, Entry
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
