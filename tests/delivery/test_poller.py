"""The poller of the feedback service: everything is persisted, nothing storms."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import (
    ConnectionRefusedError,  # noqa: A004 - Twisted's
)
from twisted.logger import capturedLogs

from mcmtpush.apns.feedback import FeedbackRecord, encode_feedback
from mcmtpush.config.views import Route
from mcmtpush.delivery.poll import (
    FIRST_SECONDS,
    PERSIST_SECONDS,
    POLL_SECONDS,
    Phase,
    Poll,
)
from mcmtpush.delivery.poller import FeedbackPoller
from mcmtpush.errors import ConfigError, LocalProtocolError
from tests.delivery.polling import DAY, DOMAIN, LIST, RECORDS, SERVICE, FeedbackCase
from tests.delivery.stage import Always, Wire
from tests.support.case import readable


class TimeTests(FeedbackCase):
    def test_first_poll(self) -> None:
        """The first poll comes soon after the start; chance says when."""
        for chance in (0.0, 0.25, 0.999):
            self.begin(chance)
            self.poller.start()
            self.assertEqual(self.due_seconds(), FIRST_SECONDS * chance)
            self.assertEqual(self.services.asked, [])
            self.clock.advance(FIRST_SECONDS * chance)
            self.assertEqual(len(self.services.asked), 1)

    def test_every_interval(self) -> None:
        """The next poll is an interval after the end of the last."""
        self.open().close()
        self.clock.advance(DAY - 1)
        self.assertEqual(len(self.services.asked), 1)
        self.clock.advance(1)
        self.assertEqual(len(self.services.asked), 2)

    def test_each_poll_counts_for_itself(self) -> None:
        """What the diagnostics tell is the last poll's, not the sum of all."""
        wire = self.open()
        wire.say(LIST)
        wire.close()
        self.clock.advance(DAY)
        (wire,) = self.services.accept()
        with capturedLogs() as events:
            wire.close()
        self.assertIn(f"gave up 0 of {DOMAIN}", self.texts(events))

    def test_port(self) -> None:
        """Without a port it is the feedback service's; another one stays."""
        self.open()
        self.assertEqual(self.services.asked[0].port, 2196)
        route = Route("apn", "feedback.example", 4444, 10)
        poll = Poll(DOMAIN, route, DAY, self.services.connect, self.shelf.report)
        other = FeedbackPoller(
            poll, clock=self.clock, dice=Always(), counters=self.counters
        )
        other.start()
        other.poll()
        self.assertEqual(self.services.asked[-1].port, 4444)

    def test_no_interval(self) -> None:
        """An interval of 0 means no polls, not even on request."""
        self.begin(interval_seconds=0)
        self.poller.start()
        self.poller.poll()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.services.asked, [])

    def test_one_poll_at_a_time(self) -> None:
        """A request to poll is heard only while none is under way."""
        self.poller.start()
        self.poller.poll()
        self.poller.poll()
        (wire,) = self.services.accept()
        self.poller.poll()
        wire.say(LIST)
        self.poller.poll()
        self.assertEqual(len(self.services.asked), 1)
        wire.close()
        self.poller.poll()
        self.assertEqual(len(self.services.asked), 2)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_bounded(self) -> None:
        """A service that never closes is cut off; what it said is kept."""
        wire = self.open()
        wire.say(LIST + b"\0")
        self.clock.advance(POLL_SECONDS - 1)
        self.assertFalse(wire.disconnecting)
        with capturedLogs() as events:
            self.clock.advance(1)
        self.assertTrue(wire.disconnecting)
        self.assertIn("not read to the end within 600 s", self.texts(events))
        self.assertIn("(5 tokens were)", self.texts(events))
        self.assertEqual(self.poller.failures, 1)
        wire.say(bytes(100))
        wire.close()
        self.assertEqual(self.shelf.records, RECORDS)
        self.assertEqual(self.poller.phase, Phase.WAITING)

    def test_bounded_connecting(self) -> None:
        """So is an attempt to connect that hangs."""
        self.poller.start()
        self.clock.advance(30)
        self.clock.advance(POLL_SECONDS)
        self.assertEqual((self.services.cancelled, self.poller.failures), (1, 1))
        self.assertEqual(self.poller.phase, Phase.WAITING)


class FailureTests(FeedbackCase):
    def fail_once(self) -> float:
        """Let the poll that is due fail; how long it is to the next."""
        self.clock.advance(self.due_seconds())
        self.services.refuse(ConnectionRefusedError())
        return self.due_seconds()

    def test_back_off(self) -> None:
        """Failures double the wait up to an hour; a success ends that."""
        self.begin(chance=0.0)
        self.poller.start()
        waits = [self.fail_once() for _ in range(9)]
        self.assertEqual(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600], waits)
        self.clock.advance(self.due_seconds())
        self.services.accept()[0].close()
        self.assertEqual((self.poller.failures, self.due_seconds()), (0, DAY))

    def test_says_why(self) -> None:
        """A failure names the service, the domain, the reason and the next try."""
        self.begin(chance=0.0)
        self.poller.start()
        with capturedLogs() as events:
            self.fail_once()
        self.assertEqual(
            self.texts(events),
            "the feedback service feedback.example:2196 could not be read for "
            "apn_example.com (0 tokens were): Connection was refused by other side.; "
            "next try in 60 s",
        )
        self.assertEqual(self.counters.get("feedback.failures"), 1)

    def test_unusable_files(self) -> None:
        """TLS files that cannot be used are a failure like others."""

        def connect(_: Route) -> Any:
            raise ConfigError("tls_key: gone.pem cannot be read", "configuration")

        poll = Poll(DOMAIN, SERVICE, DAY, connect, self.shelf.report)
        poller = FeedbackPoller(
            poll, clock=self.clock, dice=Always(), counters=self.counters
        )
        poller.start()
        with capturedLogs() as events:
            poller.poll()
        self.assertIn("tls_key: gone.pem cannot be read", self.texts(events))
        self.assertEqual((poller.phase, poller.failures), (Phase.WAITING, 1))
        self.assertEqual(self.due_seconds(), 60)


class PersistTests(FeedbackCase):
    def test_reading_waits_for_the_disk(self) -> None:
        """What could not be persisted is offered each second; nothing more is read."""
        wire = self.open()
        self.shelf.reason = "No space left on device"
        with capturedLogs() as events:
            wire.say(LIST)
            self.assertEqual(wire.producerState, "paused")
            self.clock.pump([PERSIST_SECONDS] * 10)
        self.assertEqual(len(events), 1)
        self.assertIn("No space left on device", self.texts(events))
        self.assertEqual(self.shelf.offers, 11)
        self.assertFalse(wire.disconnecting)
        self.shelf.reason = None
        self.clock.advance(PERSIST_SECONDS)
        self.assertEqual(wire.producerState, "producing")
        self.assertEqual(self.shelf.records, RECORDS)
        wire.say(LIST)
        wire.close()
        self.assertEqual(self.shelf.records, RECORDS * 2)
        self.assertEqual(self.due_seconds(), DAY)

    def test_more_in_hand(self) -> None:
        """What TLS still had in hand joins what is held, in order."""
        wire = self.open()
        self.shelf.reason = "disk full"
        wire.say(LIST[:40])
        wire.say(LIST[40:])
        self.assertEqual(self.shelf.offers, 1)
        self.shelf.reason = None
        self.clock.advance(PERSIST_SECONDS)
        self.assertEqual(self.shelf.records, RECORDS)

    def test_closed_while_held(self) -> None:
        """What was read is kept beyond its connection; no poll comes before it."""
        wire = self.open()
        self.shelf.reason = "disk full"
        wire.say(LIST)
        wire.close()
        self.assertEqual(self.poller.phase, Phase.KEEPING)
        self.clock.pump([PERSIST_SECONDS] * 100)
        self.poller.poll()
        self.assertEqual(len(self.services.asked), 1)
        self.shelf.reason = None
        self.clock.advance(PERSIST_SECONDS)
        self.assertEqual(self.shelf.records, RECORDS)
        self.assertEqual((self.poller.phase, self.due_seconds()), (Phase.WAITING, DAY))

    def test_waiting_for_the_disk_is_not_the_service_s_fault(self) -> None:
        """The time of a poll stands still while the disk is the trouble."""
        wire = self.open()
        self.clock.advance(POLL_SECONDS - 10)
        self.shelf.reason = "disk full"
        wire.say(LIST)
        for _ in range(1000):
            self.clock.advance(PERSIST_SECONDS)
        self.shelf.reason = None
        self.clock.advance(PERSIST_SECONDS)
        self.assertFalse(wire.disconnecting)
        self.assertEqual(self.due_seconds(), 10)
        self.clock.advance(10)
        self.assertTrue(wire.disconnecting)


class StopTests(FeedbackCase):
    def assert_stopped(self) -> None:
        self.poller.stop()
        self.assertEqual(self.poller.phase, Phase.STOPPED)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.poller.poll()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_before_and_between_polls(self) -> None:
        """Stopping ends the wait; stopping twice is as good."""
        self.assert_stopped()
        self.poller.start()
        self.assert_stopped()
        self.assert_stopped()
        self.assertEqual(self.services.asked, [])

    def test_while_connecting(self) -> None:
        """An attempt to connect is given up."""
        self.poller.start()
        self.clock.advance(30)
        self.assert_stopped()
        self.assertEqual((self.services.cancelled, self.services.pending), (1, []))

    def test_while_reading(self) -> None:
        """The connection is dropped; what comes later is not heard."""
        wire = self.open()
        wire.say(LIST)
        self.assert_stopped()
        self.assertTrue(wire.disconnecting)
        wire.say(LIST)
        wire.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        wire = self.open()
        wire.say(encode_feedback(RECORDS[:1]))
        self.assertEqual(self.shelf.records, RECORDS + RECORDS[:1])

    def test_connected_too_late(self) -> None:
        """A connection that comes into being after it was given up is dropped."""
        self.poller.start()
        self.poller.poll()
        factory = self.services.pending[0][1]
        connection = factory.buildProtocol(None)
        self.poller.stop()
        wire = Wire()
        wire.attach(connection)
        self.assertTrue(wire.disconnecting)

    def test_while_held(self) -> None:
        """What is held is offered a last time, before it would be lost."""
        wire = self.open()
        self.shelf.reason = "disk full"
        wire.say(LIST)
        self.shelf.reason = None
        with capturedLogs() as events:
            self.assert_stopped()
        self.assertEqual((self.shelf.records, events), (RECORDS, []))

    def test_lost(self) -> None:
        """What even then cannot be persisted is lost, and that is said aloud."""
        wire = self.open()
        self.shelf.reason = "disk full"
        wire.say(LIST)
        with capturedLogs() as events:
            self.assert_stopped()
        self.assertIn("5 tokens", self.texts(events))
        self.assertIn(f"for {DOMAIN} are lost", self.texts(events))
        self.assertIn("disk full", self.texts(events))

    def test_again(self) -> None:
        """What was stopped may be started again."""
        self.poller.start()
        self.poller.stop()
        self.open().close()
        self.assertEqual(self.due_seconds(), DAY)

    def test_started_twice(self) -> None:
        """Starting what runs is a mistake of the caller."""
        self.poller.start()
        self.assertRaises(LocalProtocolError, self.poller.start)


class PropertyTests(FeedbackCase):
    @readable
    @given(
        st.lists(
            st.builds(
                FeedbackRecord,
                st.integers(0, 0xFFFFFFFF),
                st.binary(min_size=1, max_size=110),
            ),
            max_size=6,
        ),
        st.lists(st.integers(0, 700), max_size=8),
        st.lists(st.booleans(), max_size=12),
        st.integers(0, 37),
    )
    def test_everything_once_and_in_order(
        self,
        records: list[FeedbackRecord],
        places: list[int],
        disk: list[bool],
        torn: int,
    ) -> None:
        """However the list is cut and the disk fails: every record, once, in order."""
        self.begin()
        wire = self.open()
        data = encode_feedback(records) + LIST[:torn]
        moods = iter(disk)
        start = 0
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            self.shelf.reason = None if next(moods, True) else "disk full"
            self.clock.advance(PERSIST_SECONDS)
            wire.say(data[start:end])
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            start = end
        wire.close()
        self.shelf.reason = None
        self.clock.advance(PERSIST_SECONDS)
        self.assertEqual(self.shelf.records, records)
        self.assertEqual(self.poller.phase, Phase.WAITING)
        self.assertEqual(self.poller.failures, int(torn > 0))
