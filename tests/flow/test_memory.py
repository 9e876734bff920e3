"""Memory runs out, and is there again."""

from __future__ import annotations

from tests.flow.story import FlowCase
from tests.support.pipe import RESPONSE_SECONDS


class MemoryTests(FlowCase):
    """Memory runs out, and is there again."""

    def test_new_mail_waits(self) -> None:
        """Above the high water mark new mail is refused for now, and only then."""
        pipe = self.pipe()
        early = pipe.inject()
        pipe.settle()
        for used, expected in [(94.9, "250"), (95.0, "452 4.3.4"), (94.9, "250")]:
            pipe.memory_used = used
            pipe.run(1.0)
            injection = pipe.inject()
            pipe.settle()
            self.assertTrue(injection.reply.startswith(expected), injection.reply)
        self.assertEqual(pipe.program.counters.get("reception.refused.452"), 1)
        pipe.run(RESPONSE_SECONDS + 1.0)
        self.assert_records(pipe, early, "D")
        self.assertEqual(len(pipe.records("D")), 3)
        self.assert_at_rest(pipe)

    def test_bodies_leave(self) -> None:
        """Above the goal what waits is on the disk only, and delivered from there."""
        pipe = self.pipe()
        pipe.network = "silent"
        injections = [pipe.inject() for _ in range(120)]
        pipe.settle()
        (queue,) = pipe.program.parts.scheduler._queues()
        self.assertEqual(queue.resident, 120)
        pipe.memory_used = 91.0
        pipe.run(1.0)
        late = pipe.inject()
        pipe.settle()
        self.assertEqual((late.reply[:3], queue.resident, pipe.trims), ("250", 50, 1))
        pipe.network = "up"
        pipe.run(60.0)
        for each in (*injections, late):
            self.assert_records(pipe, each, "D")
        self.assert_at_rest(pipe)
