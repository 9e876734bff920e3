"""Group commit: who is told what, and when."""

from __future__ import annotations

import sqlite3
import tempfile
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
from mcmtpush.errors import SpoolError
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.worker import WriterThread
from mcmtpush.spool.writer import (
    PURGED_AT_ONCE,
    RETRY_SECONDS,
    SpoolWriter,
)
from mcmtpush.values import Entry, Submission
from tests.spool.desk import Calls, HandWorker, WriterCase
from tests.spool.test_codec import PUSH, a_message, a_submission, submissions
from tests.spool.test_store import (
    a_letter,
    copy_files,
    open_store,
    recover_all,
)
from tests.support.case import TestCase, readable


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

    def test_stop_tells_what_was_not_written(self) -> None:
        """At the end nobody waits for ever: the rows stay, and that is said."""
        first, _ = self.stored(2)
        self.execute("PRAGMA query_only = 1")
        forgotten = self.writer.forget([first.row])
        with capturedLogs():
            self.worker.go()
        stopped = self.writer.stop()
        with capturedLogs():
            self.worker.go()
        self.failureResultOf(forgotten, SpoolError)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.on_disk()), 2)


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
