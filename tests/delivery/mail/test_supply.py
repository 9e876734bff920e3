"""What a mail queue has to send."""

from __future__ import annotations

from mcmtpush.counters import Counters
from mcmtpush.delivery.mail.supply import BATCH_LIMIT, TURN_LIMIT, UNSENDABLE, Supply
from mcmtpush.values import Accepted, Answered, Attempt, Discarded
from tests.delivery.mail.stage import Settled, Waiting, an_entry
from tests.support.case import TestCase


WORD = Answered(421, "4.7.0 no")


class SupplyTests(TestCase):
    def make(self, count: int) -> None:
        self.queue = Waiting([an_entry(row) for row in range(1, count + 1)])
        self.settled = Settled(self.queue, (Discarded,))
        self.counters = Counters()
        self.supply = Supply(self.queue, self.settled, self.counters)

    def test_next(self) -> None:
        """One message at a time, in order; the queue is asked for a batch of them."""
        self.make(BATCH_LIMIT + 1)
        self.assertEqual([one.row for one in self.supply.next(50)], [1])
        self.assertEqual(self.queue.backlog, 1)
        self.assertEqual(self.supply.waiting, BATCH_LIMIT)
        rows = [self.supply.next(50)[0].row for _ in range(BATCH_LIMIT)]
        self.assertEqual(rows, list(range(2, BATCH_LIMIT + 2)))
        self.assertEqual((self.supply.next(50), self.supply.waiting), ([], 0))

    def test_no_more_than_wanted(self) -> None:
        """Of one transaction as many recipients as wanted, the rest the next time."""
        self.make(0)
        self.queue.entries = [an_entry(row, batch_id="a") for row in range(5)]
        self.assertEqual([one.row for one in self.supply.next(3)], [0, 1, 2])
        self.assertEqual([one.row for one in self.supply.next(3)], [3, 4])

    def test_unsendable(self) -> None:
        """Addresses that cannot be sent are answered on the way."""
        self.make(0)
        self.queue.entries = [an_entry(1, recipient="<x>"), an_entry(2)]
        self.assertEqual([one.row for one in self.supply.next(50)], [2])
        self.assertEqual(self.settled.outcomes(), [(1, UNSENDABLE)])

    def test_answer(self) -> None:
        """A word for everybody goes to so many that wait, a turn's worth at most."""
        self.make(TURN_LIMIT + 5)
        self.assertEqual(self.supply.answer(WORD, 3), 3)
        self.assertEqual(self.settled.outcomes(), [(row, WORD) for row in (1, 2, 3)])
        self.assertEqual(self.supply.answer(WORD, 10**6), TURN_LIMIT)
        self.assertEqual(self.supply.answer(WORD, 10**6), 2)
        self.assertEqual(self.supply.answer(WORD, 10**6), 0)

    def test_given_back(self) -> None:
        """What was not sent costs nothing and waits in the queue again."""
        self.make(4)
        entries = self.supply.next(50)
        self.supply.give_back(entries)
        self.supply.give_back([])
        self.supply.clear()
        self.assertEqual([one.row for one in self.queue.entries], [1, 2, 3, 4])
        self.assertEqual(self.counters.get("delivery.mail_returned"), 4)

    def test_settle(self) -> None:
        """Every outcome is passed on and counted."""
        self.make(2)
        first, second = self.supply.next(1) + self.supply.next(1)
        accepted = Accepted("proven")
        self.supply.settle([Attempt(first, accepted), Attempt(second, WORD)])
        self.assertEqual(self.settled.outcomes(), [(1, accepted), (2, WORD)])
        self.assertEqual(
            self.counters.snapshot(),
            {"delivery.mail_accepted": 1, "delivery.mail_refused": 1},
        )
