"""The message that a failure notice returns."""

from __future__ import annotations

from email.message import Message as Parsed

from tests.disposition.letter import HEADER, MAIL, notice, parse, parts
from tests.support.case import TestCase


class OriginalTests(TestCase):
    """The third part."""

    def test_none(self) -> None:
        """Nothing is returned, and the text does not claim it."""
        content = notice(inline_original="none")
        self.assertEqual(len(parts(content)), 2)
        self.assertNotIn(b"The last one", content)

    def test_nothing_to_return(self) -> None:
        """A message without mail, or without a header, has no third part."""
        for mail in (b"", b"\r\nbody only\r\n", b"body only"):
            self.assertEqual(len(parts(notice(mail=mail))), 2)

    def test_headers(self) -> None:
        """The header alone, wherever it ends."""
        for mail in (
            MAIL,
            HEADER,
            HEADER + b"no field\r\n",
            HEADER.replace(b"\r\n", b"\n") + b"\nbody",
            HEADER.replace(b"\r\n", b"\r") + b"\rbody",
        ):
            returned = parts(notice(mail=mail))[2]
            self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
            self.assertEqual(returned.get_payload(decode=True), HEADER)
        returned = parts(notice(mail=HEADER[:-2]))[2]
        self.assertEqual(returned.get_payload(decode=True), HEADER[:-2])

    def test_eight_bit_headers(self) -> None:
        """They are encoded: the notice is for any mail server."""
        for value in (b"\xc3\xa9", b"\xff", b"x" * 999, b"\0"):
            header = b"Subject: %b\r\n" % value
            content = notice(mail=header + b"\r\nbody\r\n")
            self.assertTrue(content.isascii())
            self.assertNotIn(b"\0", content)
            self.assertLess(max(map(len, content.split(b"\r\n"))), 999)
            self.assertEqual(parts(content)[2].get_payload(decode=True), header)

    def test_all(self) -> None:
        """The message as it was, within one part."""
        content = notice(inline_original="all")
        self.assertTrue(content.isascii())
        returned = parts(content)[2]
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertEqual(returned["Content-Transfer-Encoding"], "7bit")
        self.assertIn(b"\r\n\r\n" + MAIL + b"\r\n--=_", content)
        inner = returned.get_payload(0)
        assert isinstance(inner, Parsed)
        self.assertEqual(inner["Message-ID"], "<1@example.net>")

    def test_all_eight_bit(self) -> None:
        """8-bit bytes stay as they are, declared on the part and on the whole."""
        mail = HEADER + b"\r\nein T\xf6r\r\n"
        content = notice(mail=mail, inline_original="all")
        self.assertIn(b"\r\n\r\n" + mail + b"\r\n--=_", content)
        self.assertEqual(parse(content)["Content-Transfer-Encoding"], "8bit")
        self.assertEqual(parts(content)[2]["Content-Transfer-Encoding"], "8bit")
        self.assertTrue(notice(mail=mail).isascii())

    def test_all_that_mail_cannot_carry(self) -> None:
        """NUL or an endless line: the header comes instead."""
        for body in (b"\0", b"x" * 999):
            content = notice(mail=HEADER + b"\r\n" + body, inline_original="all")
            returned = parts(content)[2]
            self.assertEqual(returned.get_content_type(), "text/rfc822-headers")

    def test_boundary_of_an_earlier_notice(self) -> None:
        """A notice about a notice: each boundary stays its own."""
        content = notice(inline_original="all")
        for _ in range(3):
            inner, content = content, notice(mail=content, inline_original="all")
            boundary = parse(content).get_boundary()
            assert boundary is not None
            self.assertNotIn(boundary.encode(), inner)
            self.assertIn(b"\r\n\r\n" + inner + b"\r\n--=_", content)
