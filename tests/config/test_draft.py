"""Rewritten files as a diff."""

from __future__ import annotations

from tests.config.samples import MAIN
from tests.config.test_migration import run
from tests.support.case import TestCase


class DiffTests(TestCase):
    """How it is printed."""

    def test_unified(self) -> None:
        """As `patch` reads it, also without a line end at the end of a file."""
        text = 'domain x { routes = ( "apn://gateway.push.apple.com" ) }'
        self.assertEqual(
            run(text).files[0].diff,
            f"--- {MAIN}\n+++ {MAIN}\n@@ -1 +1 @@\n-{text}\n"
            "\\ No newline at end of file\n"
            '+domain x { routes = ( "apn2://api.push.apple.com?port=443" ) }\n'
            "\\ No newline at end of file\n",
        )
