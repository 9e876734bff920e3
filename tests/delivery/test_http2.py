"""One connection over HTTP/2 against a foreign gateway, on a fake clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from mcmtpush.apns.requests import RequestDefaults, apns_id_of
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery import http2
from mcmtpush.delivery.desk import Desk
from mcmtpush.delivery.http2 import Http2Connection
from mcmtpush.delivery.outcome import DISCARDED
from mcmtpush.delivery.pulse import PING_SECONDS, PONG_SECONDS
from mcmtpush.values import (
    Accepted,
    Attempt,
    Native,
    Postponed,
    Refused,
    Undecided,
)
from tests.delivery.foreign import ForeignGateway, SettingCodes
from tests.delivery.stage import NOW, TOKEN, an_entry
from tests.support.case import TestCase


PROVEN = Accepted("proven", Native(200))


class Owner:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.told: list[str] = []

    def connected(self, _: Any) -> None:
        self.told.append("connected")

    def settled(self, _: Any, attempts: list[Attempt]) -> None:
        assert attempts
        self.attempts += attempts

    def resumed(self, _: Any) -> None:
        self.told.append("resumed")

    def idled(self, _: Any) -> None:
        self.told.append("idled")

    def matured(self, _: Any) -> None:
        self.told.append("matured")

    def ended(self, _: Any, reason: Any) -> None:
        self.told.append("ended")

    def outcomes(self) -> dict[int, object]:
        return {each.entry.row: each.outcome for each in self.attempts}


class Tokens:
    """A credential that obeys the test."""

    def __init__(self) -> None:
        self.value, self.old = b"bearer one", False
        self.renewed: list[bytes] = []
        self.dates: list[bytes] = []

    def bearer(self) -> bytes:
        return self.value

    def is_old(self, bearer: bytes) -> bool:
        return self.old

    def renew(self, bearer: bytes) -> None:
        self.renewed.append(bearer)

    def note_date(self, date: bytes) -> None:
        self.dates.append(date)


class Told:
    """A logger for alerts."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def critical(self, format: str, **kwargs: Any) -> None:  # noqa: A002
        self.lines.append(format.format(**kwargs))


class Scene(TestCase):
    """A connection, its owner and the gateway."""

    tokens: Tokens | None = None

    def setUp(self) -> None:
        self.clock, self.owner, self.told = Clock(), Owner(), Told()
        self.counters = Counters()
        self.connect()

    def connect(
        self, settings: dict[SettingCodes, int] | None = None, **options: Any
    ) -> None:
        """Up to the gateway's first settings."""
        self.settings = DeliverySettings(topic="com.example.app", **options)
        defaults = RequestDefaults(topic="com.example.app", expiry_seconds=60)
        self.desk = Desk(
            "apn_example.com",
            defaults,
            self.tokens,
            self.clock,
            lambda: NOW,
            self.counters,
            self.told,
        )
        self.reconnect(settings)

    def reconnect(self, settings: dict[SettingCodes, int] | None = None) -> None:
        """One more connection of the same queue."""
        self.connection = Http2Connection(
            self.owner,
            authority=b"api.example",
            settings=self.settings,
            desk=self.desk,
        )
        self.gateway = ForeignGateway(self.connection, settings or {})
        self.gateway.listen()

    def send(self, *rows: int, **entry: Any) -> None:
        self.connection.attempt([an_entry(row, **entry) for row in rows])

    def outcome(self, row: int) -> Any:
        return self.owner.outcomes()[row]

    def wait(self, seconds: float) -> None:
        """Second by second, as the clock of a running program."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.gateway.listen()
        self.clock.advance(seconds - int(seconds))
        self.gateway.listen()


class RequestTests(Scene):
    """What is sent, and when."""

    def test_waits_for_the_settings(self) -> None:
        """Before them there is no room and nobody is told."""
        owner = Owner()
        connection = Http2Connection(
            owner, authority=b"x", settings=self.settings, desk=self.desk
        )
        from twisted.internet.testing import StringTransport  # noqa: PLC0415

        connection.makeConnection(StringTransport())
        self.assertEqual((owner.told, connection.room), ([], 0))
        self.addCleanup(connection.abort)

    def test_one_request(self) -> None:
        """Method, path, authority, headers and payload of one push."""
        self.assertEqual(self.owner.told[0], "connected")
        self.send(7, payload=b'{"aps":{"alert":"hi"}}')
        (asked,) = self.gateway.listen()
        self.assertEqual(asked.body, b'{"aps":{"alert":"hi"}}')
        self.assertEqual(
            asked.headers,
            {
                ":method": "POST",
                ":scheme": "https",
                ":authority": "api.example",
                ":path": f"/3/device/{TOKEN}",
                "apns-topic": "com.example.app",
                "apns-push-type": "alert",
                "apns-id": apns_id_of("id-7"),
                "apns-expiration": str(int(NOW) + 60),
            },
        )
        self.assertEqual(self.connection.unsettled, 1)

    def test_topic_of_the_certificate(self) -> None:
        """It holds where neither the message nor the domain says one."""
        self.patch(http2, "shown_topic", lambda _: "com.example.shown")
        for said, expected in (
            ("com.example.app", "com.example.app"),
            (None, "com.example.shown"),
        ):
            self.desk.defaults = RequestDefaults(topic=said)
            self.reconnect()
            self.gateway.begin()
            self.send(7)
            (asked,) = self.gateway.listen()
            self.assertEqual(asked.headers["apns-topic"], expected)
        self.desk.credential = Tokens()
        self.reconnect()
        self.gateway.begin()
        self.send(8)
        self.assertEqual(self.outcome(8), Refused(3, "MissingTopic"))

    def test_accepted(self) -> None:
        """A 200 is proof; the record has the apns-id."""
        self.send(1)
        self.gateway.answer(1)
        (attempt,) = self.owner.attempts
        self.assertEqual(attempt.outcome, PROVEN)
        self.assertEqual(attempt.transaction_id, apns_id_of("id-1"))
        self.assertEqual((attempt.remote_ip, attempt.size), ("192.0.2.9", 2))
        self.assertEqual((self.connection.accepted, self.connection.unsettled), (1, 0))

    def test_what_the_check_refuses_is_never_sent(self) -> None:
        """A token that is none costs no stream."""
        self.send(1, token="xyz!")
        self.assertEqual(self.outcome(1), Refused(5, "BadDeviceToken"))
        self.assertEqual(self.gateway.listen(), [])

    def test_a_batch_is_one_write(self) -> None:
        """All requests of one call leave together."""
        writes: list[bytes] = []
        self.gateway.wire.write = writes.append  # type: ignore[method-assign]
        self.send(*range(1, 51))
        self.assertEqual(len(writes), 1)


class LimitTests(Scene):
    """Streams and windows."""

    def test_streams(self) -> None:
        """No more than the gateway allows, up and down, below what is open."""
        self.connect({SettingCodes.MAX_CONCURRENT_STREAMS: 3})
        self.assertEqual(self.connection.room, 3)
        self.send(1, 2, 3)
        self.assertEqual(self.connection.room, 0)
        self.gateway.change(MAX_CONCURRENT_STREAMS=1)
        self.gateway.answer(1)
        self.assertEqual(self.connection.room, 0)
        self.gateway.answer(3)
        self.gateway.answer(5)
        self.assertEqual(self.connection.room, 1)
        self.gateway.h2.increment_flow_control_window(1_000_000)
        self.gateway.change(MAX_CONCURRENT_STREAMS=500)
        self.assertEqual(self.connection.room, 500)

    def test_room_in_the_window(self) -> None:
        """It takes about as many as the window does, and one when nothing waits."""
        body = b'{"a":"' + b"x" * 4000 + b'"}'
        self.connect({SettingCodes.MAX_CONCURRENT_STREAMS: 100})
        self.send(*range(1, 11), payload=body)
        self.assertIn(self.connection.room, range(6, 9))
        self.send(*range(11, 17), payload=body)
        self.assertEqual(self.connection.room, 0)
        for stream in range(1, 33, 2):
            self.gateway.answer(stream)
        self.assertEqual(self.connection.room, 1)

    def test_room_of_the_next_connection(self) -> None:
        """It knows how long payloads are: nothing waits in it for the peer."""
        self.assertGreater(self.connection.room, 50)
        self.send(*range(1, 17), payload=b'{"a":"' + b"x" * 4000 + b'"}')
        self.reconnect()
        self.assertIn(self.connection.room, range(16, 20))

    def test_what_does_not_fit_goes_back(self) -> None:
        """A second later others may have it; after a while the peer is given up."""
        body = b'{"a":"' + b"x" * 4000 + b'"}'
        self.connect(request_timeout_seconds=5.0)
        self.send(*range(1, 19), payload=body)
        self.gateway.listen()
        self.wait(1)
        self.assertEqual(self.owner.outcomes(), {17: DISCARDED, 18: DISCARDED})
        for stream in range(1, 33, 2):
            self.gateway.answer(stream)
        for _ in range(8):
            if self.connection.room:
                self.send(19, payload=body)
            self.wait(1)
        self.assertIn("took nothing for 5 s", self.connection.trouble)
        self.assertEqual(self.owner.told[-1], "ended")

    def test_no_streams(self) -> None:
        """A peer that allows none is given up, and one that works is not."""
        self.connect({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
        self.wait(29)
        self.assertEqual(self.connection.trouble, "")
        self.wait(2)
        self.assertIn("took nothing", self.connection.trouble)
        self.connect({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        self.wait(50)
        self.assertEqual(self.connection.trouble, "")

    def test_refused_streams(self) -> None:
        """After one nothing is sent until an answer comes, or the next second."""
        self.send(1, 2)
        self.gateway.listen()
        self.gateway.reset(1, 7)
        self.assertEqual(self.connection.room, 0)
        self.gateway.answer(3)
        self.assertGreater(self.connection.room, 0)
        self.send(3)
        self.gateway.reset(5, 7)
        self.assertEqual(self.connection.room, 0)
        self.wait(1)
        self.assertGreater(self.connection.room, 0)

    def test_a_crowded_window(self) -> None:
        """What does not fit waits, is told as crowded, and leaves when it can."""
        body = b'{"a":"' + b"x" * 4000 + b'"}'
        self.connect({SettingCodes.MAX_CONCURRENT_STREAMS: 100})
        self.send(*range(1, 21), payload=body)
        self.assertEqual(len(self.gateway.listen()), 65535 // len(body))
        self.assertTrue(self.connection.crowded)
        self.assertEqual((self.connection.room, self.connection.unsettled), (0, 20))
        self.gateway.h2.increment_flow_control_window(100_000)
        self.gateway.say()
        self.assertEqual(len(self.gateway.listen()), 20)
        self.assertFalse(self.connection.crowded)

    def test_most_deliveries(self) -> None:
        """A connection may be told to carry so many."""
        self.connect(max_deliveries_per_connection=2)
        self.assertEqual(self.connection.room, 2)
        self.send(1, 2)
        self.assertTrue(self.connection.spent)
        self.assertEqual(self.connection.room, 0)

    def test_a_transport_that_is_full(self) -> None:
        """Nothing is opened until it has room."""
        self.connection.pauseProducing()
        self.assertEqual(self.connection.room, 0)
        self.connection.resumeProducing()
        self.assertEqual(self.owner.told[-1], "resumed")

    def test_a_peer_that_reads_nothing(self) -> None:
        """Whatever it says meanwhile: after as long as a request may wait it failed."""
        self.connect(request_timeout_seconds=5.0)
        self.connection.pauseProducing()
        for _ in range(5):
            self.assertEqual(self.connection.trouble, "")
            self.gateway.h2.ping(b"whatever")
            self.gateway.say()
            self.wait(1)
        self.wait(1)
        self.assertIn("took nothing for 5 s", self.connection.trouble)
        self.assertEqual(self.owner.told[-1], "ended")

    def test_a_peer_that_reads_slowly(self) -> None:
        """One that took all of it in time, or that answers, is none of these."""
        self.connect(request_timeout_seconds=5.0)
        for row in range(1, 5):
            self.send(row)
            self.gateway.listen()
            self.connection.pauseProducing()
            self.wait(3)
            self.gateway.answer(2 * row - 1)
            self.wait(1)
            self.connection.resumeProducing()
            self.wait(1)
        self.assertEqual(self.connection.trouble, "")

    def test_a_flood_nobody_reads_the_answers_of(self) -> None:
        """It ends the connection, with a cause; while the peer reads it does not."""
        ping, settings = bytes((0, 0, 8, 6, *bytes(13))), bytes((0, 0, 0, 4, *bytes(5)))
        for flood in (ping, settings):
            self.reconnect()
            self.connection.dataReceived(flood * 5000)
            self.connection.pauseProducing()
            self.connection.dataReceived(flood * 1000)
            self.assertFalse(self.gateway.wire.disconnecting)
            self.connection.resumeProducing()
            self.connection.pauseProducing()
            written = len(self.gateway.wire.value())
            self.connection.dataReceived(flood * 50_000)
            grown = len(self.gateway.wire.value()) - written
            self.assertLess(grown, 1001 * len(flood) + 50)
            self.assertTrue(self.gateway.wire.disconnecting)
            self.assertIn("it reads nothing", self.connection.trouble)


class AnswerTests(Scene):
    """What answers make of messages, and of the connection."""

    def test_about_the_message(self) -> None:
        """The native words travel with Momentum's code."""
        self.send(1)
        self.gateway.answer(1, 410, reason="Unregistered", timestamp=1700000000123)
        self.assertEqual(
            self.outcome(1),
            Refused(8, "Unregistered", Native(410, "Unregistered", 1700000000123)),
        )
        self.assertTrue(self.connection.answered)
        self.assertGreater(self.connection.room, 0)

    def test_fifteen_minutes(self) -> None:
        """A server that stumbled is left alone for as long as Apple says."""
        self.send(1)
        self.gateway.answer(1, 500, reason="InternalServerError")
        self.assertEqual(
            (self.outcome(1).status, self.outcome(1).wait_seconds), (1, 900)
        )

    def test_a_busy_device(self) -> None:
        """Its next message is not even sent; others are."""
        self.send(1)
        self.gateway.answer(1, 429, reason="TooManyRequests")
        wait = self.outcome(1).wait_seconds
        self.assertGreater(wait, 0)
        self.send(2)
        self.send(3, token="ab" * 32)
        self.assertEqual(self.outcome(2), Postponed(wait))
        self.assertEqual(len(self.gateway.listen()), 2)

    def test_shutdown(self) -> None:
        """One early retry, then the schedule; the connection hands over."""
        entry = an_entry(2)
        entry.attempts = 1
        self.connection.attempt([an_entry(1), entry])
        self.gateway.answer(1, 503, reason="Shutdown")
        self.gateway.answer(3, 503, reason="Shutdown")
        self.assertEqual((self.outcome(1).soon, self.outcome(1).status), (True, 10))
        self.assertEqual(
            (self.outcome(2).soon, self.outcome(2).wait_seconds), (False, 900)
        )
        self.assertEqual(self.connection.room, 0)
        self.assertIn("matured", self.owner.told)

    def test_wrong_environment(self) -> None:
        """No message is charged; the lane stands back and an operator is told."""
        self.send(1, 2)
        self.gateway.answer(1, 403, reason="BadCertificateEnvironment")
        self.assertEqual(self.outcome(1), DISCARDED)
        self.assertIn("BadCertificateEnvironment", self.connection.trouble)
        self.assertEqual(len(self.told.lines), 1)
        self.assertEqual(self.connection.room, 0)
        self.gateway.answer(3)
        self.assertEqual(self.outcome(2), PROVEN)
        self.gateway.listen()
        self.assertEqual(self.owner.told[-1], "ended")

    def test_garbage(self) -> None:
        """A peer that breaks the rules is dropped; its messages are undecided."""
        self.send(1)
        self.connection.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 99)
        self.gateway.drop()
        self.assertIsInstance(self.outcome(1), Undecided)
        self.assertEqual(self.counters.snapshot()["delivery.protocol_errors"], 1)
        self.assertIn("frame", self.connection.trouble.lower())


class EndTests(Scene):
    """GOAWAY, resets, silence, and the end."""

    def test_goaway(self) -> None:
        """Above the last stream free, below it awaited."""
        self.send(1, 2, 3)
        self.gateway.listen()
        self.gateway.go_away(3)
        self.assertEqual(self.owner.outcomes(), {3: DISCARDED})
        self.assertEqual(self.connection.room, 0)
        self.assertEqual(self.owner.told[-1], "matured")
        self.connection.finish()
        self.gateway.drop()
        self.assertEqual(set(self.owner.outcomes()), {1, 2, 3})

    def test_goaway_with_a_reason(self) -> None:
        """Of two the first reason counts; the lane stands back."""
        self.send(1)
        self.gateway.listen()
        self.gateway.go_away(0, debug=b'{"reason":"BadCertificateEnvironment"}')
        self.assertEqual(self.outcome(1), DISCARDED)
        self.assertIn("BadCertificateEnvironment", self.connection.trouble)
        self.assertEqual(self.connection.farewell, "BadCertificateEnvironment")

    def test_goaway_of_the_wrong_environment(self) -> None:
        """Nothing it was sent was looked at, unless something was accepted."""
        for accepted in (0, 1):
            self.reconnect()
            self.send(1, 2)
            self.gateway.listen()
            if accepted:
                self.gateway.answer(1)
            self.gateway.go_away(3, debug=b'{"reason":"BadCertificateEnvironment"}')
            self.gateway.drop()
            kind = Undecided if accepted else type(DISCARDED)
            self.assertIsInstance(self.outcome(2), kind)

    def test_resets(self) -> None:
        """A refused stream was not processed; of another reset nobody knows."""
        self.send(1, 2)
        self.gateway.reset(1, 7)
        self.gateway.reset(3, 2)
        self.assertEqual(self.outcome(1), DISCARDED)
        self.assertEqual(
            self.outcome(2),
            Undecided(
                "Stream reset: INTERNAL_ERROR",
                Native(0, "INTERNAL_ERROR"),
                charged=True,
            ),
        )

    def test_no_answer(self) -> None:
        """The stream is cancelled, the message charged, the peer asked."""
        self.connect(request_timeout_seconds=30.0)
        self.send(1)
        self.wait(29)
        self.assertEqual(self.owner.attempts, [])
        self.wait(2)
        self.assertEqual(
            self.outcome(1),
            Undecided("No answer within 30 s", Native(0, "TIMEOUT"), charged=True),
        )
        self.assertEqual(self.gateway.pings, 1)

    def test_answers_pings_only(self) -> None:
        """One that answers nothing while requests wait is no gateway that works."""
        self.connect(request_timeout_seconds=5.0)
        self.send(1)
        self.wait(1)
        self.gateway.answer(1)
        self.wait(1)
        self.send(2, 3)
        self.wait(5)
        self.assertEqual(self.connection.trouble, "it answered no request for 5 s")
        self.assertIsInstance(self.outcome(3), Undecided)
        self.assertEqual(self.owner.told[-1], "ended")

    def test_one_request_that_got_lost(self) -> None:
        """It says little of the gateway; another one after it says enough."""
        self.connect(request_timeout_seconds=5.0)
        for row, answered in ((1, True), (2, False), (3, True), (4, False)):
            self.send(row)
            if answered:
                self.gateway.answer(2 * row - 1)
            self.wait(6)
            self.assertEqual(self.connection.trouble, "")
        self.send(5)
        self.wait(6)
        self.assertIn("answered no request", self.connection.trouble)

    def test_one_slow_answer(self) -> None:
        """Among others it costs its own message, and no connection."""
        self.connect(request_timeout_seconds=5.0)
        self.send(1, 2)
        self.wait(1)
        self.gateway.answer(3)
        self.wait(6)
        self.assertIsInstance(self.outcome(1), Undecided)
        self.assertEqual(self.connection.trouble, "")
        self.assertGreater(self.connection.room, 0)

    def test_pings_of_one_that_does_not_answer(self) -> None:
        """What else it says is no answer: it is given up as one that is silent."""
        self.connect(http2_idle_seconds=0)
        self.wait(PING_SECONDS - 1)
        self.gateway.lost = True
        self.wait(1)
        for _ in range(int(PONG_SECONDS)):
            self.assertFalse(self.gateway.wire.disconnecting)
            self.connection.dataReceived(bytes((0, 0, 8, 6, *bytes(13))))
            self.wait(1)
        self.assertTrue(self.gateway.wire.disconnecting)

    def test_pings_a_silent_peer(self) -> None:
        """One that does not answer is dropped."""
        self.connect(http2_idle_seconds=0)
        self.wait(PING_SECONDS + 1)
        self.assertEqual(self.gateway.pings, 1)
        self.gateway.lost = True  # hears, and says nothing
        self.wait(PING_SECONDS + PONG_SECONDS + 1)
        self.assertTrue(self.gateway.wire.disconnecting)

    def test_tls_ended_while_output_waited(self) -> None:
        """Twisted would wait for more output: the connection ends by itself."""
        self.send(1)
        self.wait(1)
        self.assertFalse(self.gateway.wire.disconnecting)
        self.gateway.wire.transport = SimpleNamespace(disconnecting=True)  # type: ignore[attr-defined]
        self.wait(1)
        self.assertTrue(self.gateway.wire.disconnecting)

    def test_idle(self) -> None:
        """The owner is told, and decides."""
        self.connect(http2_idle_seconds=20)
        self.wait(19)
        self.assertNotIn("idled", self.owner.told)
        self.wait(2)
        self.assertIn("idled", self.owner.told)

    def test_lost(self) -> None:
        """What was sent is undecided, what waited was never sent."""
        body = b'{"a":"' + b"x" * 4000 + b'"}'
        self.send(*range(1, 21), payload=body)
        self.gateway.drop()
        kinds = [type(self.outcome(row)) for row in range(1, 21)]
        self.assertEqual(kinds, [Undecided] * 16 + [type(DISCARDED)] * 4)
        self.assertTrue(self.outcome(1).charged)
        self.assertEqual(self.owner.told[-1], "ended")

    def test_finishes(self) -> None:
        """It waits for its answers, says goodbye, and closes."""
        self.send(1)
        self.connection.finish()
        self.assertEqual(self.connection.room, 0)
        self.assertFalse(self.gateway.wire.disconnecting)
        self.gateway.answer(1)
        self.assertEqual(self.outcome(1), PROVEN)
        self.assertEqual(self.owner.told[-1], "ended")

    def test_finishing_is_bounded(self) -> None:
        """A gateway that never answers is not waited for longer than a request."""
        self.connect(request_timeout_seconds=5.0)
        self.send(1)
        self.connection.finish()
        self.wait(8)
        self.assertEqual(self.owner.told[-1], "ended")
        self.assertIsInstance(self.outcome(1), Undecided)


class CertificateTests(Scene):
    """What connections show instead of tokens."""

    def test_replaced(self) -> None:
        """A connection that showed the one before hands over; a new one does not."""
        self.desk.identity = lambda: "new"
        self.wait(1)
        self.assertEqual(self.owner.told[-1], "matured")
        self.gateway.drop()
        self.owner.told.clear()
        self.reconnect()
        self.wait(2)
        self.assertEqual(self.owner.told, ["connected"])


class TokenTests(Scene):
    """Provider tokens."""

    def setUp(self) -> None:
        self.tokens = Tokens()
        super().setUp()

    def test_begins_with_one(self) -> None:
        """The first request goes alone, with the token; then all may."""
        self.assertEqual(self.connection.room, 1)
        self.send(1)
        (asked,) = self.gateway.listen()
        self.assertEqual(asked.headers["authorization"], "bearer one")
        self.assertEqual(self.connection.room, 0)
        self.gateway.answer(1)
        self.assertGreater(self.connection.room, 1)

    def test_expired(self) -> None:
        """Renewed, elsewhere, at no charge; the third time in a row is trouble."""
        assert self.tokens is not None
        for number in range(3):
            if number:
                self.reconnect()
            self.send(number)
            self.gateway.answer(1, 403, reason="ExpiredProviderToken")
            self.assertEqual(self.outcome(number), DISCARDED)
            self.assertEqual(bool(self.connection.trouble), number == 2)
        self.assertEqual(self.tokens.renewed, [b"bearer one"] * 3)

    def test_left_for_an_answer(self) -> None:
        """What it was left for is known, though another connection may do."""
        self.send(1)
        self.assertEqual(self.connection.farewell, "")
        self.gateway.answer(1, 403, reason="InvalidProviderToken")
        self.assertEqual(self.connection.trouble, "")
        self.assertEqual(self.connection.farewell, "403 InvalidProviderToken")

    def test_clocks(self) -> None:
        """Compared at the first success, and whenever something is refused."""
        assert self.tokens is not None
        for row, status in ((1, 200), (2, 200), (3, 410)):
            self.send(row)
            self.gateway.answer(2 * row - 1, status, date=f"at {row}")
        self.assertEqual(self.tokens.dates, [b"at 1", b"at 3"])

    def test_old(self) -> None:
        """A connection whose token is old hands over."""
        assert self.tokens is not None
        self.wait(2)
        self.assertNotIn("matured", self.owner.told)
        self.tokens.old = True
        self.wait(1)
        self.assertEqual(self.owner.told[-1], "matured")
