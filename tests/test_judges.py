"""Those whom the check of a configuration asks."""

from __future__ import annotations

from mcmtpush.judges import JUDGES
from tests.support.case import TestCase


class JudgesTests(TestCase):
    """Each answers with sentences, and with none when all is well."""

    def test_ciphers(self) -> None:
        """OpenSSL has the last word; one good name is enough for it."""
        for text in ("DEFAULT", "HIGH:!aNULL", "ECDHE-RSA-AES128-GCM-SHA256", "HIGH:x"):
            self.assertEqual(JUDGES.ciphers(text), [], text)
        for text in ("NOSUCH", "größer", "HIGH:!HIGH"):
            self.assertEqual(
                JUDGES.ciphers(text),
                [f'"{text}" names no cipher that OpenSSL knows'],
            )

    def test_formats(self) -> None:
        """Records know their macros."""
        self.assertEqual(JUDGES.format("%t@%i"), [])
        (problem,) = JUDGES.format("%t@%zz")
        self.assertIn("unknown macro %z", problem)

    def test_scripts(self) -> None:
        """Every fault of a script, with its place inside."""
        self.assertEqual(JUDGES.script(b'{"seed": 3}'), [])
        self.assertEqual(
            JUDGES.script(
                b'{"sed": 3, "rules": [{"do": "close", "every": 1, "status": 8}]}'
            ),
            [
                "sed: unknown name, did you mean seed?",
                "rules[0].status: goes with do = refuse only",
            ],
        )

    def test_scripts_that_are_no_json(self) -> None:
        """Line and column come first."""
        (problem,) = JUDGES.script(b'{\n  "seed": }')
        self.assertTrue(problem.startswith("line 2, column "), problem)
        self.assertEqual(len(JUDGES.script(b"\xff\0")), 1)
