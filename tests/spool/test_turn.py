"""What shares a commit, what is kept, and when reads have their turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from mcmtpush.errors import SpoolError, SpoolFullError, SpoolLostError
from mcmtpush.spool.answer import QUIET_SECONDS
from mcmtpush.spool.writer import (
    RETRY_SECONDS,
)
from mcmtpush.values import Entry
from tests.spool.desk import FullDiskCase, WriterCase
from tests.spool.test_codec import a_message, a_submission
from tests.spool.test_store import (
    a_letter,
)


class CommitTests(WriterCase):
    """Whatever waits."""

    def test_all_that_waits_shares_one_commit(self) -> None:
        """Stores, removals and changes of a turn are one commit and one call home."""
        gone, kept = self.stored(2)
        commits, calls = self.counters.get("spool.commits"), self.calls.count
        kept.attempts, kept.next_attempt_at = 3, 99.0
        done: list[Deferred[Any]] = [
            *(self.writer.store(a_submission()) for _ in range(20)),
            self.writer.forget([gone.row]),
            self.writer.reschedule([kept]),
        ]
        self.assertEqual(len(self.worker.jobs), 1)
        self.worker.go()
        for one in done:
            self.successResultOf(one)
        self.assertEqual(self.counters.get("spool.commits"), commits + 1)
        self.assertEqual(self.calls.count, calls + 1)
        self.assertEqual(len(self.on_disk()), 21)
        self.assertEqual(self.counters.get("spool.forgotten"), 1)
        self.assertEqual(self.counters.get("spool.rescheduled"), 1)

    def test_poison_in_a_batch_fails_alone(self) -> None:
        """One row that the database refuses does not keep the others from the disk."""
        (entry,) = self.stored()
        bad = self.writer.store(a_submission(a_message(sender="\udcff")))
        fine = self.writer.store(a_submission())
        forgotten = self.writer.forget([entry.row])
        with capturedLogs() as logs:
            self.worker.go()
        self.failureResultOf(bad, SpoolError)
        (saved,) = self.successResultOf(fine)
        self.assertIsNone(self.successResultOf(forgotten))
        self.assertEqual(self.on_disk(), {saved.row})
        self.assertEqual([line["log_level"].name for line in logs], ["error"])
        self.assertIn("surrogates", logs[0]["reason"])
        self.assertEqual(self.counters.get("spool.refused"), 1)


class LostFilesTests(WriterCase):
    """The database was removed: refuse the new, deliver the old."""

    def require(self) -> None:
        """What the watch over the files says."""
        if self.lost:
            raise SpoolLostError("mcmtpush.db was removed")

    def test_refuses_stores_only(self) -> None:
        """Removals and changes go on in the open file, and it is said what to do."""
        self.lost = True
        gone, kept, buried = self.stored(3)
        self.store._require_files = self.require
        refused = self.writer.store(a_submission())
        done: list[Deferred[Any]] = [
            self.writer.forget([gone.row]),
            self.writer.reschedule([kept]),
            self.writer.bury([a_letter(buried.row)]),
        ]
        loaded = self.writer.load([kept.row])
        with capturedLogs() as logs:
            self.worker.go()
        self.failureResultOf(refused, SpoolLostError)
        for one in done:
            self.assertIsNone(self.successResultOf(one))
        self.assertEqual(set(self.successResultOf(loaded)), {kept.row})
        self.assertEqual(self.on_disk(), {kept.row})
        self.assertIn("was removed", logs[0]["reason"])
        self.assertIn("restart", logs[0]["remedy"])

    def test_put_back(self) -> None:
        """New messages are taken again as soon as it is there."""
        self.lost = True
        self.store._require_files = self.require
        refused = self.writer.store(a_submission())
        with capturedLogs():
            self.worker.go()
        self.failureResultOf(refused, SpoolLostError)
        self.lost = False
        self.stored()


class FullDiskTests(FullDiskCase):
    """No room: refuse the new, lose nothing of the old, block nobody."""

    def test_refuses_stores_and_removes_all_the_same(self) -> None:
        """Stores of the batch get SpoolFullError; what makes room goes through."""
        entry, other = self.entries[:2]
        other.attempts = 4
        refused = [self.writer.store(self.big()), self.writer.store(self.big())]
        forgotten = self.writer.forget([entry.row])
        changed = self.writer.reschedule([other])
        with capturedLogs() as logs:
            self.worker.go()
        for one in refused:
            self.failureResultOf(one, SpoolFullError)
        self.successResultOf(forgotten)
        self.successResultOf(changed)
        self.assertEqual(self.on_disk(), {one.row for one in self.entries[1:]})
        self.assertIn("no room", logs[0]["reason"])

    def test_dead_letters_are_given_up(self) -> None:
        """Without room failed messages are removed and not kept, and that is said."""
        row = self.writer._next_row
        self.make_room()
        (big,) = self.stored_big()
        self.assertEqual(big.row, row)
        self.fill()
        self.execute("UPDATE reservation SET next_row = next_row")
        buried = self.writer.bury([a_letter(big.row)])
        self.patch(self.store, "_room", lambda: -1 << 40)
        with capturedLogs() as logs:
            self.worker.go()
        self.assertIsNone(self.successResultOf(buried))
        self.assertNotIn(big.row, self.on_disk())
        self.assertEqual(self.dead(), 0)
        self.assertEqual([line["log_level"].name for line in logs], ["warn"])
        self.assertEqual(self.counters.get("spool.not_kept"), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def stored_big(self) -> list[Entry]:
        """One that does not fit twice."""
        done = self.writer.store(self.big())
        self.worker.go()
        return self.successResultOf(done)


class UnwritableTests(WriterCase):
    """The disk takes nothing at all for a while."""

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second = self.stored(2)
        self.execute("PRAGMA query_only = 1")

    def test_removals_and_changes_are_kept(self) -> None:
        """What cannot be written now is written later, and told only then."""
        self.second.attempts = 7
        done = [
            self.writer.forget([self.first.row]),
            self.writer.reschedule([self.second]),
        ]
        with capturedLogs() as logs:
            self.worker.go()
            for _ in range(2):
                self.clock.advance(RETRY_SECONDS)
                self.worker.go()
            for one in done:
                self.assertNoResult(one)
            self.assertEqual(len(self.on_disk()), 2)
            self.execute("PRAGMA query_only = 0")
            self.clock.advance(QUIET_SECONDS)
            self.worker.go()
        for one in done:
            self.successResultOf(one)
        self.assertEqual(self.on_disk(), {self.second.row})
        self.assertEqual([line["log_level"].name for line in logs], ["error", "info"])
        self.assertEqual(logs[0]["kept"], 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_next_commit_takes_them_along(self) -> None:
        """Whatever is kept need not wait for its second chance by the clock."""
        forgotten = self.writer.forget([self.first.row])
        with capturedLogs():
            self.worker.go()
            self.execute("PRAGMA query_only = 0")
            stored = self.writer.store(a_submission())
            self.worker.go()
        self.successResultOf(forgotten)
        self.assertEqual(len(self.successResultOf(stored)), 1)

    def test_burials_are_kept(self) -> None:
        """So are letters to bury: the disk is not full, and may be mended."""
        buried = self.writer.bury([a_letter(self.first.row)])
        with capturedLogs():
            self.worker.go()
            self.assertNoResult(buried)
            self.execute("PRAGMA query_only = 0")
            self.clock.advance(RETRY_SECONDS)
            self.worker.go()
        self.assertIsNone(self.successResultOf(buried))
        self.assertEqual((self.on_disk(), self.dead()), ({self.second.row}, 1))

    def test_stores_fail_at_once(self) -> None:
        """A client gets its temporary answer, and not the one for a full disk."""
        refused = self.writer.store(a_submission())
        with capturedLogs():
            self.worker.go()
        error = self.failureResultOf(refused, SpoolError).value
        self.assertNotIsInstance(error, SpoolFullError)
        self.assertIn("readonly", str(error))
        self.assertEqual(len(self.on_disk()), 2)

    def test_reads_go_on(self) -> None:
        """What is on the disk can be delivered."""
        loaded = self.writer.load([self.first.row])
        self.worker.go()
        self.assertEqual(set(self.successResultOf(loaded)), {self.first.row})


class ReadTests(WriterCase):
    """Reading between commits."""

    def test_reads_see_the_commit_of_their_turn(self) -> None:
        """A question asked after a change is answered after it."""
        (entry,) = self.stored()
        forgotten = self.writer.forget([entry.row])
        loaded = self.writer.load([entry.row])
        self.worker.go()
        self.successResultOf(forgotten)
        self.assertEqual(self.successResultOf(loaded), {})

    def test_bodies_for_several_at_once(self) -> None:
        """Those of one turn are read together; each finds its own among them."""
        rows = [entry.row for entry in self.stored(4)]
        asked: list[list[int]] = []
        load = self.store.load

        def loads(wanted: Sequence[int]) -> Any:
            asked.append(list(wanted))
            return load(wanted)

        self.patch(self.store, "load", loads)
        pages = [self.writer.load(some) for some in (rows[2:], rows[:2], [rows[0]])]
        mail = self.writer.load_mail(rows[1])
        self.worker.go()
        self.assertEqual(asked, [sorted([*rows, rows[0]])])
        self.assertEqual(self.successResultOf(mail), b"mail\r\n")
        for page, some in zip(pages, (rows[2:], rows[:2], [rows[0]]), strict=True):
            self.assertLessEqual(set(some), set(self.successResultOf(page)))

    def test_all_of_them_fail(self) -> None:
        """What the disk does not answer it answers to nobody."""
        (entry,) = self.stored()
        self.execute("ALTER TABLE content RENAME TO elsewhere")
        pages = [self.writer.load([entry.row]) for _ in range(3)]
        self.worker.go()
        for page in pages:
            self.failureResultOf(page, SpoolError)
        self.execute("ALTER TABLE elsewhere RENAME TO content")

    def test_many_reads_let_commits_through(self) -> None:
        """Between pages a store gets its turn."""
        entries = self.stored(3)
        rows = [entry.row for entry in entries] * 400
        pages = [self.writer.load(rows) for _ in range(4)]
        self.worker.step()
        self.assertEqual(
            [bool(page.called) for page in pages], [True] * 2 + [False] * 2
        )
        stored = self.writer.store(a_submission())
        self.worker.step()
        self.assertEqual(len(self.successResultOf(stored)), 1)
        self.worker.go()
        for page in pages:
            self.assertEqual(len(self.successResultOf(page)), 3)

    def test_failed_read_is_an_error(self) -> None:
        """A question that the disk does not answer fails, and the thread lives."""
        self.execute("ALTER TABLE content RENAME TO elsewhere")
        loaded = self.writer.load([1])
        self.worker.go()
        self.failureResultOf(loaded, SpoolError)
        self.execute("ALTER TABLE elsewhere RENAME TO content")
        self.assertEqual(len(self.stored()), 1)
