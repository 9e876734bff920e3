"""What the servers kept that read nothing."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from bench import ceiling
from tests.support.case import TestCase


class KeptTests(TestCase):
    def test_of_all_databases(self) -> None:
        """And of nothing else in the folder."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual(ceiling.kept(folder), 0)
            for file, count in (("deaf-1.db", 2), ("deaf-2.db", 3), ("other.db", 5)):
                database = sqlite3.connect(folder / file)
                with database:
                    database.execute("CREATE TABLE entry (content BLOB)")
                    database.executemany(
                        "INSERT INTO entry VALUES (?)", [(b"x",)] * count
                    )
                database.close()
            self.assertEqual(ceiling.kept(folder), 5)


class ContenderTests(TestCase):
    def test_the_same_load(self) -> None:
        """Two and one, as of workers."""
        loads = [each.run.keywords["load"] for each in ceiling.WORKERS]  # type: ignore[attr-defined]
        self.assertEqual(len(loads), 4)
        self.assertEqual(len({id(load) for load in loads}), 1)
