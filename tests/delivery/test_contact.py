"""Gateways that fail, and what becomes of those who wait."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.error import ConnectError
from twisted.logger import globalLogPublisher

from mcmtpush.delivery.fleet import CONNECTING_LIMIT
from mcmtpush.values import Undecided
from tests.delivery.pooling import PoolCase
from tests.delivery.stage import (
    OTHER,
    ROUTE,
    an_entry,
)


class FailureTests(PoolCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[str] = []

        def observe(event: Any) -> None:
            if event.get("log_namespace") == "mcmtpush.delivery.contact":
                level = event["log_level"].name
                if level != "debug" and "route" in event:
                    self.events.append(f"{level}: {event['route']}")

        publisher: Any = globalLogPublisher
        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)

    def test_one_probe_at_a_time(self) -> None:
        """While the gateway is away it is tried at the pace of one connection."""
        self.make(10_000, max_outbound_connections=32)
        for _ in range(1200):
            self.work()
            while self.gateways.pending:
                self.gateways.refuse(ConnectError())
            self.clock.advance(0.1)
        self.assertLess(len(self.gateways.asked), 2 * CONNECTING_LIMIT + 7)
        self.assertGreater(len(self.gateways.asked), 7)

    def test_says_so_once(self) -> None:
        """Operators hear when the gateway goes and when it is back, not every time."""
        for _ in range(5):
            self.work()
            self.gateways.refuse(ConnectError())
            self.clock.advance(60)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])
        self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.assertEqual(self.events[1:], ["info: gateway.example:2195"])

    def test_another_route(self) -> None:
        """A route that failed rests; the next one carries the messages."""
        self.make(1, routes=(ROUTE, OTHER))
        self.work()
        self.gateways.refuse(ConnectError())
        self.clock.advance(1.0)
        self.clock.advance(0)
        self.assertEqual(self.gateways.asked, [ROUTE, OTHER])
        self.gateways.accept()
        self.turns()
        self.clock.advance(5.0)
        self.assertEqual(len(self.settled.attempts), 1)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])

    def test_wrong_environment(self) -> None:
        """A gateway that accepts connections and drops them meets patience."""
        for _ in range(1200):
            self.work()
            while self.gateways.pending:
                [wire] = self.gateways.accept()
                self.clock.advance(0)
                wire.close()
            self.clock.advance(0.1)
        self.assertLess(len(self.gateways.wires), 9)
        self.assertEqual(self.events, ["warn: gateway.example:2195"])
        counts = Counter(outcome for _, outcome in self.settled.outcomes())
        self.assertEqual(counts, {Undecided(): 100})

    def test_no_routes(self) -> None:
        """A queue without routes says so and does not spin."""
        self.make(10, routes=())
        for _ in range(100):
            self.work()
            self.clock.advance(0.1)
        self.assertEqual(self.events, ["warn: no route"])


class DelayTests(PoolCase):
    """Routes that fail, all of them, again and again."""

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.work()
            self.gateways.refuse(ConnectError())
            self.clock.advance(60)

    def test_delays(self) -> None:
        """After so many failures on each route the queue is put off, uncharged."""
        self.make(100, routes=(ROUTE, OTHER), mx_failures_to_delay=3)
        self.fail(5)
        self.assertEqual(self.queue.orders, [])
        self.fail(1)
        [(order, reason)] = self.queue.orders
        self.assertEqual(order, "delay")
        self.assertIn("each route failed 3 times in a row", reason)
        self.assertIn("other.example:2195", reason)
        self.assertEqual(self.settled.attempts, [])
        self.fail(6)
        self.assertEqual(self.counters.get("delivery.delays"), 2)

    def test_never(self) -> None:
        """0 is never."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=0)
        self.fail(60)
        self.assertEqual(self.queue.orders, [])

    def test_delays_after_long_trouble(self) -> None:
        """Without contact for so long the queue is put off, however seldom tried."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=600)
        self.fail(10)
        self.assertEqual(self.queue.orders, [])
        self.fail(1)
        [(order, reason)] = self.queue.orders
        self.assertEqual(order, "delay")
        self.assertIn("no contact for 600 s", reason)
        self.assertEqual(self.counters.get("delivery.delays"), 1)

    def test_contact_ends_long_trouble(self) -> None:
        """A gateway that takes something was there: counting starts anew."""
        self.make(100, mx_failures_to_delay=0, connect_timeout_to_delay_seconds=600)
        self.fail(8)
        self.work()
        [wire] = self.gateways.accept()
        self.turns()
        wire.object_to(3)
        self.queue.entries = [an_entry(row) for row in range(200, 300)]
        self.fail(8)
        self.assertEqual(self.queue.orders, [])

    def test_blames_the_address(self) -> None:
        """The address of a connection that was dropped without a word rests."""
        self.work()
        self.gateways.refuse(ConnectError())
        self.clock.advance(1.0)
        self.turns()
        self.gateways.accept()[0].close()
        self.assertEqual(self.gateways.blamed, ["192.0.2.1"])
