"""A far gateway: how many connections the bytes that are under way need."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from twisted.internet.task import Clock

from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.simulator.script import Script
from tests.flow.story import FlowCase
from tests.support.apple import HTTP2
from tests.support.pipe import Pipe
from tests.support.wire import Wire


WINDOW: Final = 65_535
"""Of a connection to Apple, in bytes: RFC 9113, section 6.9.2."""

RATE: Final = 50
"""Messages a second."""

SECONDS: Final = 12
"""One connection more a second, and some to come to rest."""


class FarWire(Wire):
    """Bytes arrive as many seconds later as the gateway is away."""

    def __init__(self, ours: Any, theirs: Any, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        super().__init__(ours, theirs)

    def _carry(self, end: Any) -> bool:
        data = end.take()
        if data:
            self._clock.callLater(self._seconds, self._arrive, end.peer, data)
        return bool(data)

    def _arrive(self, end: Any, data: bytes) -> None:
        if not self.cut:
            end.protocol.dataReceived(data)


class FarPipe(Pipe):
    """A pipe whose HTTP/2 gateway is far away.

    Attributes:
        trip_seconds: there and back.
    """

    trip_seconds = 0.0

    def plug(self, ours: Any, theirs: Any) -> None:
        """Only what the program connects to is far away."""
        if hasattr(ours, "attempt") and not isinstance(ours, BinaryConnection):
            wire = FarWire(ours, theirs, self.clock, self.trip_seconds / 2)
            self.wires.append(wire)
        else:
            super().plug(ours, theirs)


class DistanceTests(FlowCase):
    """Bytes times round trip decide, not the number of messages."""

    def far(self, trip_seconds: float, **delivering: Any) -> FarPipe:
        pipe = FarPipe(Path(self.mktemp()).absolute(), Script())
        pipe.trip_seconds = trip_seconds
        pipe.delivering = evolve(
            pipe.delivering,
            **{
                "routes": (HTTP2,),
                "max_outbound_connections": 20,
                "request_timeout_seconds": 60.0,
                **delivering,
            },
        )
        self.addCleanup(pipe.close)
        return pipe

    def load(self, pipe: FarPipe, payload: int) -> None:
        """A steady stream of messages with so many bytes of payload."""
        small = len('{"aps":{"alert":"m1000."},"filling":""}')
        for _ in range(SECONDS * 10):
            for _ in range(RATE // 10):
                pipe.inject(filling=max(payload - small, 0))
            pipe.run(0.1)

    def connections(self, pipe: FarPipe) -> int:
        """How many were opened."""
        return pipe.program.counters.get("delivery.connections")

    def assert_follows(self, payload: int, trip_seconds: float) -> None:
        """As many connections as windows are under way, and some for what waited.

        A peer gives a window back by halves, so that up to twice as many are needed;
        the messages that came before they were open deserve as many again.
        """
        pipe = self.far(trip_seconds)
        self.load(pipe, payload)
        windows = RATE * payload * trip_seconds / WINDOW
        found = self.connections(pipe)
        self.assertGreaterEqual(found, ceil(windows))
        self.assertLessEqual(found, 2 * ceil(2 * windows))
        self.load(pipe, payload)
        self.assertLessEqual(self.connections(pipe), 2 * ceil(2 * windows))
        self.assertLessEqual(len(pipe.spooled()), RATE * (trip_seconds + 0.5))
        pipe.run(10)
        self.assertEqual(len(pipe.records("D")), 2 * SECONDS * RATE)
        self.assert_at_rest(pipe)

    def test_long_payloads_far_away(self) -> None:
        """3 KB, 1.6 seconds there and back: 240 KB are under way."""
        self.assert_follows(3000, 1.6)

    def test_long_payloads_half_as_far(self) -> None:
        """Half the way, half the connections."""
        self.assert_follows(3000, 0.8)

    def test_short_payloads_as_far(self) -> None:
        """As many messages with a tenth of the bytes need one."""
        self.assert_follows(300, 1.6)

    def test_long_payloads_nearby(self) -> None:
        """On the spot one connection carries them all."""
        self.assert_follows(3000, 0.01)
