"""Whom a failure notice tells."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given

from mcmtpush.disposition.address import notice_address
from tests.disposition.letter import MESSAGE, notice
from tests.disposition.test_bounce import HOSTILE
from tests.support.case import TestCase, readable


class NoticeAddressTests(TestCase):
    def test_whom_to_tell(self) -> None:
        """Return-Path, else MAIL FROM; the null sender is never told."""
        null = evolve(MESSAGE, sender="")
        for message, return_path, address in (
            (MESSAGE, None, "news@example.net"),
            (MESSAGE, "bounce@example.org", "bounce@example.org"),
            (null, "bounce@example.org", "bounce@example.org"),
            (MESSAGE, "", None),
            (null, "", None),
            (null, None, None),
        ):
            self.assertEqual(notice_address(message, return_path), address)

    def test_usable(self) -> None:
        """What reception takes as an address with a domain."""
        for address in (
            "a@b",
            "a.b+c@apn_example.com",
            '"a b\\" c"@example.net',
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a" * 500 + "@example.net",
        ):
            self.assertEqual(notice_address(MESSAGE, address), address)

    def test_unusable(self) -> None:
        """Nobody can be told at what is no address, or too long a one."""
        for address in (
            *("postmaster", "@example.net", "a@", "a b@c", "a..b@c", ".a@c", "a@b..c"),
            *("a@b\n", "a@b\r\nBcc: c", "<a@b>", "é@example.net", "a@é.net", "a@b@c"),
            *('"a@b', "a@[x y]", " ", "a" * 501 + "@example.net", "a@b, c@d"),
        ):
            self.assertIsNone(notice_address(MESSAGE, address), address)

    @readable
    @given(HOSTILE)
    def test_any_text(self, text: str) -> None:
        """An address that is told is printable ASCII without brackets."""
        address = notice_address(MESSAGE, text)
        if address is not None:
            self.assertRegex(address, r"\A[ -;=?-~]+@[ -;=?-~]+\Z")
            self.assertIn(f"To: <{address}>\r\n".encode(), notice(to=address))
