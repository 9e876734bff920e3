"""The table of answers: complete, speakable over SMTP, and in the manual."""

from __future__ import annotations

import string

from mcmtpush.mcmt.refusal import Refusal
from tests.mcmt.message import MANUAL
from tests.support.case import TestCase


FACTS = {
    "where": "part 2, inner header",
    "line": 3,
    "column": 4,
    "limit": 65536,
    "field": "X-Device-Token",
    "number": 2,
    "reason": "unexpected character",
    "offset": 7,
}


class RefusalTests(TestCase):
    def test_every_answer_is_one_short_line_of_ascii(self) -> None:
        """With its facts filled in, any answer fits into one SMTP reply line."""
        for refusal in Refusal:
            text = str(refusal.because(**FACTS))
            self.assertTrue(text.isascii() and text.isprintable(), text)
            self.assertLess(len(text), 200)
            self.assertIn(text[:9], ("550 5.6.0", "550 5.6.1"))

    def test_templates_name_known_facts_only(self) -> None:
        """No template asks for a fact that the others do not know."""
        for refusal in Refusal:
            names = {
                name for _, name, _, _ in string.Formatter().parse(refusal.template)
            }
            self.assertLessEqual(names - {None}, FACTS.keys())

    def test_the_manual_lists_every_answer(self) -> None:
        """The reference page holds code and text of each one, letter by letter."""
        manual = MANUAL.read_text("utf-8")
        for refusal in Refusal:
            row = f"| {refusal.enhanced} | `{refusal.template}` |"
            self.assertIn(row, manual)
        self.assertEqual(manual.count("\n| 5.6."), len(Refusal))
