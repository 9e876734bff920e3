"""Tests: trace headers."""

from __future__ import annotations

from email import message_from_bytes
from email.utils import parsedate_to_datetime

from mcmtpush._version import __version__
from mcmtpush.reception.trace import (
    comment,
    received,
    return_path,
    smtp_date,
    with_trace,
)
from tests.reception.scene import CONTAINER, NOON, PLAIN
from tests.support.case import TestCase


def a_header(**changes: object) -> bytes:
    return received(
        **{  # type: ignore[arg-type]
            "peer": "192.0.2.1",
            "port": 4711,
            "helo": "client.example",
            "host": "mx.example.net",
            "sender": "a@b.c",
            "word": "ESMTP",
            "message_id": "10/00-00007-0FEA2FA4",
            "at": NOON,
            **changes,
        }
    )


class TraceTests(TestCase):
    def test_date(self) -> None:
        """Dates are in UTC with a numeric zone, and read back as the same second."""
        self.assertEqual(smtp_date(NOON + 0.9), "Thu, 05 Nov 2009 12:04:00 +0000")
        self.assertEqual(parsedate_to_datetime(smtp_date(NOON)).timestamp(), NOON)

    def test_received(self) -> None:
        """The header is folded and says who, where, what, with which id and when."""
        self.assertEqual(
            a_header(),
            b"Received: from [192.0.2.1] ([192.0.2.1:4711] helo=client.example)\r\n"
            b"\tby mx.example.net (envelope-from <a@b.c>)\r\n"
            b"\t(mcmtpush %s) with ESMTP id 10/00-00007-0FEA2FA4; "
            b"Thu, 05 Nov 2009 12:04:00 +0000\r\n" % __version__.encode(),
        )

    def test_no_name(self) -> None:
        """Without EHLO nothing is said of a name."""
        self.assertIn(b"([192.0.2.1:4711])\r\n", a_header(helo=""))

    def test_parentheses(self) -> None:
        """An odd sender cannot end the comment it stands in."""
        self.assertEqual(comment('"a)b\\("@c'), '"a\\)b\\\\\\("@c')
        self.assertIn(b'<"x\\)"@y>)', a_header(sender='"x)"@y'))

    def test_return_path(self) -> None:
        """The null sender is written as such."""
        self.assertEqual(return_path("a@b"), b"Return-Path: <a@b>\r\n")
        self.assertEqual(return_path(""), b"Return-Path: <>\r\n")

    def test_on_top(self) -> None:
        """Trace headers stand before the others and never swallow a body."""
        for mail, headers in [
            (PLAIN, ["Return-Path", "From", "Subject"]),
            (CONTAINER, ["Return-Path", "From", "To", "MIME-Version", "Content-Type"]),
            (b"\r\nbody\r\n", ["Return-Path"]),
            (b"body\r\n", ["Return-Path"]),
        ]:
            traced = with_trace(mail, return_path("a@b"))
            self.assertTrue(traced.endswith(mail))
            self.assertEqual(message_from_bytes(traced).keys(), headers)
        traced = with_trace(b"body\r\n", return_path("a@b"))
        self.assertEqual(message_from_bytes(traced).get_payload(), "body\r\n")
