"""Which spool a verb is about."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from mcmtpush.verbs.place import database, moment
from tests.support.case import TestCase


class PlaceTests(TestCase):
    def test_database(self) -> None:
        """Below the folder that is given, or that the configuration names."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        config = folder / "gw.conf"
        config.write_text('spoolbase = "queue"\n')
        with CliRunner().isolation():
            self.assertEqual(database("x", str(folder)), f"{folder}/mcmtpush.db")
            self.assertEqual(database(str(config), None), f"{folder}/queue/mcmtpush.db")

    def test_moment(self) -> None:
        """Times for people, whatever the number."""
        self.assertEqual(moment(0.0), "1970-01-01 00:00:00Z")
        self.assertEqual(moment(1e300), "1e+300")
