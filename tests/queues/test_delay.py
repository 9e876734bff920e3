"""Entries that wait for their time."""

from __future__ import annotations

from tests.queues.sample import (
    DomainCase,
    an_entry,
    bodies,
    rows,
)


class DelayTests(DomainCase):
    """Who waits for a time."""

    def test_waits_for_its_time(self) -> None:
        """An entry with a future time is delayed, and active from that time on."""
        self.enqueue(an_entry(1, at=50.0, bare=True), now=10.0)
        self.assertEqual((self.queue.active, self.queue.delayed), (0, 1))
        self.assertEqual(self.queue.next_due(), 50.0)
        self.assertEqual(self.queue.release(49.9, 10), 0)
        self.assertEqual(self.queue.release(50.0, 10), 1)
        self.assertEqual((self.queue.active, self.queue.delayed), (1, 0))
        self.assertIsNone(self.queue.next_due())

    def test_past_times_are_active(self) -> None:
        """An entry whose time has passed wants its attempt now."""
        self.enqueue(an_entry(1, at=50.0), now=50.0)
        self.assertEqual(self.queue.active, 1)

    def test_released_in_order_of_time(self) -> None:
        """The one that was due first goes first, older rows first among equals."""
        entries = [an_entry(1, at=9.0), an_entry(2, at=7.0), an_entry(3, at=7.0)]
        self.enqueue(*entries)
        self.queue.release(9.0, 10)
        self.queue.admit(entries, bodies(entries))
        self.assertEqual(rows(self.queue.take(3)), [2, 3, 1])

    def test_release_is_bounded(self) -> None:
        """A great crowd moves in parts."""
        self.enqueue(*(an_entry(row, at=5.0) for row in range(10)))
        self.assertEqual(self.queue.release(9.0, 4), 4)
        self.assertEqual((self.queue.active, self.queue.delayed), (4, 6))

    def test_retry_drops_the_body(self) -> None:
        """Who waits for a retry is on the disk only."""
        self.enqueue(an_entry(1))
        (entry,) = self.queue.take(1)
        entry.next_attempt_at = 20.0
        self.queue.retry([entry])
        self.assertIsNone(entry.message)
        self.assertIsNone(entry.push)
        self.assertEqual((self.queue.flight, self.queue.delayed), (0, 1))
        self.assertEqual(self.queue.next_due(), 20.0)

    def test_put_off(self) -> None:
        """All active ones wait, bodies dropped; the others are as before."""
        self.enqueue(an_entry(1), an_entry(2, 1), an_entry(3, bare=True), an_entry(4))
        self.enqueue(an_entry(5, at=7.0))
        taken = self.queue.take(1)
        self.assertEqual(self.queue.put_off(50.0), 3)
        self.assertEqual(
            (self.queue.active, self.queue.delayed, self.queue.flight), (0, 4, 1)
        )
        self.assertEqual((self.queue.resident, self.queue.residence.held), (0, 0))
        self.assertEqual(self.queue.next_due(), 7.0)
        self.queue.requeue(taken, 0)
        self.assertEqual(self.queue.release(50.0, 10), 4)
        self.assertEqual(rows(self.queue.absent(10)), [2, 5, 1, 3, 4])
        self.assertEqual(self.queue.put_off(60.0), 5)
        self.assertEqual(self.queue.put_off(60.0), 0)

    def test_clock_set_back(self) -> None:
        """Nobody waits longer because the clock went back."""
        self.enqueue(an_entry(1, at=100.0), an_entry(2, at=90.0), now=50.0)
        self.queue.set_back(40.0)
        self.assertEqual(self.queue.next_due(), 50.0)
        self.assertEqual(self.queue.release(60.0, 9), 2)
