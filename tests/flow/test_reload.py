"""Another configuration in the middle of the work."""

from __future__ import annotations

from attrs import evolve

from mcmtpush.config.views import GuardSettings, LimitSettings, ThrottleSettings
from mcmtpush.delivery.pool import Pool
from mcmtpush.errors import ConfigError
from mcmtpush.simulator.script import Action
from mcmtpush.values import QueueKey
from tests.flow.test_delivery import REFUSE_BAD, SILENCE, FlowCase, script
from tests.support.pipe import RESPONSE_SECONDS, Pipe


KEY = QueueKey("default", "default", "apn_example.com")
OTHER = QueueKey("default", "default", "apn_other.example")


class ReloadTests(FlowCase):
    def lane(self, pipe: Pipe, key: QueueKey = KEY) -> Pool:
        """The one that serves this queue now."""
        lane = pipe.program.parts.scheduler._outlets[key].lane
        assert isinstance(lane, Pool)
        return lane

    def test_a_lane_is_replaced(self) -> None:
        """The old one awaits its answers while the new one works."""
        pipe = self.pipe()
        first = [pipe.inject() for _ in range(20)]
        pipe.run(0.5)
        old = self.lane(pipe)
        self.assertEqual(len(pipe.frames), 20)
        pipe.reload(max_outbound_connections=1)
        second = [pipe.inject() for _ in range(20)]
        pipe.run(0.5)
        self.assertIsNot(self.lane(pipe), old)
        self.assertEqual(len(pipe.frames), 40)
        self.assertEqual(self.lane(pipe).connections, 1)
        pipe.run(RESPONSE_SECONDS + 3.0)
        self.assertEqual(old.connections, 0)
        self.assertEqual(pipe.program.parts.scheduler._leaving, set())
        for injection in (*first, *second):
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
            self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_equal_lanes_keep_their_connections(self) -> None:
        """Only queues whose own settings changed get another lane."""
        pipe = self.pipe()
        pipe.domains[OTHER.domain] = pipe.delivering
        for domain in (KEY.domain, OTHER.domain):
            pipe.inject(f"1@{domain}")
        pipe.run(0.5)
        kept, count = self.lane(pipe, OTHER), pipe.program.counters.get
        made = count("delivery.connections")
        pipe.reload(idle_timeout_seconds=60)
        self.assertIs(self.lane(pipe, OTHER), kept)
        self.assertEqual(kept.connections, 1)
        pipe.inject(f"2@{OTHER.domain}")
        pipe.run(0.5)
        self.assertEqual(count("delivery.connections"), made)
        self.assertEqual(count("delivery.written"), 3)
        pipe.reload()
        self.assertIs(self.lane(pipe, OTHER), kept)

    def test_faulty_files_change_nothing(self) -> None:
        """Lanes and settings go on; the next reading is followed."""
        pipe = self.pipe()
        pipe.inject()
        pipe.run(0.5)
        lane = self.lane(pipe)
        pipe.faults = [ConfigError("misspelt", "gw.conf", 1, 1)]
        pipe.reload(max_outbound_connections=1)
        self.assertIs(self.lane(pipe), lane)
        pipe.faults = []
        pipe.reload()
        self.assertIsNot(self.lane(pipe), lane)
        pipe.run(SILENCE)
        self.assertEqual(len(pipe.records("D")), 1)

    def test_rates_are_not_doubled(self) -> None:
        """However often the files are read, and whatever else they change."""
        pipe = self.pipe()
        pipe.delivering = evolve(
            pipe.delivering, message_throttle=ThrottleSettings(3, 60.0, "domain")
        )
        injections = [pipe.inject() for _ in range(12)]
        for connections in (1, 2, 3, 1):
            pipe.run(5.0)
            self.assertEqual(len(pipe.frames), 3)
            pipe.reload(max_outbound_connections=connections)
        pipe.reload(message_throttle=ThrottleSettings(4, 60.0, "domain"))
        pipe.run(5.0)
        self.assertEqual(len(pipe.frames), 4)
        pipe.run(300.0)
        for injection in injections:
            self.assert_records(pipe, injection, "D")

    def test_limits_are_not_doubled(self) -> None:
        """A new lane waits for the place of the old one's connection."""
        pipe = self.pipe()
        pipe.delivering = evolve(
            pipe.delivering, scope_limit=LimitSettings(1, "domain")
        )
        pipe.inject()
        pipe.run(0.5)
        old = self.lane(pipe)
        pipe.reload(idle_timeout_seconds=60)
        late = pipe.inject()
        pipe.settle()
        new = self.lane(pipe)
        for _ in range(80):
            self.assertLessEqual(old.connections + new.connections, 1)
            pipe.run(0.1)
        self.assert_records(pipe, late, "D")

    def test_what_the_guard_suspended(self) -> None:
        """It stays so under the new configuration until an operator says otherwise."""
        pipe = self.pipe(script(action=Action.REFUSE, every=1, status=8))
        pipe.delivering = evolve(pipe.delivering, guard=GuardSettings(first=2))
        injections = [pipe.inject() for _ in range(3)]
        pipe.run(10.0)
        self.assertTrue(self.lane(pipe).suspended)
        pipe.follow(REFUSE_BAD)
        pipe.reload(idle_timeout_seconds=60)
        pipe.run(10.0)
        self.assertEqual(pipe.records("DTP"), [])
        pipe.program.parts.lanes._pools[KEY] = self.lane(pipe)
        pipe.program.resume()
        pipe.run(SILENCE)
        for injection in injections:
            self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_the_end_waits_for_lanes_that_leave(self) -> None:
        """Stopped right after a reload: what was written is settled all the same."""
        pipe = self.pipe()
        injections = [pipe.inject() for _ in range(5)]
        pipe.run(0.5)
        pipe.reload(max_outbound_connections=1)
        pipe.restart()
        for injection in injections:
            self.assert_records(pipe, injection, "D")
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assert_at_rest(pipe)

    def test_while_it_stops(self) -> None:
        """A program that drains reads nothing any more."""
        pipe = self.pipe()
        pipe.inject()
        pipe.run(0.5)
        lane = self.lane(pipe)
        stopped = pipe.program.stopService()
        pipe.reload(max_outbound_connections=1)
        self.assertIs(self.lane(pipe), lane)
        pipe.run(SILENCE * 3)
        self.successResultOf(stopped)
