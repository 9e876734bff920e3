"""What policy code is given of an answer."""

from __future__ import annotations

from mcmtpush.hooks.response import Response, read_status
from tests.support.case import TestCase


class ResponseTests(TestCase):
    """`resp`."""

    def test_status(self) -> None:
        """Writable, as a number or a text of one."""
        response = Response(8, 5)
        self.assertEqual(
            (response.command, response.http_status, response.reason), (8, 0, "")
        )
        for value, status in ((1, 1), (1.0, 1), ("10", 10), (0, 0)):
            response.status = value  # type: ignore[assignment]
            self.assertEqual(response.status, status)
        for bad in (None, "x", -1, 1000, 1.5, float("nan"), float("inf"), [], "1.5"):
            with self.assertRaises(ValueError, msg=repr(bad)):
                read_status(bad)

    def test_over_http2(self) -> None:
        """With Apple's own words."""
        response = Response(8, "an-id", 410, "Unregistered")
        self.assertEqual(
            (response.command, response.http_status, response.reason),
            (0, 410, "Unregistered"),
        )
