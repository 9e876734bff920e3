"""What is said of damage and of a disk that takes nothing."""

from __future__ import annotations

import sqlite3

from twisted.logger import capturedLogs

from mcmtpush.errors import SpoolError, SpoolFullError
from mcmtpush.spool.answer import QUIET_SECONDS
from tests.spool.desk import FullDiskCase, WriterCase
from tests.spool.test_codec import a_submission
from tests.spool.test_store import (
    a_letter,
    open_store,
)


class DamagedPageTests(WriterCase):
    """Pages of the file that break while the program runs."""

    def setUp(self) -> None:
        super().setUp()
        self.entries = self.stored(200)
        self.store.close()
        self.path = self.place / "mcmtpush.db"
        database = sqlite3.connect(self.path)
        pages = database.execute(
            "SELECT pageno FROM dbstat WHERE name = 'entry' AND pagetype = 'leaf' "
            "ORDER BY path"
        ).fetchall()
        database.close()
        with self.path.open("r+b") as file:
            file.seek((pages[1][0] - 1) * 4096)
            file.write(b"\xa5" * 4096)
        self.store = open_store(self.place)
        self.addCleanup(self.store.close)
        self.writer = self.new_writer(self.store)

    def test_nobody_waits(self) -> None:
        """Removals and changes of its rows are given up, said, and count as done."""
        for entry in self.entries:
            entry.attempts = 9
        half = len(self.entries) // 2
        rows = [entry.row for entry in self.entries]
        done = [
            self.writer.reschedule(self.entries),
            self.writer.forget(rows[:half]),
            self.writer.bury([a_letter(row) for row in rows[half:]]),
        ]
        with capturedLogs() as logs:
            self.worker.go()
        for one in done:
            self.assertIsNone(self.successResultOf(one))
        self.assertTrue(logs)
        self.assertEqual({line["log_level"].name for line in logs}, {"error"})
        self.assertEqual(self.counters.get("spool.damaged"), len(logs))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_new_messages_and_reads_go_on(self) -> None:
        """All others are stored and read; a broken one is left out."""
        stored = self.writer.store(a_submission())
        loaded = self.writer.load([entry.row for entry in self.entries])
        with capturedLogs() as logs:
            self.worker.go()
        self.assertEqual(len(self.successResultOf(stored)), 1)
        found = self.successResultOf(loaded)
        self.assertTrue(100 < len(found) < 200, len(found))
        self.assertEqual(len(logs), 200 - len(found))

    def test_broken_beyond_that(self) -> None:
        """When nothing can be stored a client is refused, and the reason says what."""
        self.store.close()
        content = bytearray(self.path.read_bytes())
        content[8192:] = b"\xa5" * (len(content) - 8192)
        self.path.write_bytes(content)
        database = sqlite3.connect(self.path, isolation_level=None)
        self.store._connection = database
        self.addCleanup(database.close)
        stored = self.writer.store(a_submission())
        with capturedLogs():
            self.worker.go()
        error = self.failureResultOf(stored, SpoolError).value
        self.assertIn("run mcmtpush spool check", str(error))


class ComplaintTests(FullDiskCase):
    """Once a minute, and once when it is over."""

    def test_recovers(self) -> None:
        """When there is room again everything goes on, and both are said once."""
        with capturedLogs() as logs:
            for _ in range(3):
                refused = self.writer.store(self.big())
                self.worker.go()
                self.failureResultOf(refused, SpoolFullError)
            self.make_room()
            self.clock.advance(QUIET_SECONDS)
            for _ in range(2):
                stored = self.writer.store(self.big())
                self.worker.go()
                self.successResultOf(stored)
        self.assertEqual([line["log_level"].name for line in logs], ["error", "info"])

    def test_removals_are_no_relief(self) -> None:
        """A removal that succeeds does not end the complaint, once a minute."""
        with capturedLogs() as logs:
            for entry in self.entries[:4]:
                for done in (
                    self.writer.store(self.big()),
                    self.writer.forget([entry.row]),
                ):
                    self.worker.go()
                    done.addErrback(lambda failure: failure.trap(SpoolFullError))
                self.clock.advance(QUIET_SECONDS / 2)
        self.assertEqual([line["log_level"].name for line in logs], ["error"] * 2)


class QuarantineTests(WriterCase):
    """Rows that are set aside."""

    def test_unreadable_rows_are_told(self) -> None:
        """One diagnostic a row, a count, and the others come back."""
        good, bad = self.stored(2)
        self.execute(f"UPDATE entry SET message_context = '[' WHERE row = {bad.row}")
        loaded = self.writer.load([good.row, bad.row])
        with capturedLogs() as logs:
            self.worker.go()
        self.assertEqual(set(self.successResultOf(loaded)), {good.row})
        self.assertEqual(len(logs), 1)
        self.assertEqual(logs[0]["fault"].row, bad.row)
        self.assertEqual(self.counters.get("spool.quarantined"), 1)
