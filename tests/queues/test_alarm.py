"""One timer for all queues."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.queues.alarm import Alarm
from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.outlet import Outlet
from mcmtpush.queues.residence import Residence
from mcmtpush.values import QueueKey
from tests.queues.sample import an_entry
from tests.support.case import TestCase


EPOCH = 1_700_000_000.0


class AlarmTests(TestCase):
    """When it rings."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.jump = 0.0
        self.scans: list[float] = []
        self.rung: list[tuple[str, float]] = []
        self.alarm = Alarm(
            clock=self.clock,
            now=self.now,
            scan_interval_seconds=15,
            due=self.due,
            scan=lambda: self.scans.append(self.clock.seconds()),
        )

    def now(self) -> float:
        """The wall clock, which may jump."""
        return EPOCH + self.clock.seconds() + self.jump

    def due(self, outlet: Outlet, now: float) -> None:
        """Release, and note who was called when."""
        outlet.queue.release(now, 100)
        self.rung.append((outlet.key.domain, self.clock.seconds()))

    def outlet(self, domain: str, *waits: float) -> Outlet:
        """A queue with entries that wait so long from now."""
        queue = DomainQueue(QueueKey("g", "b", domain), Residence(0))
        entries = [an_entry(i, at=self.now() + wait) for i, wait in enumerate(waits)]
        queue.enqueue(entries, self.now(), -1)
        house: Any = None
        settings: Any = None
        outlet = Outlet(queue, house, settings, 0.0)
        self.alarm.book(outlet)
        return outlet

    def run_to(self, seconds: float) -> None:
        """Let the clock go in small steps."""
        while self.clock.seconds() < seconds - 1e-9:
            self.clock.advance(0.25)

    def test_scans_at_its_interval(self) -> None:
        """Without anything booked it looks around every scan interval."""
        self.alarm.start()
        self.run_to(50)
        self.assertEqual(self.scans, [15, 30, 45])
        self.assertEqual(self.rung, [])

    def test_never_without_a_pause(self) -> None:
        """However short the interval, a second passes between two scans."""
        self.alarm = Alarm(
            clock=self.clock,
            now=self.now,
            scan_interval_seconds=0,
            due=self.due,
            scan=lambda: self.scans.append(self.clock.seconds()),
        )
        self.alarm.start()
        self.run_to(3.5)
        self.assertEqual(self.scans, [1, 2, 3])

    def test_rings_in_time_for_each(self) -> None:
        """Every queue is rung for when its first entry is due, with one timer."""
        self.alarm.start()
        self.outlet("late", 7.5)
        self.outlet("early", 2.25, 20.0)
        self.outlet("never")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.run_to(25)
        self.assertEqual(self.rung, [("early", 2.25), ("late", 7.5), ("early", 20.0)])
        self.assertEqual(self.scans, [15])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_exact_instants(self) -> None:
        """Advancing to the very instant is enough, whatever the two clocks round."""
        self.alarm.start()
        for wait in (0.1, 1200.7, 0.3333333333):
            self.rung.clear()
            self.outlet("a", wait)
            self.clock.advance(wait)
            self.assertEqual(len(self.rung), 1, wait)

    def test_earlier_booking_wins(self) -> None:
        """A queue that gets an earlier entry is rung for then, and once for each."""
        self.alarm.start()
        outlet = self.outlet("a", 10.0)
        outlet.queue.enqueue([an_entry(7, at=self.now() + 3.0)], self.now(), -1)
        self.alarm.book(outlet)
        self.alarm.book(outlet)
        self.run_to(14)
        self.assertEqual(self.rung, [("a", 3.0), ("a", 10.0)])

    def test_crowds_go_in_parts(self) -> None:
        """What is left of a crowd has its turn at the next reactor turn."""
        self.alarm.start()
        outlet = self.outlet("a", *[1.0] * 5)
        released = []
        self.alarm._due = lambda one, now: released.append(one.queue.release(now, 2))
        self.clock.advance(1.0)
        self.assertEqual(released, [2, 2, 1])
        self.assertEqual(outlet.queue.active, 5)

    def test_clock_jumps_ahead(self) -> None:
        """What became due by a jump is found at the next scan."""
        self.alarm.start()
        self.outlet("a", 5000.0)
        self.jump = 86400.0
        self.run_to(16)
        self.assertEqual(self.rung, [("a", 15.0)])

    def test_slow_wall_clock(self) -> None:
        """An alarm that comes early waits for the rest, without spinning."""
        self.alarm.start()
        self.outlet("a", 5.0)
        self.jump = -1.0
        self.clock.advance(5.0)
        self.assertEqual(self.rung, [])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1.0)
        self.assertEqual(self.rung, [("a", 6.0)])

    def test_forget(self) -> None:
        """After the clock was set back everybody is booked anew."""
        self.alarm.start()
        outlet = self.outlet("a", 1000.0)
        self.jump = -5000.0
        outlet.queue.set_back(5000.0)
        self.alarm.forget()
        self.alarm.book(outlet)
        self.clock.advance(1000.0)
        self.assertEqual([name for name, _ in self.rung], ["a"])

    def test_stops(self) -> None:
        """No timer is left, and nobody starts one by booking."""
        self.alarm.start()
        self.alarm.stop()
        self.outlet("a", 5.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_booked_before_the_start(self) -> None:
        """Nothing rings before the start; then what is due rings at once."""
        self.outlet("a", 1.0)
        self.run_to(5)
        self.assertEqual(self.rung, [])
        self.alarm.start()
        self.clock.advance(0)
        self.assertEqual(self.rung, [("a", 5.0)])
