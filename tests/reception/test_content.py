"""Tests: rules for the content as received."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.reception.content import apply_rules, begins_with_header
from tests.reception.scene import CONTAINER, PLAIN, PUSH_ONLY, settings
from tests.support.case import TestCase, readable


class ApplyRulesTests(TestCase):
    def outcome(self, content: bytes, **options: Any) -> object:
        try:
            return apply_rules(content, settings(**options))
        except MessageRejected as refused:
            self.assertEqual((refused.code, refused.enhanced), (550, "5.6.0"))
            return refused.text

    def test_good_content_is_untouched(self) -> None:
        """Containers and what a person types into telnet pass as they are."""
        telnet = b"From: me\r\nTo: you\r\nSubject: hi\r\n\r\nhi\r\n"
        for content in (CONTAINER, PUSH_ONLY, PLAIN, telnet, b"Subject: only\r\n"):
            self.assertEqual(self.outcome(content), content)

    def test_lone_ends(self) -> None:
        """Lone line ends are refused, left or repaired as the options say."""
        headers, body = b"A: b\nC: d\r\n\r\nbody\r\n", b"A: b\r\n\r\nbo\ndy\r\n"
        fixed = b"A: b\r\n\r\nbo\r\ndy\r\n"
        for content, options, expected in [
            (headers, {}, "lone LF in headers"),
            (headers, {"headers": "fix"}, b"A: b\r\nC: d\r\n\r\nbody\r\n"),
            (
                headers,
                {"headers": "fix", "body": "pedantic"},
                headers.replace(b"b\nC", b"b\r\nC"),
            ),
            (body, {}, body),
            (body, {"body": "pedantic"}, "lone LF in body"),
            (body, {"body": "fix"}, fixed),
            (b"A: b\n\nbody\n", {}, "lone LF in headers"),
            (b"A: b\n\nbody\n", {"headers": "fix"}, b"A: b\r\n\r\nbody\n"),
            (b"A: b\r\n\nbody\r\n", {}, "lone LF in headers"),
            (b"A: b\n\nx\n", {"headers": "fix", "body": "fix"}, b"A: b\r\n\r\nx\r\n"),
            (
                b"A: b\r\n\r\nlone\rCR\r\n",
                {"headers": "fix", "body": "fix"},
                "lone CR in message",
            ),
            (b"A: b\r\n\r\nx\r\r\n", {}, "lone CR in message"),
            (b"A: b\r\n\r\nx\0\r\n", {}, "NUL byte in message"),
        ]:
            named = {
                f"rfc2822_lone_lf_in_{key}": value for key, value in options.items()
            }
            self.assertEqual(
                self.outcome(content, **named), expected, (content, options)
            )

    def test_missing_headers(self) -> None:
        """Content must begin with a header unless the option allows anything."""
        for content in (
            b"",
            b"Hello\r\n",
            b"\r\nHello: you\r\n",
            b" Folded: x\r\n",
            b": x\r\n",
        ):
            self.assertEqual(self.outcome(content), "missing headers")
            self.assertEqual(
                self.outcome(content, rfc2822_missing_headers="allow"), content
            )

    @readable
    @given(
        st.text("a: \r\n.", max_size=50).map(str.encode), st.booleans(), st.booleans()
    )
    def test_fixed_is_clean(self, content: bytes, headers: bool, body: bool) -> None:
        """What passes under `fix` has no lone line end; `pedantic` lets none pass."""
        result = self.outcome(
            content,
            rfc2822_missing_headers="allow",
            rfc2822_lone_lf_in_headers="fix" if headers else "pedantic",
            rfc2822_lone_lf_in_body="fix" if body else "pedantic",
        )
        if isinstance(result, bytes):
            self.assertEqual(result.count(b"\r\n"), result.count(b"\n"))
            self.assertEqual(result.count(b"\r\n"), result.count(b"\r"))
            self.assertEqual(
                result.replace(b"\r\n", b"\n"), content.replace(b"\r\n", b"\n")
            )


class BeginsWithHeaderTests(TestCase):
    def test_table(self) -> None:
        """A field name is printable, without blanks, and a colon follows."""
        self.assertTrue(begins_with_header(b"A: b"))
        self.assertTrue(begins_with_header(b"X-Odd_Name.1 : b"))
        self.assertFalse(begins_with_header(b"From a@b Thu Nov  5 10:04:00 2009"))
        self.assertFalse(begins_with_header("Ü: b".encode()))
