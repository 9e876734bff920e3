"""The feedback client: everything that is read is persisted, nothing storms."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import (
    ConnectionRefusedError,  # noqa: A004 - Twisted's
)
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter, IOPump

from mcmtpush.apns.feedback import FeedbackRecord, encode_feedback
from mcmtpush.config.views import Route, TlsClientSettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.address import Means, Rest, RotatingEndpoint
from mcmtpush.delivery.feedback import (
    FIRST_SECONDS,
    PERSIST_SECONDS,
    POLL_SECONDS,
    TRANSITIONS,
    Event,
    FeedbackPoller,
    LogReport,
    Phase,
    Poll,
    wait_seconds,
)
from mcmtpush.delivery.tls import TlsContexts, TlsEndpoint
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.feedback import ApnsFeedbackFactory
from mcmtpush.simulator.verdict import GoneTokens
from tests.delivery.stage import Always, Gateways, Wire
from tests.support.case import TestCase, readable


DAY = 86_400.0
SERVICE = Route("apn", "feedback.example", None, 10)
DOMAIN = "apn_example.com"
TOKEN = bytes(range(32))
RECORDS = [
    FeedbackRecord(1_700_000_000 + at, bytes([at]) * size)
    for at, size in enumerate((32, 1, 100, 64, 32), 1)
]
LIST = encode_feedback(RECORDS)


class Shelf:
    """Persists what it is given, unless `reason` says why not."""

    def __init__(self) -> None:
        self.records: list[FeedbackRecord] = []
        self.reason: str | None = None
        self.offers = 0

    def report(self, records: Sequence[FeedbackRecord]) -> str | None:
        assert records
        self.offers += 1
        if self.reason is None:
            self.records += records
        return self.reason


class FeedbackCase(TestCase):
    """A poller, and services that are connected when the test says so."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, chance: float = 0.5, interval_seconds: float = DAY) -> None:
        self.clock = Clock()
        self.services = Gateways()
        self.shelf = Shelf()
        self.counters = Counters()
        self.poller = FeedbackPoller(
            Poll(
                DOMAIN,
                SERVICE,
                interval_seconds,
                self.services.connect,
                self.shelf.report,
            ),
            clock=self.clock,
            dice=Always(chance),
            counters=self.counters,
        )

    def open(self) -> Wire:
        """The first poll's connection."""
        self.poller.start()
        self.clock.advance(FIRST_SECONDS / 2)
        (wire,) = self.services.accept()
        return wire

    def due_seconds(self) -> float:
        """When the one timer goes off."""
        (call,) = self.clock.getDelayedCalls()
        return call.getTime() - self.clock.seconds()

    def texts(self, events: Sequence[Any]) -> str:
        return "\n".join(formatEvent(event) for event in events)


class ReadingTests(FeedbackCase):
    def test_reads_to_the_end(self) -> None:
        """Everything is persisted, tokens of any length; then a day of silence."""
        wire = self.open()
        with capturedLogs() as events:
            wire.say(LIST)
            wire.close()
        self.assertEqual(self.shelf.records, RECORDS)
        self.assertEqual(wire.writes, [])
        self.assertIn(f"gave up 5 of {DOMAIN}", self.texts(events))
        self.assertEqual((self.poller.phase, self.due_seconds()), (Phase.WAITING, DAY))
        self.assertEqual(self.counters.get("feedback.tokens"), 5)

    def test_nothing_to_tell(self) -> None:
        """An empty list is a good answer, and nobody is bothered with it."""
        self.open().close()
        self.assertEqual((self.shelf.offers, self.poller.failures), (0, 0))
        self.assertEqual(self.due_seconds(), DAY)

    def test_persisted_before_the_end(self) -> None:
        """Records are persisted with their last byte, long before the close."""
        wire = self.open()
        for at in range(len(LIST)):
            wire.say(LIST[at : at + 1])
        self.assertEqual(self.shelf.records, RECORDS)
        self.assertEqual(self.shelf.offers, len(RECORDS))
        self.assertFalse(wire.lost)

    def test_torn_record(self) -> None:
        """A record that is cut off is dropped and told; those before it count."""
        for cut in range(1, 38):
            self.begin()
            wire = self.open()
            with capturedLogs() as events:
                wire.say(LIST + encode_feedback([RECORDS[0]])[:cut])
                wire.close()
            self.assertEqual(self.shelf.records, RECORDS)
            self.assertIn(f"cut off {cut} bytes into a record", self.texts(events))
            self.assertEqual(self.poller.failures, 1)

    def test_no_token(self) -> None:
        """A record without a token says nothing and is left out."""
        wire = self.open()
        wire.say(encode_feedback([FeedbackRecord(1, b"")]))
        self.assertEqual(self.shelf.offers, 0)
        wire.say(encode_feedback([FeedbackRecord(1, b""), RECORDS[0]]))
        wire.close()
        self.assertEqual(self.shelf.records, [RECORDS[0]])

    def test_no_tokens_in_the_diagnostics(self) -> None:
        """No token is ever shown, whatever goes wrong."""
        wire = self.open()
        with capturedLogs() as events:
            self.shelf.reason = "disk full"
            wire.say(encode_feedback([FeedbackRecord(1, TOKEN)]) + b"\0\0")
            wire.close()
            self.poller.stop()
        self.assertEqual(len(events), 2)
        self.assertNotIn(TOKEN.hex()[:16], repr(self.texts(events)))

    def test_silent_end_without_a_goodbye(self) -> None:
        """A connection that broke with nothing read is a failure."""
        self.open().close(cleanly=False)
        self.assertEqual(self.poller.failures, 1)

    def test_end_without_a_goodbye(self) -> None:
        """A list that ends behind a whole record was read to its end."""
        wire = self.open()
        wire.say(LIST)
        wire.close(cleanly=False)
        self.assertEqual((self.poller.failures, self.due_seconds()), (0, DAY))


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

    def test_back_off_is_spread(self) -> None:
        """Up to a quarter less by chance, and never more than the interval."""
        self.assertEqual(wait_seconds(1, DAY, Always(0.0)), 60)
        self.assertEqual(wait_seconds(1, DAY, Always(1.0)), 45)
        self.assertEqual(wait_seconds(99_999, DAY, Always(0.0)), 3600)
        self.assertEqual(wait_seconds(5, 300, Always(0.0)), 300)

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

    def test_table(self) -> None:
        """Every phase can be stopped, and there is a way into and out of each."""
        for phase in Phase:
            self.assertIs(TRANSITIONS[phase, Event.STOP], Phase.STOPPED)
            self.assertIn(phase, TRANSITIONS.values())
            if phase is not Phase.STOPPED:
                others = {to for (at, _), to in TRANSITIONS.items() if at is phase}
                self.assertGreater(len(others), 1)


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


class Log:
    """Keeps what it cannot write, and writes it before anything else."""

    def __init__(self, *moods: bool) -> None:
        self.moods = list(moods)  # whether each attempt in turn works; then all do
        self.lines: list[FeedbackRecord] = []
        self.kept: list[FeedbackRecord] = []

    def write(self, records: Sequence[FeedbackRecord]) -> str | None:
        assert records
        self.kept += records
        return self.flush()

    def flush(self) -> str | None:
        if self.moods and not self.moods.pop(0):
            return "disk full"
        self.lines += self.kept
        self.kept = []
        return None


class LogReportTests(TestCase):
    def test_written(self) -> None:
        """What is offered is written at once, the same again when it comes again."""
        log = Log()
        report = LogReport(log.write, log.flush)
        for _ in range(2):
            self.assertIsNone(report(RECORDS))
        self.assertEqual(log.lines, RECORDS * 2)

    def test_says_why(self) -> None:
        """The log's reason is passed on, while it keeps what it was given."""
        log = Log(False, False)
        report = LogReport(log.write, log.flush)
        for answer in ("disk full", "disk full", None):
            self.assertEqual(report(RECORDS), answer)
        self.assertEqual(log.lines, RECORDS)

    @readable
    @given(
        st.lists(st.booleans(), max_size=20), st.lists(st.integers(1, 4), max_size=6)
    )
    def test_nothing_twice(self, moods: list[bool], sizes: list[int]) -> None:
        """However the disk fails while more is offered: every record once, in order."""
        log = Log(*moods)
        report = LogReport(log.write, log.flush)
        everything = [FeedbackRecord(at, bytes([at + 1])) for at in range(sum(sizes))]
        held: list[FeedbackRecord] = []
        end = 0
        for size in sizes:
            held += everything[end : end + size]
            end += size
            if report(tuple(held)) is None:
                self.assertEqual(log.kept, [])
                held = []
        while held and report(tuple(held)) is not None:
            pass
        self.assertEqual(log.lines, everything)


class SimulatorTests(TestCase):
    """With TLS all around, against the pretend service."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.paths = make_development_certificates(self.mktemp(), time.time)
        self.gone = GoneTokens()
        self.shelf = Shelf()
        context = server_context(self.paths.server, self.paths.server_key)
        service = ApnsFeedbackFactory(gone=self.gone, clock=self.reactor)
        self.listen(TLSMemoryBIOFactory(context, False, service, self.reactor))
        tls = TlsClientSettings(
            verify="host",
            ca=self.paths.ca,
            certificate=self.paths.client,
            key=self.paths.client_key,
        )
        self.contexts = TlsContexts(tls)
        self.poller = FeedbackPoller(
            Poll(
                DOMAIN,
                Route("apn", "localhost", None, 1),
                DAY,
                self.connect,
                self.shelf.report,
            ),
            clock=self.reactor,
            dice=Always(),
            counters=Counters(),
        )
        self.poller.start()

    def listen(self, factory: ServerFactory) -> None:
        self.reactor.tcpServers.clear()
        self.reactor.listenTCP(2196, factory)

    def connect(self, route: Route) -> TlsEndpoint:
        reactor = self.reactor
        means = Means(
            reactor, reactor.nameResolver, reactor, Always(), Rest(reactor), 30
        )
        endpoint = RotatingEndpoint(route.host, route.port or 0, means)
        return TlsEndpoint(endpoint, self.contexts.creator(route.host), reactor)

    def poll(self) -> IOPump:
        """One poll, as far as it goes."""
        self.poller.poll()
        pump = ConnectionCompleter(self.reactor).succeedOnce()
        assert pump is not None
        for _ in range(3):
            pump.flush()
            self.reactor.advance(0)
        return pump

    def test_reads_what_is_gone(self) -> None:
        """Tokens are read once; the next poll finds what came since."""
        self.gone.add(1_700_000_000, [TOKEN, b"\x01", bytes(100)])
        self.poll()
        told = [(record.gone_at, record.token) for record in self.shelf.records]
        self.assertEqual(
            told, [(1_700_000_000, t) for t in (TOKEN, b"\x01", bytes(100))]
        )
        self.assertEqual((self.poller.phase, self.poller.failures), (Phase.WAITING, 0))
        self.poll()
        self.assertEqual(len(self.shelf.records), 3)
        self.gone.add(1_700_000_001, [b"new"])
        self.poll()
        self.assertEqual(
            self.shelf.records[3:], [FeedbackRecord(1_700_000_001, b"new")]
        )
        self.assertEqual(self.poller.failures, 0)

    def test_long_list(self) -> None:
        """A list of many segments arrives whole, though the disk fails meanwhile."""
        tokens = [number.to_bytes(32, "big") for number in range(5000)]
        self.gone.add(1_700_000_000, tokens)
        self.shelf.reason = "disk full"
        self.poll()
        self.assertEqual(self.poller.phase, Phase.KEEPING)
        self.shelf.reason = None
        self.reactor.advance(PERSIST_SECONDS)
        self.assertEqual([record.token for record in self.shelf.records], tokens)
        self.assertEqual((self.poller.phase, self.poller.failures), (Phase.WAITING, 0))

    def test_no_handshake(self) -> None:
        """Somebody who does not speak TLS is a failure that says so."""
        self.listen(ApnsFeedbackFactory(gone=self.gone, clock=self.reactor))
        self.gone.add(1, [TOKEN])
        with capturedLogs() as events:
            self.poll()
        text = "\n".join(formatEvent(event) for event in events)
        self.assertIn("no TLS handshake", text)
        self.assertEqual((self.poller.failures, self.shelf.records), (1, []))
