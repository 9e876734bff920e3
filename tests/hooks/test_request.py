"""What policy code is given of a request."""

from __future__ import annotations

from typing import Any

from mcmtpush.hooks.request import Request
from mcmtpush.values import Draft, PushPart
from tests.hooks.stage import MESSAGE
from tests.support.case import TestCase


def a_request(payload: bytes = b'{"aps":{"alert":"hi"}}', **headers: str) -> Request:
    """Over HTTP/2."""
    push = PushPart("ab" * 32, payload, None, headers)
    return Request(Draft(MESSAGE, push, 0, "an-id", 1000, 2))


class RequestTests(TestCase):
    """`req`."""

    def test_fields(self) -> None:
        """As drafted."""
        request = a_request(**{"apns-topic": "t"})
        self.assertEqual(
            (request.command, request.id, request.expiry), (0, "an-id", 1000)
        )
        self.assertEqual(request.token, "ab" * 32)
        self.assertFalse(request.json_read)
        self.assertEqual(request.json, {"aps": {"alert": "hi"}})
        self.assertTrue(request.json_read)
        self.assertEqual(dict(request.headers), {"apns-topic": "t"})

    def test_json_is_the_same_each_time(self) -> None:
        """What is changed in place stays changed; it may be set as a whole."""
        request = a_request()
        request.json["aps"]["alert"] = "ho"
        self.assertEqual(request.json, {"aps": {"alert": "ho"}})
        request.json = {"aps": {}}
        self.assertEqual(request.json, {"aps": {}})
        self.assertEqual(a_request(b"").json, {})

    def test_wrong_values(self) -> None:
        """They are refused where they are set, in the line of the script."""
        request: Any = a_request()
        for name, value in (
            ("token", 7), ("token", "a\nb"), ("expiry", "soon"), ("expiry", -1),
            ("expiry", 10**12), ("expiry", float("nan")), ("expiry", True),
        ):  # fmt: skip
            with self.assertRaises((TypeError, ValueError), msg=f"{name} {value}"):
                setattr(request, name, value)
        with self.assertRaises(AttributeError):
            request.tokken = "typo"
