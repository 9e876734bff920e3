"""Every row of the mapping of HTTP/2 results, written out by hand, and the rest."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.answers import (
    MEANINGS,
    REST_SECONDS,
    Meaning,
    Remedy,
    may_drop,
    meaning_of,
    read_answer,
    read_goaway,
    read_reset,
    refusal_of,
)
from mcmtpush.apns.reasons import StatusClass, classify_status
from mcmtpush.values import Native, Refused
from tests.support.case import TestCase, readable


R = Remedy
STOP = R.PAUSE_LANE | R.ALERT
GIVE_UP = R.GIVE_UP | R.ALERT

ROWS: list[tuple[int, str, int, str, bool, Remedy, float]] = [
    # status, reason, code, class, charged, remedies, seconds
    (200, "", 0, "success", True, R.NONE, 0),
    (400, "BadDeviceToken", 8, "permanent", True, R.DROP_TOKEN | R.BREAKER, 0),
    (400, "MissingDeviceToken", 2, "permanent", True, R.ALERT, 0),
    (
        400,
        "DeviceTokenNotForTopic",
        8,
        "permanent",
        True,
        R.DROP_TOKEN | R.BREAKER | R.ALERT_FIRST,
        0,
    ),
    (400, "BadTopic", 6, "permanent", True, R.ALERT | R.BREAKER, 0),
    (400, "TopicDisallowed", 6, "permanent", True, R.ALERT | R.BREAKER, 0),
    (403, "TopicMismatch", 6, "permanent", True, R.ALERT, 0),
    (400, "MissingTopic", 3, "permanent", True, R.ALERT, 0),
    (400, "PayloadEmpty", 4, "permanent", True, R.NONE, 0),
    (413, "PayloadTooLarge", 7, "permanent", True, R.NONE, 0),
    (400, "BadCollapseId", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "BadExpirationDate", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "BadMessageId", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "BadPriority", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "InvalidPushType", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "MissingPushType", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "DuplicateHeaders", 7, "permanent", True, R.ALERT_IF_OURS, 0),
    (400, "BadRequestParams", 7, "permanent", True, R.ALERT, 0),
    (400, "BadRequestPayload", 7, "permanent", True, R.ALERT, 0),
    (400, "MissingChannelId", 7, "permanent", True, R.ALERT, 0),
    (400, "BadChannelId", 7, "permanent", True, R.ALERT, 0),
    (
        400,
        "ChannelNotRegistered",
        7,
        "permanent",
        True,
        R.ALERT | R.FORGET_CHANNEL,
        0,
    ),
    (400, "FeatureNotEnabled", 7, "permanent", True, R.ALERT, 0),
    (400, "CannotCreateChannelConfig", 7, "permanent", True, R.ALERT, 0),
    (404, "BadPath", 7, "permanent", True, R.ALERT, 0),
    (405, "MethodNotAllowed", 7, "permanent", True, R.ALERT, 0),
    (410, "Unregistered", 8, "permanent", True, R.DROP_TOKEN, 0),
    (410, "ExpiredToken", 8, "permanent", True, R.DROP_TOKEN, 0),
    (403, "Forbidden", 6, "permanent", True, R.ALERT | R.PAUSE_AFTER_RUN, 0),
    (400, "IdleTimeout", 10, "temporary", False, R.REOPEN, 0),
    (403, "ExpiredProviderToken", 10, "temporary", False, R.RENEW_TOKEN | R.REOPEN, 0),
    (403, "UnrelatedKeyIdInToken", 10, "temporary", False, R.REOPEN, 0),
    (403, "InvalidProviderToken", 255, "temporary", True, R.RENEW_TOKEN | R.REOPEN, 0),
    (403, "MissingProviderToken", 255, "temporary", True, STOP, 0),
    (403, "BadEnvironmentKeyIdInToken", 255, "temporary", False, STOP, 0),
    (403, "BadEnvironmentKeyInToken", 255, "temporary", False, STOP, 0),
    (403, "BadCertificate", 255, "temporary", False, STOP | R.SLOW_RECONNECT, 0),
    (
        403,
        "BadCertificateEnvironment",
        255,
        "temporary",
        False,
        STOP | R.SLOW_RECONNECT,
        0,
    ),
    (0, "BadCertificate", 255, "temporary", False, STOP | R.SLOW_RECONNECT, 0),
    (
        0,
        "BadCertificateEnvironment",
        255,
        "temporary",
        False,
        STOP | R.SLOW_RECONNECT,
        0,
    ),
    (
        429,
        "TooManyProviderTokenUpdates",
        255,
        "temporary",
        False,
        R.REST_CONNECTION | R.ALERT,
        0,
    ),
    (429, "TooManyRequests", 1, "temporary", True, R.DELAY_DEVICE, 60),
    (500, "InternalServerError", 1, "temporary", True, R.REOPEN_AFTER_RUN, 900),
    (503, "ServiceUnavailable", 1, "temporary", True, R.NONE, 900),
    (503, "Shutdown", 10, "temporary", True, R.REOPEN | R.EARLY_RETRY, 900),
    (418, "SomethingNew", 255, "temporary", True, R.ALERT, 0),
    (502, "SomethingNew", 1, "temporary", True, R.NONE, 900),
    (0, "REFUSED_STREAM", 10, "temporary", False, R.NONE, 0),
    (0, "GOAWAY", 10, "temporary", False, R.NONE, 0),
    (0, "CONNECTION_LOST", 255, "temporary", True, R.NONE, 0),
    (0, "TIMEOUT", 255, "temporary", True, R.NONE, 0),
    (0, "NOT_SENT", 10, "temporary", False, R.NONE, 0),
    (
        0,
        "NO_CONNECTION",
        255,
        "temporary",
        False,
        R.SLOW_RECONNECT | R.ALERT_LASTING,
        0,
    ),
]

PATIENCE = {
    "ExpiredProviderToken": (2, STOP),
    "UnrelatedKeyIdInToken": (1, STOP),
    "InvalidProviderToken": (1, STOP),
    "SomethingNew": (3, GIVE_UP),
}
"""How often, and what then; all others have no end."""


class MeaningTests(TestCase):
    def test_table(self) -> None:
        """Each result has its code, class, price, remedies and wait."""
        for status, reason, code, class_, charged, remedies, seconds in ROWS:
            meaning = meaning_of(Native(status, reason))
            self.assertEqual(
                (
                    meaning.code,
                    classify_status(meaning.code),
                    meaning.charged,
                    meaning.remedies,
                    meaning.wait_seconds,
                ),
                (code, StatusClass(class_), charged, remedies, seconds),
                (status, reason),
            )

    def test_patience(self) -> None:
        """Some remedies are tried so often, and then something else is done."""
        for status, reason, *_ in ROWS:
            meaning = meaning_of(Native(status, reason))
            expected = PATIENCE.get(reason, (None, R.NONE)) if status < 500 else ()
            self.assertEqual(
                (meaning.patience, meaning.afterwards),
                expected or (None, R.NONE),
                reason,
            )

    def test_undecided(self) -> None:
        """Where the request may have been processed without an answer."""
        undecided = {
            (status, reason)
            for status, reason, *_ in ROWS
            if meaning_of(Native(status, reason)).undecided
        }
        self.assertEqual(undecided, {(0, "CONNECTION_LOST"), (0, "TIMEOUT")})
        for code in (0, 1, 2, 5, 8, 99):
            self.assertTrue(meaning_of(read_reset(code)).undecided)

    def test_complete(self) -> None:
        """The table here has every row of the program's."""
        self.assertEqual(
            set(MEANINGS) - {(status, reason) for status, reason, *_ in ROWS}, set()
        )

    def test_unknown(self) -> None:
        """What nobody knows is told by the status alone."""
        for native, same_as in (
            (Native(404), Native(400, "New")),
            (Native(410), Native(400, "New")),
            (Native(302), Native(400, "New")),
            (Native(500), Native(503, "New")),
            (Native(599, "BadDeviceToken"), Native(503, "New")),
            (Native(400, "Shutdown"), Native(400, "New")),
            (Native(400, "TIMEOUT"), Native(400, "New")),
            (Native(204), Native(200)),
            (Native(0, "New"), Native(0, "CONNECTION_LOST")),
            (Native(503, "Service Unavailable"), Native(503, "ServiceUnavailable")),
            (Native(0, "Shutdown"), Native(503, "Shutdown")),
        ):
            self.assertEqual(meaning_of(native), meaning_of(same_as), native)

    def test_rest(self) -> None:
        """A connection with too many tokens rests twenty minutes."""
        self.assertEqual(REST_SECONDS, 1200)

    @readable
    @given(st.builds(Native, st.integers(0, 999), st.text(max_size=30)))
    def test_always_one(self, native: Native) -> None:
        """Whatever the service says has a meaning under the classifier."""
        meaning = meaning_of(native)
        self.assertIsInstance(meaning, Meaning)
        self.assertIn(meaning.code, {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 255})
        self.assertEqual(meaning.code == 0, 200 <= native.status < 300)


class ReadTests(TestCase):
    def test_answers(self) -> None:
        """Reason and timestamp are taken from the body where they are."""
        for status, body, expected in (
            (200, b"", Native(200)),
            (200, b'{"reason":"x"}', Native(200)),
            (400, b'{"reason":"BadTopic"}', Native(400, "BadTopic")),
            (
                410,
                b'{"reason":"Unregistered","timestamp":1764080000123}',
                Native(410, "Unregistered", 1764080000123),
            ),
            (410, b'{"timestamp":1764080000123.0}', Native(410, "", 1764080000123)),
            (410, b'{"timestamp":true}', Native(410)),
            (410, b'{"timestamp":"1764080000123"}', Native(410)),
            (410, b'{"timestamp":-1}', Native(410)),
            (410, b'{"timestamp":1e300}', Native(410)),
            (400, b"", Native(400)),
            (400, b"<html>", Native(400)),
            (400, b"\xff\xfe", Native(400)),
            (400, b"[]", Native(400)),
            (400, b'"reason"', Native(400)),
            (400, b'{"reason":7}', Native(400)),
            (400, b'{"reason":"a\\n@b\\u00e9"}', Native(400, "a@b")),
            (400, b'{"reason":"' + b"x" * 999 + b'"}', Native(400, "x" * 100)),
            (400, b'{"reason":' * 9999, Native(400)),
        ):
            self.assertEqual(read_answer(status, body), expected, body[:60])

    def test_goaway(self) -> None:
        """Apple's reason, else HTTP/2's word for the code."""
        for code, debug, reason in (
            (0, b'{"reason":"BadCertificateEnvironment"}', "BadCertificateEnvironment"),
            (0, b"", "GOAWAY"),
            (7, b"Maximum active streams violated", "REFUSED_STREAM"),
            (11, b"", "ENHANCE_YOUR_CALM"),
            (99, b"\xff", "ERROR_99"),
        ):
            self.assertEqual(read_goaway(code, debug), Native(0, reason))

    @readable
    @given(st.integers(0, 999), st.binary(max_size=60))
    def test_any_body(self, status: int, body: bytes) -> None:
        """No body makes an error, and nothing unprintable comes of one."""
        native = read_answer(status, body)
        self.assertEqual(native.status, status)
        self.assertTrue(native.reason.isprintable())

    @readable
    @given(
        st.dictionaries(
            st.sampled_from(["reason", "timestamp", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
                lambda inner: st.lists(inner, max_size=2),
            ),
        )
    )
    def test_any_json(self, content: dict[str, object]) -> None:
        """The same for anything that JSON can say."""
        native = read_answer(400, json.dumps(content).encode())
        self.assertTrue(native.reason.isascii())
        self.assertLessEqual(len(native.reason), 100)
        self.assertTrue(native.timestamp is None or native.timestamp < 2**63)


class RefusalTests(TestCase):
    def test_refusal(self) -> None:
        """The outcome has the code, Apple's word, and how long to wait."""
        native = Native(503, "Shutdown")
        self.assertEqual(refusal_of(native), Refused(10, "Shutdown", native, 900.0))
        native = Native(400, "BadDeviceToken")
        self.assertEqual(refusal_of(native), Refused(8, "BadDeviceToken", native))

    def test_no_reason(self) -> None:
        """Without a word the status is said."""
        self.assertEqual(refusal_of(Native(418)).detail, "HTTP 418")


class DropTests(TestCase):
    def test_by_time(self) -> None:
        """A token registered since Apple gave it up is another one."""
        gone = Native(410, "Unregistered", 1_764_080_000_500)
        for registered_at, dropped in (
            (None, True),
            ("1764080000", True),
            ("1764080000.4", True),
            ("1764080000.5", False),
            ("1764080001", False),
            ("1764080000499", True),
            ("1764080000500", False),
            ("2025-11-25T14:13:20Z", True),
            ("2025-11-25T14:13:21Z", False),
            ("2025-11-25T15:13:21+01:00", False),
            ("Tue, 25 Nov 2025 14:13:21 GMT", False),
            ("Tue, 25 Nov 2025 14:13:20 GMT", True),
            ("yesterday", True),
            ("", True),
        ):
            self.assertEqual(may_drop(gone, registered_at), dropped, registered_at)

    def test_without_a_time(self) -> None:
        """Where Apple gives no time its word counts."""
        self.assertTrue(may_drop(Native(410, "ExpiredToken"), "1764080001"))
        self.assertTrue(may_drop(Native(400, "BadDeviceToken"), "1764080001"))

    def test_others(self) -> None:
        """No other answer is about the token."""
        for status, reason, *_ in ROWS:
            self.assertEqual(
                may_drop(Native(status, reason), None),
                reason
                in {
                    "BadDeviceToken",
                    "DeviceTokenNotForTopic",
                    "Unregistered",
                    "ExpiredToken",
                },
                reason,
            )
