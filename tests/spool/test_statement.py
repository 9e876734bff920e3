"""The SQL: that it is what was meant, and that the database finds short ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.spool import statement
from mcmtpush.spool.codec import CONTENT_COLUMNS, ENTRY_COLUMNS
from mcmtpush.spool.database import open_database
from mcmtpush.spool.statement import Bulk
from tests.support.case import TestCase, readable


class BulkTests(TestCase):
    """Many rows in few statements."""

    def test_sizes(self) -> None:
        """Rows go out in groups of 128, 16, 4 and 1."""
        sizes = []

        def execute(text: str, values: Sequence[Any]) -> None:
            sizes.append(len(values) // 2)
            self.assertEqual(text.count("?"), len(values))

        Bulk("INSERT INTO t VALUES ", 2).run(execute, [(1, 2)] * (256 + 32 + 5))
        self.assertEqual(sizes, [128, 128, 32, 5])

    @readable
    @given(st.integers(0, 600))
    def test_keeps_every_row_in_order(self, count: int) -> None:
        """All rows arrive once, in their order, whatever their number."""
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b)")
        bulk = Bulk("INSERT INTO t (b) VALUES ", 1)
        bulk.run(database.execute, [(number,) for number in range(count)])
        found = database.execute("SELECT b FROM t ORDER BY a").fetchall()
        self.assertEqual(found, [(number,) for number in range(count)])
        database.close()


class SchemaTests(TestCase):
    """The tables and the column lists agree."""

    def setUp(self) -> None:
        self.database = open_database(":memory:", force_fsync=True)
        self.addCleanup(self.database.close)

    def columns(self, table: str) -> list[str]:
        """The columns of a table in order."""
        return [row[1] for row in self.database.execute(f"PRAGMA table_info({table})")]

    def plan(self, text: str, values: Sequence[object]) -> str:
        """How SQLite goes about a statement."""
        steps = self.database.execute(f"EXPLAIN QUERY PLAN {text}", values)
        return "\n".join(step[3] for step in steps)

    def test_columns(self) -> None:
        """The lists that the statements are made of are those of the tables."""
        self.assertEqual(self.columns("entry"), list(ENTRY_COLUMNS))
        self.assertEqual(self.columns("content"), list(CONTENT_COLUMNS))
        self.assertEqual(
            self.columns("quarantine"),
            ["number", "reason", *ENTRY_COLUMNS, *CONTENT_COLUMNS[1:]],
        )

    def test_no_statement_walks_a_table(self) -> None:
        """Rows are found by number or by the index of shared contents."""
        for text, values in (
            (statement.WAITING, (0, 10, 10)),
            (statement.NUMBERS, (0, 10)),
            (statement.SHARED_OF, ("[1]",)),
            (statement.DELETE_ENTRY, ("[1]",)),
            (statement.DELETE_OWN, ("[1]",)),
            (statement.DELETE_SHARED, ("[1]",)),
            (statement.BODIES_OF_THESE, ("[1]",)),
            (statement.BODIES_OF_ONE, (1,)),
            (statement.MAIL, (1,)),
            (statement.SET_ASIDE, ("why", 1)),
            (statement.SET_ENTRY_ASIDE, ("why", 1)),
        ):
            plan = self.plan(text, values)
            self.assertIn("SEARCH", plan, text)
            self.assertNotIn("SCAN entry", plan, text)
            self.assertNotIn("SCAN content", plan, text)
            self.assertNotIn("USE TEMP B-TREE FOR ORDER", plan, text)

    def test_a_start_reads_no_content(self) -> None:
        """What a start asks for is answered from the entries alone."""
        self.assertNotIn("content", self.plan(statement.WAITING, (0, 10, 10)))

    def test_updates_find_their_rows(self) -> None:
        """Many changes in one statement look each row up by its number."""
        plans = []

        def execute(text: str, values: Sequence[object]) -> None:
            plans.append(self.plan(text, values))

        statement.UPDATE_ENTRY.run(execute, [(1, 2.0, 3)] * 149)
        self.assertEqual(len(plans), 2)
        for plan in plans:
            self.assertIn("SEARCH entry USING INTEGER PRIMARY KEY", plan)
