"""Which spool a verb is about."""

from __future__ import annotations

import os
from pathlib import Path

from click.testing import CliRunner

from mcmtpush.verbs.place import databases, moment, spool_folder
from tests.support.case import TestCase


class PlaceTests(TestCase):
    def test_database(self) -> None:
        """Below the folder that is given, or that the configuration names."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        config = folder / "gw.conf"
        config.write_text('spoolbase = "queue"\n')
        with CliRunner().isolation():
            self.assertEqual(spool_folder("x", str(folder)), str(folder))
            self.assertEqual(spool_folder(str(config), None), f"{folder}/queue")
            self.assertEqual(databases("x", str(folder)), [f"{folder}/mcmtpush.db"])

    def test_workers(self) -> None:
        """The first spool, even if it is not there, and those below it that are."""
        folder = Path(self.mktemp()).absolute()
        for name in ("worker-10", "worker-3", "worker-4", "other"):
            (folder / name).mkdir(parents=True)
            if name != "worker-4":
                (folder / name / "mcmtpush.db").touch()
        self.assertEqual(
            databases("x", str(folder)),
            [f"{folder}/{name}mcmtpush.db" for name in ("", "worker-3/", "worker-10/")],
        )

    def test_hidden_worker(self) -> None:
        """What may be one counts: whoever opens it says that it cannot be read."""
        folder = Path(self.mktemp()).absolute()
        (folder / "worker-2").mkdir(parents=True)
        look = Path.stat

        def stat(path: Path, **options: bool) -> os.stat_result:
            if path.name == "mcmtpush.db":
                raise PermissionError(13, "Permission denied", str(path))
            return look(path, **options)

        self.patch(Path, "stat", stat)
        self.assertEqual(len(databases("x", str(folder))), 2)

    def test_moment(self) -> None:
        """Times for people, whatever the number."""
        self.assertEqual(moment(0.0), "1970-01-01 00:00:00Z")
        self.assertEqual(moment(1e300), "1e+300")
