"""Tests: replies."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush._version import __version__
from mcmtpush.errors import MessageRejected
from mcmtpush.reception import reply
from tests.reception.scene import settings
from tests.support.case import TestCase, readable


REFUSALS = [
    value
    for name, value in vars(reply).items()
    if name.isupper() and isinstance(value, tuple)
]
MANUAL = Path(__file__).parents[2] / "docs" / "reference" / "reception.md"


class ManualTests(TestCase):
    def test_every_refusal_is_listed(self) -> None:
        """The manual has a row for every refusal and every last word."""
        text = MANUAL.read_text()
        for refusal in REFUSALS:
            self.assertIn("`{} {} {}`".format(*refusal), text)
        for line in vars(reply).values():
            if isinstance(line, bytes) and line.startswith(b"421"):
                self.assertIn(line.decode().strip(), text)


class RenderTests(TestCase):
    def test_plain(self) -> None:
        """Code, enhanced code, text, line end."""
        self.assertEqual(
            reply.render_refusal(MessageRejected(550, "5.7.1", "relaying denied")),
            b"550 5.7.1 relaying denied\r\n",
        )

    @readable
    @given(st.text(max_size=700))
    def test_one_line(self, text: str) -> None:
        """No text can make two lines, a control character, or a line too long."""
        line = reply.render(550, "5.6.0", text)
        self.assertTrue(line.endswith(b"\r\n"))
        self.assertTrue(all(32 <= byte < 127 for byte in line[:-2]))
        self.assertLessEqual(len(line), 512)

    def test_accepted(self) -> None:
        """The ids are named as far as they fit one line."""
        ids = [f"{number:02X}/00-00007-0FEA2FA4" for number in range(40)]
        self.assertEqual(
            reply.accepted(ids[:2]),
            b"250 2.0.0 OK 00/00-00007-0FEA2FA4 01/00-00007-0FEA2FA4\r\n",
        )
        line = reply.accepted(ids)
        self.assertTrue(line.startswith(b"250 2.0.0 OK 00/00-"))
        self.assertTrue(line.endswith(b" ...\r\n"))
        self.assertLessEqual(len(line), 512)
        self.assertNotIn(b"...", reply.accepted(ids[:23]))
        self.assertLessEqual(len(reply.accepted(ids[:23])), 512)

    def test_enhanced_codes_agree(self) -> None:
        """Every refusal has an enhanced code of its own class."""
        self.assertGreater(len(REFUSALS), 30)
        for code, enhanced, text in REFUSALS:
            self.assertEqual(str(code)[0], enhanced[0], text)
            self.assertRegex(enhanced, r"^[45]\.\d\.\d$")


class GreetingTests(TestCase):
    def test_banner(self) -> None:
        """The banner names host, program, version and date."""
        self.assertEqual(
            reply.banner(settings(), "Thu, 05 Nov 2009 12:04:00 +0000"),
            f"220 mx.example.net ESMTP mcmtpush {__version__} "
            "Thu, 05 Nov 2009 12:04:00 +0000\r\n".encode(),
        )
        self.assertTrue(
            reply.banner(settings(banner_hostname="front"), "now").startswith(
                b"220 front ESMTP mcmtpush "
            )
        )

    def test_static_banner(self) -> None:
        """A static banner replaces it whole, if it is one."""
        self.assertEqual(
            reply.banner(settings(static_banner="220 hi\r\nthere"), "now"),
            b"220 hithere\r\n",
        )
        self.assertTrue(
            reply.banner(settings(static_banner="hi"), "now").startswith(b"220 mx.")
        )

    def test_keywords(self) -> None:
        """What is done is offered, and what is configured unless it is not done."""
        self.assertEqual(
            reply.keywords(settings(), offer_tls=False),
            ["PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"],
        )
        extended = settings(
            max_message_size=1000,
            smtp_extensions=(
                "ENHANCEDSTATUSCODES",
                "STARTTLS",
                "XCLIENT",
                "AUTH LOGIN",
                "auth=PLAIN",
                "DSN",
                "XSITE one two",
                "xsite",
                "not\r\na keyword",
            ),
        )
        self.assertEqual(
            reply.keywords(extended, offer_tls=True),
            [
                "PIPELINING",
                "8BITMIME",
                "SIZE 1000",
                "ENHANCEDSTATUSCODES",
                "STARTTLS",
                "XSITE one two",
            ],
        )
        self.assertNotIn("STARTTLS", reply.keywords(extended, offer_tls=False))

    def test_ehlo(self) -> None:
        """Only the last line has a blank behind its code."""
        lines = reply.ehlo(settings(), "192.0.2.1", offer_tls=True).split(b"\r\n")
        self.assertEqual(lines[0], b"250-mx.example.net says EHLO to 192.0.2.1")
        self.assertEqual(lines[-2:], [b"250 STARTTLS", b""])
        self.assertTrue(all(line.startswith(b"250-") for line in lines[:-2]))

    def test_helo(self) -> None:
        """HELO has one line."""
        self.assertEqual(
            reply.helo(settings(), "::1"), b"250 mx.example.net says HELO to ::1\r\n"
        )
