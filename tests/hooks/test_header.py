"""What a request may say."""

from __future__ import annotations

from mcmtpush.hooks.header import HEADERS, Headers
from mcmtpush.mcmt.pushpart import NATIVE_FIELDS
from tests.support.case import TestCase


class HeadersTests(TestCase):
    """`req.headers`."""

    def test_names(self) -> None:
        """Those that an injector may write, in any case, and no others."""
        native = {name[2:-1].decode() for name in NATIVE_FIELDS}
        self.assertEqual(HEADERS, native)
        headers = Headers({})
        headers["APNS-Topic"] = "com.example"
        self.assertEqual(dict(headers), {"apns-topic": "com.example"})
        self.assertEqual(headers["Apns-Topic"], "com.example")
        with self.assertRaisesRegex(KeyError, "apns-prio"):
            headers["apns-prio"] = "5"

    def test_values(self) -> None:
        """Texts and whole numbers; nothing that would break a header."""
        headers = Headers({})
        for value, text in (("5", "5"), (5, "5"), (5.0, "5")):
            headers["apns-priority"] = value
            self.assertEqual(headers["apns-priority"], text)
        for bad in (None, True, 5.5, b"5", ["5"]):
            with self.assertRaises(TypeError, msg=repr(bad)):
                headers["apns-priority"] = bad  # type: ignore[assignment]
        for text in ("5\r\nx: y", "\u00e9", "a\x00"):
            with self.assertRaises(ValueError, msg=text):
                headers["apns-topic"] = text

    def test_taken_out(self) -> None:
        """As from any dict."""
        headers = Headers({"apns-priority": "5"})
        del headers["APNS-priority"]
        self.assertEqual(len(headers), 0)
        self.assertEqual(headers.get("apns-priority"), None)
