"""Two lines, and whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.priority import AHEAD
from mcmtpush.queues.residence import Residence
from tests.queues.sample import (
    KEY,
    NO_LIMIT,
    DomainCase,
    an_entry,
    bodies,
    rows,
)
from tests.support.case import readable


class OrderTests(DomainCase):
    """Who is next."""

    def test_first_come_first_taken(self) -> None:
        """Entries leave in the order in which they came."""
        self.enqueue(an_entry(5), an_entry(3))
        self.enqueue(an_entry(4))
        self.assertEqual(rows(self.queue.take(2)), [5, 3])
        self.assertEqual(rows(self.queue.take(2)), [4])
        self.assertEqual(self.queue.take(2), [])

    def test_priority_goes_first(self) -> None:
        """Priority 1 is taken before everything else."""
        self.enqueue(an_entry(1), an_entry(2, 1), an_entry(3), an_entry(4, 1))
        self.assertEqual(rows(self.queue.take(3)), [2, 4, 1])

    def test_returned_ones_are_first_in_their_old_order(self) -> None:
        """What came back stands in front, by row, however it came back."""
        self.enqueue(*(an_entry(row) for row in range(1, 8)))
        taken = self.queue.take(5)
        self.queue.requeue([taken[4], taken[2]], NO_LIMIT)
        self.queue.requeue([taken[3], taken[0]], NO_LIMIT)
        self.queue.admit(taken, bodies(taken))
        self.assertEqual(rows(self.queue.take(9)), [1, 3, 4, 5, 6, 7])

    def test_returned_ones_stay_behind_priority(self) -> None:
        """Coming back does not make an entry more important."""
        self.enqueue(an_entry(1))
        taken = self.queue.take(1)
        self.enqueue(an_entry(2, 1))
        self.queue.requeue(taken, NO_LIMIT)
        self.queue.admit(taken, bodies(taken))
        self.assertEqual(rows(self.queue.take(2)), [2, 1])


class ShareTests(DomainCase):
    """Bulk is never starved, and costs priority little."""

    def test_every_eighth(self) -> None:
        """While both wait, seven of priority 1 go, then one of priority 0."""
        self.enqueue(*(an_entry(row, 1) for row in range(100, 120)))
        self.enqueue(*(an_entry(row) for row in range(4)))
        taken = rows(self.queue.take(3) + self.queue.take(5) + self.queue.take(99))
        self.assertEqual(
            taken,
            [*range(100, 107), 0, *range(107, 114), 1, *range(114, 120), 2, 3],
        )

    def test_fetched_when_it_has_its_turn(self) -> None:
        """A body of priority 0 is asked for when it is next, and not passed over."""
        self.enqueue(*(an_entry(row, 1) for row in range(9)), an_entry(50, bare=True))
        self.assertEqual(len(self.queue.take(99)), AHEAD)
        self.assertTrue(self.queue.blocked)
        page = self.queue.absent(1)
        self.queue.admit(page, bodies(page))
        self.assertEqual(rows(self.queue.take(99)), [50, 7, 8])

    @readable
    @given(
        st.lists(
            st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 40)),
            max_size=30,
        )
    )
    def test_bounded_share(self, rounds: list[tuple[int, int, int]]) -> None:
        """However many of priority 1 keep coming, of eight taken one is of 0.

        And never two of priority 0 in a row while one of priority 1 waits.
        """
        queue = DomainQueue(KEY, Residence(0))
        waiting, row, ahead, last = [0, 0], 0, 0, 1
        for bulk, urgent, size in rounds:
            new = [an_entry(row + at, int(at >= bulk)) for at in range(bulk + urgent)]
            row += len(new)
            queue.enqueue(new, 0.0, NO_LIMIT)
            waiting = [waiting[0] + bulk, waiting[1] + urgent]
            for entry in queue.take(size):
                ahead = ahead + 1 if entry.priority and waiting[0] else 0
                self.assertLessEqual(ahead, AHEAD)
                if not entry.priority and waiting[1]:
                    self.assertEqual(last, 1)
                last = entry.priority
                waiting[last] -= 1


class OldTests(DomainCase):
    """Those that are too old."""

    def test_heads_of_both_lines(self) -> None:
        """Old ones are taken from the front of each line, up to the first young one."""
        self.enqueue(
            an_entry(1, age=1.0),
            an_entry(2, age=9.0),
            an_entry(3, age=2.0),
            an_entry(4, 1, age=3.0),
            an_entry(5, 1, age=8.0),
        )
        self.assertEqual(rows(self.queue.take_old(5.0, 10)), [4, 1])
        self.assertEqual((self.queue.flight, self.queue.active), (2, 3))

    def test_limit(self) -> None:
        """No more than asked for."""
        self.enqueue(*(an_entry(row) for row in range(5)))
        self.assertEqual(rows(self.queue.take_old(5.0, 2)), [0, 1])

    def test_bodies_first(self) -> None:
        """Old ones without bodies are fetched, not skipped."""
        self.enqueue(
            an_entry(1, age=1.0, bare=True),
            an_entry(2, age=2.0),
            an_entry(3, age=9.0, bare=True),
            an_entry(4, 1, age=9.0, bare=True),
        )
        self.assertEqual(self.queue.take_old(5.0, 10), [])
        page = self.queue.absent(10, 5.0)
        self.assertEqual(rows(page), [1])
        self.queue.admit(page, bodies(page))
        self.assertEqual(rows(self.queue.take_old(5.0, 10)), [1, 2])
