"""The page on HTTP/2 says of every answer what the table of answers says."""

from __future__ import annotations

import re
from pathlib import Path

from mcmtpush.apns.answers import MEANINGS, Meaning
from tests.support.case import TestCase


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http2.md"
OURS = {"REFUSED_STREAM", "GOAWAY", "CONNECTION_LOST", "TIMEOUT", "NOT_SENT"}
"""Reasons without an answer have words in the page, not names."""


def rows() -> list[tuple[str, str, str]]:
    """Answer, code and consequence of each row of the table of answers."""
    text = PAGE.read_text("utf-8").partition("## Answers")[2]
    cells = re.findall(r"^\| (.+?) \| (.*?) ?\| (.+?) \|$", text, re.MULTILINE)
    return [row for row in cells if row[0] != "Answer" and not set(row[0]) <= set("- ")]


class PageTests(TestCase):
    """Nobody reads the code to learn what an answer means."""

    def row_of(self, status: int, reason: str) -> tuple[str, str, str]:
        named = [row for row in rows() if f"`{reason}`" in row[0]]
        if not named:
            general = {400: "all other 400", 404: "404", 405: "405", 500: "500"}[status]
            named = [row for row in rows() if general in row[0]]
        self.assertEqual(len(named), 1, (status, reason))
        return named[0]

    def test_codes(self) -> None:
        """Every reason has one row; where the message is charged it shows the code."""
        self.assertGreater(len(rows()), 15)
        for (status, reason), meaning in MEANINGS.items():
            if reason in OURS or not status:
                continue
            answer, code, text = self.row_of(status, reason)
            with self.subTest(reason=reason):
                expected = str(meaning.code) if meaning.charged else ""
                self.assertEqual(code, expected, answer)
                self.check_text(meaning, text)

    def check_text(self, meaning: Meaning, text: str) -> None:
        free = "not charged" in text
        self.assertEqual(free, not meaning.charged, text)
        self.assertEqual("fails" in text, meaning.code in range(2, 9), text)
        if "PAUSE_LANE" in str(meaning.remedies | meaning.afterwards):
            self.assertIn("the lane stands back", text)
