"""One connection to the feedback service: whatever comes, and over TLS."""

from __future__ import annotations

import time

from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import ConnectionCompleter, IOPump

from mcmtpush.apns.feedback import FeedbackRecord, encode_feedback
from mcmtpush.config.views import Route, TlsClientSettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.address import Means, RotatingEndpoint
from mcmtpush.delivery.poll import (
    PERSIST_SECONDS,
    Phase,
    Poll,
)
from mcmtpush.delivery.poller import FeedbackPoller
from mcmtpush.delivery.rest import Rest
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.delivery.tls.endpoint import TlsEndpoint
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.feedback import ApnsFeedbackFactory
from mcmtpush.simulator.verdict import GoneTokens
from tests.delivery.polling import (
    DAY,
    DOMAIN,
    LIST,
    RECORDS,
    TOKEN,
    FeedbackCase,
    Shelf,
)
from tests.delivery.stage import Always
from tests.support.case import TestCase


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
