"""Group commit: who is told what, and when."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from mcmtpush.counters import Counters
from mcmtpush.errors import SpoolError, SpoolFullError
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.store import Store
from mcmtpush.spool.worker import WriterThread
from mcmtpush.spool.writer import (
    PURGED_AT_ONCE,
    QUIET_SECONDS,
    RETRY_SECONDS,
    SpoolWriter,
)
from mcmtpush.values import Entry, Submission
from tests.spool.test_codec import PUSH, a_message, a_submission, submissions
from tests.spool.test_store import (
    a_letter,
    copy_files,
    open_store,
    recover_all,
)
from tests.support.case import TestCase, readable


class HandWorker:
    """A worker that works when told, after the turn in which it was called."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given: list[Callable[[], None]] = []
        self.log: list[str] = []

    @property
    def jobs(self) -> list[Callable[[], None]]:
        """What is to be done once this turn is over."""
        self.clock.advance(0)
        return self.given

    def start(self) -> None:
        self.log.append("start")

    def run(self, job: Callable[[], None]) -> None:
        self.given.append(job)

    def close(self) -> None:
        self.log.append("close")

    def step(self) -> None:
        """Do the oldest job."""
        self.jobs.pop(0)()

    def go(self) -> None:
        """Do all jobs, those that come up meanwhile included."""
        while self.jobs:
            self.step()


class Calls:
    """Stands in for `callFromThread`: remembers, then calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, function: Callable[..., None], *args: object) -> None:
        self.count += 1
        function(*args)


class WriterCase(TestCase):
    """A writer over a real store, with a worker moved by hand."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.store = open_store(self.place)
        self.addCleanup(self.store.close)
        self.clock = Clock()
        self.worker = HandWorker(self.clock)
        self.calls = Calls()
        self.counters = Counters()
        self.writer = self.new_writer(self.store)

    def new_writer(self, store: Store) -> SpoolWriter:
        """A writer over a store."""
        return SpoolWriter(
            store,
            worker=self.worker,
            to_reactor=self.calls,
            clock=self.clock,
            counters=self.counters,
        )

    def stored(self, count: int = 1) -> list[Entry]:
        """Some messages, durable."""
        done = [self.writer.store(a_submission()) for _ in range(count)]
        self.worker.go()
        return [entry for one in done for entry in self.successResultOf(one)]

    def on_disk(self) -> set[int]:
        """The rows that another process would find if this one died now."""
        crashed = open_store(copy_files(self.place, Path(self.mktemp())))
        rows = {entry.row for _, entry in recover_all(crashed, 1000)}
        crashed.close()
        return rows

    def dead(self) -> int:
        """How many dead letters are on the disk."""
        found = self.store._connection.execute("SELECT count(*) FROM dead_letter")
        return int(found.fetchone()[0])

    def execute(self, sql: str) -> None:
        """Change the database through the store's own connection."""
        self.store._connection.execute(sql)


class StoreTests(WriterCase):
    """Storing."""

    def test_entries_are_durable_and_resident(self) -> None:
        """One entry a message, in order, with bodies, told only when on the disk."""
        first, second = a_message(recipient="a@x"), a_message(priority=1)
        done = self.writer.store(a_submission(first, second))
        self.assertNoResult(done)
        self.worker.go()
        one, two = self.successResultOf(done)
        self.assertEqual(self.on_disk(), {one.row, two.row})
        self.assertEqual((one.message, two.message), (first, second))
        self.assertIs(one.push, PUSH)
        self.assertEqual((one.priority, two.priority), (0, 1))
        self.assertEqual(one.received_at, first.received_at)
        self.assertEqual((one.attempts, one.next_attempt_at), (0, 0.0))
        self.assertLess(one.row, two.row)
        self.assertEqual(self.counters.get("spool.stored"), 2)

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

    def test_rows_count_up_in_order_of_asking(self) -> None:
        """Later messages have higher rows, whoever waits for what."""
        done = [self.writer.store(a_submission()) for _ in range(5)]
        self.worker.go()
        rows = [self.successResultOf(one)[0].row for one in done]
        self.assertEqual(rows, sorted(rows))
        self.assertEqual(len(set(rows)), 5)

    def test_what_comes_during_a_commit_is_in_the_next(self) -> None:
        """A store asked for by the answer to another gets a turn of its own."""
        chained = self.writer.store(a_submission())
        more: list[Deferred[Any]] = []
        chained.addCallback(lambda _: more.append(self.writer.store(a_submission())))
        self.worker.step()
        self.assertNoResult(more[0])
        self.worker.step()
        self.successResultOf(more[0])
        self.assertEqual(self.worker.jobs, [])

    def test_unstorable_context_fails_alone(self) -> None:
        """It never reaches the disk, and its neighbours do."""
        bad = a_submission(a_message(message_context={"a": "\ud800"}))
        refused, fine = self.writer.store(bad), self.writer.store(a_submission())
        self.failureResultOf(refused, SpoolError)
        self.worker.go()
        self.assertEqual(len(self.successResultOf(fine)), 1)

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

    def test_nothing_to_do_is_done(self) -> None:
        """Empty lists cost no commit."""
        self.successResultOf(self.writer.forget([]))
        self.successResultOf(self.writer.reschedule([]))
        self.assertEqual(self.worker.jobs, [])


class BuryTests(WriterCase):
    """Failed messages that are kept."""

    def test_rides_in_the_same_commit(self) -> None:
        """Told when durable, in one commit with everything else."""
        gone, kept = self.stored(2)
        commits = self.counters.get("spool.commits")
        done = [
            self.writer.bury([a_letter(gone.row)]),
            self.writer.forget([kept.row]),
        ]
        self.assertNoResult(done[0])
        self.worker.go()
        for one in done:
            self.assertIsNone(self.successResultOf(one))
        self.assertEqual((self.on_disk(), self.dead()), (set(), 1))
        self.assertEqual(self.counters.get("spool.commits"), commits + 1)
        self.assertEqual(self.counters.get("spool.buried"), 1)
        self.successResultOf(self.writer.bury([]))

    def test_purge_in_batches(self) -> None:
        """Batch after batch, with turns in between; how many is told at the end."""
        entries = self.stored(PURGED_AT_ONCE + 3)
        self.writer.bury([a_letter(one.row, keep_until=50.0) for one in entries[1:]])
        self.writer.bury([a_letter(entries[0].row, keep_until=99.0)])
        self.worker.go()
        purged = self.writer.purge_dead(60.0)
        stored = self.writer.store(a_submission())
        self.worker.step()
        self.successResultOf(stored)
        self.assertEqual(self.dead(), 3)
        self.worker.go()
        self.assertEqual(self.successResultOf(purged), PURGED_AT_ONCE + 2)
        self.assertEqual((self.dead(), self.counters.get("spool.purged")), (1, 502))
        again = self.writer.purge_dead(60.0)
        self.worker.go()
        self.assertEqual(self.successResultOf(again), 0)

    def test_failed_purge(self) -> None:
        """A purge that the disk does not take is an error, and no more than that."""
        self.execute("PRAGMA query_only = 1")
        purged = self.writer.purge_dead(60.0)
        self.worker.go()
        self.failureResultOf(purged, SpoolError)


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


class FullDiskTests(WriterCase):
    """No room: refuse the new, lose nothing of the old, block nobody."""

    def setUp(self) -> None:
        super().setUp()
        self.entries = self.stored(50)
        self.fill()

    def fill(self) -> None:
        """Not one page more."""
        (pages,) = self.store._connection.execute("PRAGMA page_count").fetchone()
        self.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        """The disk is enlarged."""
        self.execute("PRAGMA max_page_count = 1000000")

    def big(self) -> Submission:
        """More than fits into free space on existing pages."""
        return a_submission(mail=b"x" * 200_000)

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

    def test_stop_tells_what_was_not_written(self) -> None:
        """At the end nobody waits for ever: the rows stay, and that is said."""
        forgotten = self.writer.forget([self.first.row])
        with capturedLogs():
            self.worker.go()
        stopped = self.writer.stop()
        with capturedLogs():
            self.worker.go()
        self.failureResultOf(forgotten, SpoolError)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.on_disk()), 2)


class ReadTests(WriterCase):
    """Reading between commits."""

    def test_load(self) -> None:
        """Bodies come back by row."""
        first, second = self.stored(2)
        loaded = self.writer.load([second.row, first.row, 999_999])
        self.worker.go()
        expected = {row: (a_message(), PUSH) for row in (first.row, second.row)}
        self.assertEqual(self.successResultOf(loaded), expected)

    def test_load_mail(self) -> None:
        """The mail content comes by itself."""
        (entry,) = self.stored()
        mail = self.writer.load_mail(entry.row)
        self.worker.go()
        self.assertEqual(self.successResultOf(mail), b"mail\r\n")

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

    def test_failed_read_is_an_error(self) -> None:
        """A question that the disk does not answer fails, and the thread lives."""
        self.execute("ALTER TABLE content RENAME TO elsewhere")
        loaded = self.writer.load([1])
        self.worker.go()
        self.failureResultOf(loaded, SpoolError)
        self.execute("ALTER TABLE elsewhere RENAME TO content")
        self.assertEqual(len(self.stored()), 1)

    def test_recover(self) -> None:
        """A later process finds what this one left, and not what it stores itself."""
        left = [entry.row for entry in self.stored(3)]
        self.successResultOf(self.stop())
        self.store = open_store(self.place)
        self.addCleanup(self.store.close)
        self.writer = self.new_writer(self.store)
        self.stored(2)
        page = self.writer.recover(0, 2)
        rest = self.writer.recover(left[1], 2)
        end = self.writer.recover(left[2], 2)
        self.worker.go()
        found = self.successResultOf(page) + self.successResultOf(rest)
        self.assertEqual([entry.row for _, entry in found], left)
        self.assertEqual(self.successResultOf(end), [])

    def stop(self) -> Deferred[None]:
        """Stop the writer by hand."""
        stopped = self.writer.stop()
        self.worker.go()
        return stopped


class StopTests(WriterCase):
    """The end."""

    def test_finishes_what_is_queued(self) -> None:
        """Everything asked for before is done, then the log is in the database."""
        done = [self.writer.store(a_submission()) for _ in range(3)]
        page = self.writer.load([1])
        stopped = self.writer.stop()
        self.assertNoResult(stopped)
        self.worker.go()
        for one in [*done, page, stopped]:
            self.successResultOf(one)
        self.assertFalse((self.place / "mcmtpush.db-wal").exists())
        self.assertEqual(len(self.on_disk()), 3)
        self.assertEqual(self.worker.log, ["close"])

    def test_refuses_afterwards(self) -> None:
        """Late questions fail at once."""
        self.writer.stop()
        for late in (
            self.writer.store(a_submission()),
            self.writer.forget([1]),
            self.writer.load([1]),
        ):
            error = self.failureResultOf(late, SpoolError).value
            self.assertIn("closed", str(error))

    def test_starts_its_worker(self) -> None:
        """The thread begins when the writer does."""
        self.writer.start()
        self.assertEqual(self.worker.log, ["start"])


class ThreadTests(TestCase):
    """With a real thread, and a queue in place of the reactor."""

    def test_a_thousand_messages(self) -> None:
        """Answers come home on the caller's thread, few commits for many stores."""
        folder = self.mktemp()
        home: SimpleQueue[Any] = SimpleQueue()
        thread, counters, clock = WriterThread(), Counters(), Clock()
        writer = SpoolWriter(
            open_spool(folder, mode=0o600, force_fsync=True, pid=1),
            worker=thread,
            to_reactor=lambda function, *args: home.put((function, args)),
            clock=clock,
            counters=counters,
        )
        writer.start()
        done = []
        for _ in range(100):
            done += [writer.store(a_submission()) for _ in range(10)]
            clock.advance(0)
        while not all(one.called for one in done):
            function, args = home.get(timeout=30)
            function(*args)
        rows = [self.successResultOf(one)[0].row for one in done]
        self.assertEqual(rows, sorted(set(rows)))
        self.assertLess(counters.get("spool.commits"), 1000)
        forgotten = writer.forget(rows[1:])
        stopped = writer.stop()
        while not stopped.called:
            function, args = home.get(timeout=30)
            function(*args)
        self.successResultOf(forgotten)
        self.successResultOf(stopped)
        thread.join()
        database = sqlite3.connect(f"{folder}/mcmtpush.db")
        left = database.execute("SELECT row FROM entry").fetchall()
        database.close()
        self.assertEqual(left, [(rows[0],)])


class WriterMachine(RuleBasedStateMachine):
    """Turns, troubles and crashes in any order, beside what was promised."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.crashes = 0
        self.place = Path(self.folder.name) / "0"
        self.place.mkdir()
        self.waiting: list[Deferred[Any]] = []
        self.promised: set[int] = set()
        self.removing: set[int] = set()
        self.refused = 0
        self.begin()

    def begin(self) -> None:
        """A new process over the files."""
        self.store = open_store(self.place)
        self.clock = Clock()
        self.worker = HandWorker(self.clock)
        self.writer = SpoolWriter(
            self.store,
            worker=self.worker,
            to_reactor=Calls(),
            clock=self.clock,
            counters=Counters(),
        )

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(submission=submissions)
    def accept(self, submission: Submission) -> None:
        """A client sends something; from its answer on it is promised."""
        done = self.writer.store(submission)
        done.addCallbacks(self.promise, self.refuse)

    def promise(self, entries: list[Entry]) -> None:
        """The client has its 250."""
        self.promised |= {entry.row for entry in entries}

    def refuse(self, _: object) -> None:
        """The client has its 451."""
        self.refused += 1

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Some messages have their records: they may go."""
        if candidates := sorted(self.promised - self.removing):
            rows = set(data.draw(st.lists(st.sampled_from(candidates), min_size=1)))
            self.removing |= rows
            self.writer.forget(sorted(rows)).addCallback(
                lambda _: self.promised.__isub__(rows) and None
            )

    @rule()
    def turn(self) -> None:
        """The thread comes round."""
        with capturedLogs():
            self.worker.go()

    @rule(broken=st.booleans())
    def trouble(self, broken: bool) -> None:
        """The disk takes nothing, or takes all again."""
        self.store._connection.execute(f"PRAGMA query_only = {int(broken)}")
        self.clock.advance(RETRY_SECONDS)

    @rule()
    def crash(self) -> None:
        """Everything in memory is gone; every promise is on the disk."""
        self.crashes += 1
        place = copy_files(self.place, Path(self.folder.name) / str(self.crashes))
        self.store.close()
        self.place = place
        self.begin()
        found = {entry.row for _, entry in recover_all(self.store, 1000)}
        assert self.promised - self.removing <= found
        assert found <= self.promised
        self.promised = found
        self.removing = set()


class WriterMachineTests(TestCase):
    """The law: durable before 250."""

    @readable
    def test_machine(self) -> None:
        """Whatever was acknowledged is there after a crash at any moment."""
        run_state_machine_as_test(
            WriterMachine, settings=settings(max_examples=25, stateful_step_count=20)
        )
