"""One setting by itself."""

from __future__ import annotations

from tests.config.examination import check
from tests.support.case import TestCase


class RemarkTests(TestCase):
    """Of the right type, and of no use."""

    def test_other_methods(self) -> None:
        """Methods that are recognised and not delivered are warnings."""
        for method in ("lmtp", "gcm", "MM7"):
            (line,) = check(f'domain "e.com" {{ delivery_method = "{method}" }}')
            self.assertTrue(line.startswith("1:18: warning: "), line)
            self.assertIn(f'"{method.lower()}"', line)
        self.assertEqual(check('domain "e.com" {}'), [])

    def test_open_relay(self) -> None:
        """An open relay is a warning, a closed one none."""
        (line,) = check("esmtp_listener {\n open_relay = on }")
        self.assertTrue(line.startswith("2:2: warning: "), line)
        self.assertEqual(check("esmtp_listener { open_relay = off }"), [])

    def test_banner(self) -> None:
        """A banner that SMTP does not know is ignored, which is a warning."""
        (line,) = check('esmtp_listener { static_banner = "hello\\n there" }')
        self.assertTrue(line.startswith("1:18: warning: "), line)
        self.assertIn('"hello\\x0a there" is ignored', line)
        self.assertEqual(check('esmtp_listener { static_banner = "220 hi" }'), [])

    def test_extensions(self) -> None:
        """Entries that EHLO leaves out are named, each keyword once."""
        text = """esmtp_listener {
            smtp_extensions = ( PIPELINING "AUTH LOGIN" "AUTH=PLAIN" "XCLIENT" "a/b" )
        }"""
        self.assertEqual(
            [line.partition("smtp_extensions: ")[2] for line in check(text)],
            [
                "AUTH is not offered by this version",
                "XCLIENT is not offered by this version",
                '"a/b" is not a line of an answer to EHLO',
            ],
        )
        self.assertEqual(check("esmtp_listener { smtp_extensions = () }"), [])

    def test_context_word(self) -> None:
        """A word in the context that is no choice is an error."""
        (line,) = check('esmtp_listener { context = [ mcmt_reception = "yes" ] }')
        self.assertIn('error: mcmt_reception = "yes" is none of', line)
