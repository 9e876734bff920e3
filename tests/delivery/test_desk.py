"""Patience, runs and alerts of one queue."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.apns.answers import Remedy, meaning_of
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.desk import (
    REASONS_LIMIT,
    RUN,
    SILENCE_SECONDS,
    Desk,
    defaults_of,
)
from mcmtpush.values import Native, PushPart
from tests.support.case import TestCase


PUSH = PushPart("ab" * 32, b"{}")


class DeskTests(TestCase):
    """Without a credential; `TokenTests` of `test_http2` has one."""

    def setUp(self) -> None:
        self.clock, self.counters = Clock(), Counters()
        self.lines: list[str] = []
        settings = DeliverySettings(topic="com.example", priority=5, collapse_id="c")
        self.desk = Desk(
            "a.example",
            defaults_of(settings),
            None,
            self.clock,
            lambda: 1e9,
            self.counters,
            self,
        )

    def critical(self, format: str, **kwargs: Any) -> None:  # noqa: A002
        """Instead of a logger."""
        self.lines.append(format.format(**kwargs))

    def heed(self, status: int, reason: str, push: PushPart = PUSH) -> Remedy:
        native = Native(status, reason)
        return self.desk.heed(native, meaning_of(native), push, None, {})

    def trouble(self, status: int, reason: str, began_at: float | None = None) -> str:
        """Of a connection that began now, or then."""
        native = Native(status, reason)
        meaning = meaning_of(native)
        began_at = self.clock.seconds() if began_at is None else began_at
        return self.desk.trouble(native, meaning, meaning.remedies, began_at)

    def test_defaults(self) -> None:
        """What the domain says for its push parts."""
        defaults = self.desk.defaults
        self.assertEqual(
            (defaults.topic, defaults.push_type, defaults.priority),
            ("com.example", "alert", 5),
        )
        self.assertEqual((defaults.collapse_id, defaults.expiry_seconds), ("c", 604800))

    def test_without_tokens(self) -> None:
        """A certificate has no age that connections end for."""
        self.assertIsNone(self.desk.bearer())
        self.assertFalse(self.desk.is_old(None))

    def test_patience(self) -> None:
        """Two connections may cure an expired token, the third is trouble."""
        self.assertEqual(self.trouble(403, "ExpiredProviderToken"), "")
        self.assertEqual(self.trouble(403, "ExpiredProviderToken"), "")
        self.assertIn("check the clock", self.trouble(403, "ExpiredProviderToken"))
        self.assertEqual(len(self.lines), 1)

    def test_all_at_once(self) -> None:
        """Connections that were there at the first strike add none."""
        self.clock.advance(100.0)
        for began_at in (90.0, 91.0, 92.0, 93.0):
            self.assertEqual(self.trouble(403, "ExpiredProviderToken", began_at), "")
        for _ in range(2):
            self.clock.advance(10.0)
            told = self.trouble(403, "ExpiredProviderToken")
        self.assertIn("check the clock", told)

    def test_success_ends_a_row(self) -> None:
        """After a 200 patience begins anew."""
        self.trouble(403, "UnrelatedKeyIdInToken")
        self.desk.accept()
        self.assertEqual(self.trouble(403, "UnrelatedKeyIdInToken"), "")
        self.assertNotEqual(self.trouble(403, "UnrelatedKeyIdInToken"), "")

    def test_no_patience(self) -> None:
        """A wrong environment is no other connection's business."""
        self.assertIn("sandbox", self.trouble(403, "BadCertificateEnvironment"))

    def test_leaving_for_another(self) -> None:
        """A shutdown is never trouble."""
        for _ in range(10):
            self.assertEqual(self.trouble(503, "Shutdown"), "")
        self.assertEqual(self.lines, [])

    def test_runs(self) -> None:
        """Several in a row call for a connection, or for a pause."""
        for status, reason, expected in (
            (500, "InternalServerError", Remedy.REOPEN),
            (403, "Forbidden", Remedy.PAUSE_LANE),
        ):
            found = [self.heed(status, reason) for _ in range(RUN)]
            self.assertEqual(found, [Remedy.NONE] * (RUN - 1) + [expected])
            again = expected is Remedy.PAUSE_LANE  # a connection may cure the other
            self.assertEqual(
                self.heed(status, reason), expected if again else Remedy.NONE
            )
            self.desk.accept()
            self.assertEqual(self.heed(status, reason), Remedy.NONE)

    def test_device(self) -> None:
        """One that got too much rests; nobody else does."""
        self.heed(429, "TooManyRequests")
        self.assertEqual(self.desk.rest_seconds(PUSH), 60.0)
        self.assertEqual(self.desk.rest_seconds(PushPart("cd", b"")), 0.0)
        self.heed(429, "TooManyRequests", PushPart("", b""))
        self.assertEqual(self.desk.rest_seconds(PushPart("", b"")), 0.0)

    def test_alerts_are_rare(self) -> None:
        """The same reason is told once in a while."""
        for _ in range(100):
            self.heed(400, "MissingTopic")
        self.heed(400, "BadTopic")
        self.assertEqual(len(self.lines), 2)
        self.assertEqual(self.counters.snapshot()["delivery.alerts"], 2)
        self.assertIn("a.example: Apple answers 400 MissingTopic; check", self.lines[0])
        self.clock.advance(SILENCE_SECONDS)
        self.heed(400, "MissingTopic")
        self.assertEqual(len(self.lines), 3)

    def test_no_reason(self) -> None:
        """Who gives none is not Apple; each status is told by itself."""
        for status in (404, 421, 404):
            self.heed(status, "")
        self.assertEqual(
            [line.partition("; ")[0] for line in self.lines],
            [
                f"a.example: Apple answers {status} without a reason"
                for status in (404, 421)
            ],
        )
        self.assertIn("check routes", self.lines[0])

    def test_an_inventive_peer(self) -> None:
        """What is remembered of alerts is bounded."""
        for number in range(3 * REASONS_LIMIT):
            self.heed(418, f"Teapot{number}")
        self.assertLessEqual(len(self.desk._told_at), REASONS_LIMIT)

    def test_whose_header_it_was(self) -> None:
        """A header that the injector wrote is no affair of the operator's."""
        self.heed(
            400, "BadPriority", PushPart("ab", b"", headers={"apns-priority": "7"})
        )
        self.assertEqual(self.lines, [])
        self.heed(400, "BadPriority")
        self.heed(400, "DuplicateHeaders")
        self.assertEqual(len(self.lines), 2)
