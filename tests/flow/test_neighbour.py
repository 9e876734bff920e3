"""One domain's trouble is its own."""

from __future__ import annotations

from attrs import evolve

from mcmtpush.config.views import Route
from tests.flow.story import FlowCase
from tests.support.pipe import RESPONSE_SECONDS


class NeighbourTests(FlowCase):
    def test_trouble_slows_nobody(self) -> None:
        """While one domain's gateway is away, mute or refuses all, others go on."""
        for way in ("refuses", "silent"):
            pipe = self.pipe()
            away = Route("apn", "away.example", None, 0)
            pipe.domains["away.example"] = evolve(pipe.delivering, routes=(away,))
            pipe.ways["away.example"] = way
            stuck = [pipe.inject(f"{number}@away.example") for number in range(50)]
            pipe.run(30.0)
            for _ in range(10):
                injection = pipe.inject()
                pipe.run(0.1)
                self.assertEqual(len(pipe.judged(injection, "accepted")), 1, way)
            pipe.run(RESPONSE_SECONDS + 1.0)
            self.assertEqual(len(pipe.records("D")), 10)
            self.assertEqual(pipe.records("TP"), [])
            self.assertEqual(pipe.program.parts.scheduler.queued, len(stuck))
