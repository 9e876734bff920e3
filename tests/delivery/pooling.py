"""A pool over a queue that waits, and gateways that obey the test."""

from __future__ import annotations

from typing import Any

from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.fleet import OPENING_LIMIT
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.pool import Pool
from mcmtpush.places import Places
from mcmtpush.throttle import Buckets
from mcmtpush.values import Refused
from tests.delivery.stage import (
    NOW,
    ROUTE,
    Always,
    Gateways,
    Settled,
    Turns,
    Waiting,
)
from tests.support.case import TestCase


BAD = Refused(8, "Invalid Token")
OFF = GuardSettings(first=0, window=0)


class PoolCase(TestCase):
    """A pool over 100 waiting entries unless the test says otherwise."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.gateways = Gateways()
        self.settled = Settled()
        self.counters = Counters()
        self.make(100)

    def make(
        self,
        count: int,
        *,
        limits: Limits | None = None,
        buckets: Buckets | None = None,
        openings: Places[Pool] | None = None,
        **changes: Any,
    ) -> None:
        options = {
            "routes": (ROUTE,),
            "max_outbound_connections": 1,
            "idle_timeout_seconds": 30,
            **changes,
        }
        self.queue = Waiting(count)
        self.pool = Pool(
            self.queue,
            settings=DeliverySettings(**options),
            connect=self.gateways,
            disposition=self.settled,
            clock=self.clock,
            now=lambda: NOW,
            dice=Always(),
            counters=self.counters,
            limits=limits or Limits(1000),
            buckets=buckets or Buckets(),
            openings=openings or Places(Pool.work, OPENING_LIMIT),
        )

    def work(self) -> None:
        self.pool.work()
        self.clock.advance(0)

    def turns(self, count: int = 20) -> None:
        for _ in range(count):
            self.clock.advance(0)

    def frames(self) -> list[int]:
        """How many frames each connection was given."""
        return [len(wire.frames) for wire in self.gateways.wires]
