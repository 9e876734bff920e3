"""Tests: what EHLO may advertise."""

from __future__ import annotations

from mcmtpush.config.extensions import keyword, left_out
from tests.support.case import TestCase


class EntryTests(TestCase):
    """Entries of `smtp_extensions`."""

    def test_keyword(self) -> None:
        """It ends at a blank or an equals sign, in any case."""
        for entry in ("auth", "AUTH LOGIN PLAIN", "Auth=LOGIN"):
            self.assertEqual(keyword(entry), "AUTH")

    def test_left_out(self) -> None:
        """What is not implemented, and what is no line of an answer, is left out."""
        for entry in ("SIZE 10", "X-TRACE", "8BITMIME", "XFOO A=B C"):
            self.assertEqual(left_out(entry), "", entry)
        self.assertEqual(left_out("dsn"), "DSN is not offered by this version")
        for entry in ("", "-A", "A  B", "A\r\nB", "A ", "\xc4", "a/b"):
            self.assertIn("is not a line", left_out(entry), entry)
