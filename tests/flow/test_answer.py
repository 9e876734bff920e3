"""What every answer of the HTTP/2 interface does to a message, row by row."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from attrs import frozen

from mcmtpush.simulator.script import Action, Rule
from tests.flow.story import Http2Case
from tests.support.injector import Injection
from tests.support.pipe import Pipe


BAD: Final = "bad0" * 16
GONE_AT: Final = 1_699_999_000_000


@frozen
class Row:
    """One row of the mapping.

    Attributes:
        reason: Apple's, of the answer to the first attempts.
        records: of the message, in order.
        code: of the first record, unless the answer is free and there is none.
        status: of HTTP, where a reason is unknown.
        times: how many attempts are answered so; the next is accepted.
        waits: seconds between these attempts.
        event: whether the token is given up.
        alerts: how often the operator is told.
        moves: how many further connections are opened for it.
        failures: how many connections count as failed, and are followed by a pause.
    """

    reason: str
    records: str
    code: int | None = None
    status: int = 0
    times: int = 1
    waits: tuple[float, ...] = ()
    event: bool = False
    alerts: int = 0
    moves: int = 0
    failures: int = 0


QUARTER: Final = (900.0,)
ROWS: Final = (
    Row("BadDeviceToken", "P", 8, event=True),
    Row("MissingDeviceToken", "P", 2, alerts=1),
    Row("DeviceTokenNotForTopic", "P", 8, event=True, alerts=1),
    Row("BadTopic", "P", 6, alerts=1),
    Row("TopicDisallowed", "P", 6, alerts=1),
    Row("TopicMismatch", "P", 6, alerts=1),
    Row("MissingTopic", "P", 3, alerts=1),
    Row("PayloadEmpty", "P", 4),
    Row("PayloadTooLarge", "P", 7),
    Row("BadCollapseId", "P", 7, alerts=1),
    Row("BadExpirationDate", "P", 7, alerts=1),
    Row("BadMessageId", "P", 7, alerts=1),
    Row("BadPriority", "P", 7, alerts=1),
    Row("InvalidPushType", "P", 7, alerts=1),
    Row("MissingPushType", "P", 7, alerts=1),
    Row("DuplicateHeaders", "P", 7, alerts=1),
    Row("BadRequestParams", "P", 7, alerts=1),
    Row("BadRequestPayload", "P", 7, alerts=1),
    Row("MissingChannelId", "P", 7, alerts=1),
    Row("BadChannelId", "P", 7, alerts=1),
    Row("ChannelNotRegistered", "P", 7, alerts=1),
    Row("FeatureNotEnabled", "P", 7, alerts=1),
    Row("CannotCreateChannelConfig", "P", 7, alerts=1),
    Row("BadPath", "P", 7, alerts=1),
    Row("MethodNotAllowed", "P", 7, alerts=1),
    Row("Unregistered", "P", 8, event=True),
    Row("ExpiredToken", "P", 8, event=True),
    Row("Forbidden", "P", 6, alerts=1),
    Row("IdleTimeout", "D", waits=(0.0,), moves=1),
    Row("ExpiredProviderToken", "D", times=2, waits=(0.0, 0.0), moves=2, failures=1),
    Row(
        "ExpiredProviderToken",
        "D",
        times=3,
        waits=(0.0, 0.0, 1.0),
        alerts=1,
        moves=3,
        failures=2,
    ),
    Row("UnrelatedKeyIdInToken", "D", waits=(0.0,), moves=1),
    Row(
        "UnrelatedKeyIdInToken",
        "D",
        times=2,
        waits=(0.0, 1.0),
        alerts=1,
        moves=2,
        failures=1,
    ),
    Row("InvalidProviderToken", "TD", 255, waits=(60.0,), moves=1),
    Row(
        "InvalidProviderToken",
        "TTD",
        255,
        times=2,
        waits=(60.0, 120.0),
        alerts=1,
        moves=2,
        failures=1,
    ),
    Row(
        "MissingProviderToken", "TD", 255, waits=(60.0,), alerts=1, moves=1, failures=1
    ),
    Row("BadEnvironmentKeyIdInToken", "D", waits=(1.0,), alerts=1, moves=1, failures=1),
    Row("BadEnvironmentKeyInToken", "D", waits=(1.0,), alerts=1, moves=1, failures=1),
    Row("BadCertificate", "D", waits=(1.0,), alerts=1, moves=1, failures=1),
    Row("BadCertificateEnvironment", "D", waits=(1.0,), alerts=1, moves=1, failures=1),
    Row("TooManyProviderTokenUpdates", "D", waits=(0.0,), alerts=1, moves=1),
    Row("TooManyRequests", "TD", 1, waits=(60.0,)),
    Row("InternalServerError", "TD", 1, waits=QUARTER),
    Row("ServiceUnavailable", "TD", 1, waits=QUARTER),
    Row("Shutdown", "TD", 10, waits=(1.0,), moves=1),
    Row("Shutdown", "TTD", 10, times=2, waits=(1.0, *QUARTER), moves=2, failures=1),
    Row("NeverHeardOfIt", "TD", 255, 418, waits=(60.0,), alerts=1),
    Row("NeverHeardOfIt", "TTTP", 255, 418, times=4, waits=(60, 120, 240), alerts=1),
    Row("NeverHeardOfItEither", "TD", 1, 599, waits=QUARTER),
)


class AnswerTests(Http2Case):
    """A message is answered so, others before and behind it are accepted."""

    def test_every_row(self) -> None:
        """Records, class, charge, token event, alert, connections, and when again."""
        wrong = []
        for row in ROWS:
            try:
                self.run_row(row)
            except AssertionError as error:
                wrong.append(f"{row.reason} {row.times}: {error}")
        self.assertEqual(wrong, [])

    def run_row(self, row: Row) -> None:
        pipe = self.http2(
            Rule(
                action=Action.REFUSE,
                token=bytes.fromhex(BAD),
                reason=row.reason,
                http_status=row.status,
                timestamp=GONE_AT,
                times=row.times,
            )
        )
        before = pipe.inject()
        pipe.run(2)
        hit = pipe.inject(token=BAD)
        pipe.run(1100)
        behind = pipe.inject()
        pipe.run(2)
        for other in (before, behind):
            self.assert_records(pipe, other, "D")
        self.assert_records(pipe, hit, row.records)
        self.assert_attempts(pipe, hit, row)
        self.assert_told(pipe, hit, row)
        self.assert_lane(pipe, row)
        self.assert_at_rest(pipe)

    def assert_attempts(self, pipe: Pipe, hit: Injection, row: Row) -> None:
        """As often as it must be, when it must be, under one apns-id."""
        refused = pipe.judged(hit, "refused")
        accepted = pipe.judged(hit, "accepted")
        self.assertEqual(len(refused), row.times)
        self.assertEqual(len(accepted), row.records.count("D"))
        lines = [*refused, *accepted]
        self.assertEqual(len({line.apns_id for line in lines}), 1)
        gaps = [later.time - line.time for line, later in pairwise(lines)]
        self.assertEqual(len(gaps), len(row.waits))
        for gap, waits in zip(gaps, row.waits, strict=True):
            self.assertGreaterEqual(gap, 0.7 * waits)
            self.assertLess(gap, waits + 3.0)

    def assert_told(self, pipe: Pipe, hit: Injection, row: Row) -> None:
        record = self.record(pipe, hit)
        native = record.native
        assert native is not None
        if row.records[0] == "D":
            self.assertEqual((record.status, native.status), (None, 200))
        else:
            self.assertEqual((record.status, record.detail), (row.code, row.reason))
            self.assertEqual(native.reason, row.reason)
            self.assertEqual(
                native.timestamp, GONE_AT if native.status == 410 else None
            )
        ids = {line.apns_id for line in pipe.judged(hit, "refused")}
        self.assertEqual({record.transaction_id}, ids)
        self.assertEqual(self.events(pipe), [row.reason] * row.event)
        self.assertEqual(self.counted(pipe, "delivery.alerts"), row.alerts)

    def assert_lane(self, pipe: Pipe, row: Row) -> None:
        connections = self.counted(pipe, "delivery.connections")
        failures = self.counted(pipe, "delivery.connect_failures")
        self.assertEqual((connections, failures), (1 + row.moves, row.failures))
