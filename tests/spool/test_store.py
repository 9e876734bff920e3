"""The statements on a real database: durable, atomic, not stopped by damage."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.errors import SpoolCorruptError
from mcmtpush.spool.codec import (
    Bury,
    Delete,
    Insert,
    Operation,
    Update,
    bury_of,
    insert_of,
    rows_needed,
)
from mcmtpush.spool.database import open_database
from mcmtpush.spool.store import Store
from mcmtpush.values import DeadLetter, Entry, QueueKey, Submission
from tests.spool.test_codec import PUSH, a_message, a_submission, submissions
from tests.support.case import TestCase, readable


def a_letter(row: int, **changes: object) -> DeadLetter:
    """What the spool is told of a message that failed; keywords override."""
    letter = DeadLetter(row, 1700000900.5, 1700009000.0, 8, "Invalid token", 1)
    return evolve(letter, **changes)


def burial(*rows: int) -> Bury:
    """The operation that buries these."""
    return bury_of([a_letter(row) for row in rows])


def copy_files(source: Path, target: Path) -> Path:
    """What a crash at this moment would leave: database and log, as they are."""
    target.mkdir()
    for name in ("mcmtpush.db", "mcmtpush.db-wal"):
        if (source / name).exists():
            shutil.copy(source / name, target / name)
    return target


def open_store(place: Path) -> Store:
    """A store whose files can be copied at any time."""
    return Store(open_database(str(place / "mcmtpush.db"), force_fsync=False))


def recover_all(store: Store, page: int = 3) -> list[tuple[QueueKey, Entry]]:
    """All that an earlier process left, page by page."""
    found: list[tuple[QueueKey, Entry]] = []
    while entries := store.recover(found[-1][1].row if found else 0, page)[0]:
        found += entries
    return found


class StoreCase(TestCase):
    """A store on a file."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.store = self.open()

    def open(self) -> Store:
        """Open the files, as a new process would."""
        store = open_store(self.place)
        self.addCleanup(store.close)
        return store

    def reopen(self) -> Store:
        """Another process: the first one has ended."""
        self.store.close()
        self.store = self.open()
        return self.store

    def insert(self, submission: Submission | None = None) -> list[int]:
        """Store one transaction at the next free numbers; the rows of its entries."""
        self.row = getattr(self, "row", self.store.first_row)
        insert = insert_of(submission or a_submission(), self.row)
        self.row += rows_needed(submission or a_submission())
        self.store.apply([insert])
        return [row[0] for row in insert.entries]

    def damage(self, sql: str, values: Sequence[object] = ()) -> None:
        """Change the database behind the store's back."""
        other = sqlite3.connect(self.place / "mcmtpush.db", isolation_level=None)
        other.execute(sql, values)
        other.close()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        other = sqlite3.connect(self.place / "mcmtpush.db")
        (number,) = other.execute(f"SELECT count(*) FROM {table}").fetchone()
        other.close()
        return int(number)


class ApplyTests(StoreCase):
    """Writing batches."""

    def test_load_gives_back_what_was_stored(self) -> None:
        """Message and push part come back equal, the mail apart."""
        message = a_message(
            message_context={"binding": "x"}, connection_context={"ä": "ö"}, priority=1
        )
        submission = a_submission(message, mail=b"the mail")
        (row,) = self.insert(submission)
        self.assertEqual(self.store.load([row]), ({row: (message, PUSH)}, []))
        self.assertEqual(self.store.load_mail(row), b"the mail")

    def test_no_push_part(self) -> None:
        """A message without a push part comes back without one."""
        (row,) = self.insert(a_submission(push=None))
        self.assertEqual(self.store.load([row])[0][row], (a_message(), None))

    def test_absent_rows_are_left_out(self) -> None:
        """Rows that are not there are no error."""
        (row,) = self.insert()
        self.assertEqual(set(self.store.load([row, row + 50])[0]), {row})
        self.assertIsNone(self.store.load_mail(row + 50))

    def test_content_goes_with_its_entry(self) -> None:
        """Forgetting a single recipient removes both rows."""
        (row,) = self.insert()
        self.store.apply([Delete((row,))])
        self.assertEqual((self.count("entry"), self.count("content")), (0, 0))

    def test_shared_content_goes_with_the_last_entry(self) -> None:
        """The content of a transaction stays until its last recipient is forgotten."""
        first, second, third = self.insert(
            a_submission(
                a_message(recipient="a@x"),
                a_message(recipient="b@x"),
                a_message(recipient="c@x"),
                mail=b"shared",
            )
        )
        self.assertEqual(self.count("content"), 1)
        self.store.apply([Delete((first,)), Delete((third,))])
        self.assertEqual(self.count("content"), 1)
        self.assertEqual(self.store.load_mail(second), b"shared")
        self.assertEqual(self.store.load([second])[0][second][0].recipient, "b@x")
        self.store.apply([Delete((second,))])
        self.assertEqual(self.count("content"), 0)

    def test_whole_shared_transaction_at_once(self) -> None:
        """Forgetting all recipients in one batch removes the content."""
        rows = self.insert(a_submission(a_message(), a_message()))
        (other,) = self.insert()
        self.store.apply([Delete(tuple(rows))])
        self.assertEqual((self.count("entry"), self.count("content")), (1, 1))
        self.assertEqual(set(self.store.load([other])[0]), {other})

    def test_update_survives(self) -> None:
        """Attempts and next attempt survive a restart, the last word winning."""
        (row,) = self.insert()
        (other,) = self.insert()
        self.store.apply([Update(((1, 5.0, row),)), Update(((2, 7.25, row),))])
        entries = {entry.row: entry for _, entry in recover_all(self.reopen())}
        self.assertEqual(
            (entries[row].attempts, entries[row].next_attempt_at), (2, 7.25)
        )
        self.assertEqual(
            (entries[other].attempts, entries[other].next_attempt_at), (0, 0)
        )

    def test_refused_batch_leaves_nothing(self) -> None:
        """When one row is refused nothing of the batch is written."""
        (row,) = self.insert()
        self.row += 1
        good = insert_of(a_submission(), self.row)
        twice = insert_of(a_submission(), row)
        with self.assertRaises(sqlite3.IntegrityError):
            self.store.apply([good, Delete((row,)), twice])
        self.assertEqual(set(self.store.load([row, self.row])[0]), {row})

    def test_apply_each_saves_the_others(self) -> None:
        """Apart from the one at fault everything is written."""
        (row,) = self.insert()
        (gone,) = self.insert()
        good = insert_of(a_submission(), self.row)
        bad = insert_of(a_submission(a_message(sender="\ud800")), self.row + 1)
        twice = insert_of(a_submission(), row)
        outcomes = self.store.apply_each(
            [bad, good, twice, Delete((gone,)), Update(((3, 4.0, row),))]
        )
        self.assertEqual(
            [type(outcome) for outcome in outcomes],
            [UnicodeEncodeError, type(None), sqlite3.IntegrityError] + [type(None)] * 2,
        )
        entries = {entry.row: entry.attempts for _, entry in recover_all(self.reopen())}
        self.assertEqual(entries, {row: 3, self.row: 0})

    def test_apply_each_goes_down_to_rows(self) -> None:
        """A number that cannot be one does not keep the others of its list."""
        (first,) = self.insert()
        (second,) = self.insert()
        huge = 1 << 70
        outcomes = self.store.apply_each(
            [Update(((1, 1.0, first), (1, 1.0, huge), (2, 1.0, second)))]
        )
        self.assertIsInstance(outcomes[0], OverflowError)
        attempts = [entry.attempts for _, entry in recover_all(self.reopen())]
        self.assertEqual(attempts, [1, 2])

    def test_failed_apply_each_keeps_its_reservation_honest(self) -> None:
        """Numbers given out later are reserved on the disk even so."""
        self.damage(
            "CREATE TRIGGER no BEFORE UPDATE ON reservation "
            "BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
        )
        with self.assertRaises(sqlite3.IntegrityError):
            self.store.apply_each([insert_of(a_submission(), self.store.first_row)])
        self.damage("DROP TRIGGER no")
        (row,) = self.insert()
        self.store.apply([Delete((row,))])
        self.assertGreater(self.reopen().first_row, row)


class DamageTests(StoreCase):
    """Rows that cannot be read are set aside, and the rest goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.rows = [self.insert(a_submission(mail=b"kept"))[0] for _ in range(5)]
        self.bad = self.rows[2]
        self.good = [row for row in self.rows if row != self.bad]

    def test_wrong_types_at_the_start(self) -> None:
        """A value of another type is found by the start, and kept for the operator."""
        self.damage("UPDATE entry SET received_at = 'soon' WHERE row = ?", [self.bad])
        page, faults = self.reopen().recover(0, 100)
        self.assertEqual([entry.row for _, entry in page], self.good)
        self.assertEqual([fault.row for fault in faults], [self.bad])
        self.assertIn("wrong type", faults[0].reason)
        other = sqlite3.connect(self.place / "mcmtpush.db")
        kept = other.execute(
            "SELECT row, received_at, id, mail, reason FROM quarantine"
        )
        self.assertEqual(
            kept.fetchall(),
            [(self.bad, "soon", a_message().id, b"kept", faults[0].reason)],
        )
        other.close()
        self.assertEqual((self.count("entry"), self.count("content")), (4, 4))
        self.assertEqual(self.reopen().recover(0, 100)[1], [])

    def test_whole_page_of_bad_rows(self) -> None:
        """A page of nothing but bad rows is not taken for the end."""
        self.damage("UPDATE entry SET size = 'x' WHERE row <= ?", [self.rows[3]])
        page, faults = self.reopen().recover(0, 2)
        self.assertEqual([entry.row for _, entry in page], self.rows[4:])
        self.assertEqual([fault.row for fault in faults], self.rows[:4])

    def test_bad_rows_when_loading(self) -> None:
        """Broken contexts, missing contents and texts that are none are left out."""
        for change in (
            "UPDATE entry SET message_context = '{' WHERE row = ?",
            "UPDATE entry SET sender = x'00' WHERE row = ?",
            "UPDATE content SET payload = 'text' WHERE row = ?",
            "UPDATE entry SET sender = CAST(x'ff41' AS TEXT) WHERE row = ?",
            "DELETE FROM content WHERE row = ?",
        ):
            (bad,) = self.insert()
            self.damage(change, [bad])
            before = self.count("quarantine")
            bodies, faults = self.store.load([*self.good, bad])
            self.assertEqual(set(bodies), set(self.good), change)
            self.assertEqual([fault.row for fault in faults], [bad], change)
            self.assertEqual(self.count("quarantine"), before + 1)
            self.assertEqual(self.store.load([bad]), ({}, []))

    def test_text_that_is_none_at_the_start(self) -> None:
        """A domain that is not UTF-8 is stepped over and set aside whole."""
        change = "UPDATE entry SET domain = CAST(x'ff41' AS TEXT) WHERE row = ?"
        self.damage(change, [self.bad])
        found = self.reopen().recover(0, 100)
        rows = [entry.row for _, entry in found[0]]
        while page := self.store.recover(rows[-1], 100)[0]:
            rows += [entry.row for _, entry in page]
        self.assertEqual(rows, self.good)
        self.assertEqual(self.count("quarantine"), 1)
        self.assertEqual(self.count("entry"), 4)

    def test_shared_content_survives_a_bad_entry(self) -> None:
        """The other recipients keep the content of one that was set aside."""
        first, second = self.insert(a_submission(a_message(), a_message()))
        self.damage("UPDATE entry SET size = 'x' WHERE row = ?", [first])
        bodies, faults = self.store.load([first, second])
        self.assertEqual((set(bodies), len(faults)), ({second}, 1))
        self.assertEqual(self.store.load_mail(second), b"mail\r\n")

    def test_disk_errors_are_not_damage(self) -> None:
        """When the disk fails nothing is set aside: the error goes up."""
        self.damage("UPDATE entry SET size = 'x' WHERE row = ?", [self.bad])
        self.reopen().close()
        for ask in (
            lambda: self.store.load(self.rows),
            lambda: self.store.recover(0, 5),
        ):
            with self.assertRaises(sqlite3.ProgrammingError):
                ask()
        self.assertEqual(self.count("quarantine"), 0)


class BrokenPageTests(StoreCase):
    """Pages of the file that are overwritten with rubbish."""

    def setUp(self) -> None:
        super().setUp()
        self.rows = []
        for _ in range(10):
            operations = []
            for _ in range(40):
                self.row = getattr(self, "row", self.store.first_row)
                operations.append(insert_of(a_submission(mail=b"m" * 900), self.row))
                self.rows.append(self.row)
                self.row += 1
            self.store.apply(operations)

    def break_page(self, table: str, which: int) -> None:
        """Overwrite one leaf page of a table, with nobody looking."""
        self.store.close()
        path = self.place / "mcmtpush.db"
        database = sqlite3.connect(path)
        pages = database.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' "
            "ORDER BY path",
            [table],
        ).fetchall()
        database.close()
        with path.open("r+b") as file:
            file.seek((pages[which][0] - 1) * 4096)
            file.write(b"\xa5" * 4096)
        self.store = self.open()

    def test_broken_entries(self) -> None:
        """A start steps over a broken page and says which rows it concerns."""
        self.break_page("entry", 3)
        entries, faults = [], []
        after = 0
        while True:
            page, found = self.store.recover(after, 100)
            faults += found
            if not page:
                break
            entries += [entry.row for _, entry in page]
            after = entries[-1]
        self.assertEqual(entries, sorted(set(entries)))
        missing = sorted(set(self.rows) - set(entries))
        self.assertTrue(missing)
        self.assertEqual(missing, list(range(missing[0], missing[-1] + 1)))
        self.assertLess(len(missing), 60)
        self.assertEqual([fault.row for fault in faults], [missing[0]])
        self.assertIn(f"every row up to {missing[-1]}", faults[0].reason)

    def test_broken_contents(self) -> None:
        """Of a page to load, the rows whose contents are broken are set aside."""
        self.break_page("content", 5)
        bodies, faults = self.store.load(self.rows)
        missing = sorted(set(self.rows) - set(bodies))
        self.assertTrue(missing)
        self.assertLess(len(missing), 10)
        self.assertEqual(sorted(fault.row for fault in faults), missing)
        self.assertEqual(self.store.load(self.rows)[0], bodies)

    def missing_contents(self) -> list[int]:
        """Rows whose contents cannot be read, as another process sees it."""
        other = open_store(copy_files(self.place, Path(self.mktemp())))
        missing = set(self.rows) - set(other.load(self.rows)[0])
        other.close()
        return sorted(missing)

    def missing_entries(self) -> list[int]:
        """Rows that a start steps over."""
        other = open_store(copy_files(self.place, Path(self.mktemp())))
        found: set[int] = set()
        while page := other.recover(max(found, default=0), 100)[0]:
            found |= {entry.row for _, entry in page}
        other.close()
        return sorted(set(self.rows) - found)

    def test_forget_with_broken_contents(self) -> None:
        """Those whose contents cannot go are told, and never delivered again."""
        self.break_page("content", 5)
        missing = self.missing_contents()
        (outcome,) = self.store.apply_each([Delete(tuple(self.rows))])
        assert isinstance(outcome, SpoolCorruptError)
        self.assertLess(self.count("ended"), 40)
        self.assertEqual(self.count("entry"), self.count("ended"))
        other = sqlite3.connect(self.place / "mcmtpush.db")
        self.addCleanup(other.close)
        ended = {row for (row,) in other.execute("SELECT row FROM ended")}
        self.assertLessEqual(set(missing), ended)
        self.assertEqual(self.reopen().recover(0, 500), ([], []))

    def test_bury_with_broken_contents(self) -> None:
        """They are kept without their bodies, the others whole."""
        self.break_page("content", 5)
        missing = self.missing_contents()
        (outcome,) = self.store.apply_each([burial(*self.rows)])
        assert isinstance(outcome, SpoolCorruptError)
        self.assertEqual(self.count("dead_letter"), 400)
        other = sqlite3.connect(self.place / "mcmtpush.db")
        self.addCleanup(other.close)
        bare = other.execute("SELECT row FROM dead_letter WHERE mail IS NULL")
        self.assertEqual([row for (row,) in bare], missing)
        self.assertEqual(self.reopen().recover(0, 500), ([], []))

    def test_broken_entries_cannot_be_changed(self) -> None:
        """What stands on a broken page stays, is named, and holds up nobody."""
        self.break_page("entry", 3)
        missing = self.missing_entries()
        good = [row for row in self.rows if row not in missing]
        half = len(good) // 2
        outcomes = self.store.apply_each(
            [
                Update(tuple((7, 9.0, row) for row in self.rows)),
                Delete((*missing[:3], *good[:half])),
                burial(*missing[3:], *good[half:]),
            ]
        )
        for outcome in outcomes:
            self.assertIsInstance(outcome, SpoolCorruptError)
        other = sqlite3.connect(self.place / "mcmtpush.db")
        self.addCleanup(other.close)
        dead = other.execute("SELECT row FROM dead_letter WHERE attempts = 7")
        self.assertLessEqual(set(good[half:]), {row for (row,) in dead})
        left, _ = self.reopen().recover(0, 500)
        self.assertEqual(left, [])


class CrashTests(TestCase):
    """What a crash leaves at any moment, also in the middle of a commit."""

    @readable
    @settings(max_examples=15)
    @given(st.lists(submissions, min_size=1, max_size=5), st.randoms())
    def test_torn_log(self, batches: list[Submission], dice: object) -> None:
        """Whatever part of the log is there, every commit in it is, and no half one."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            store = open_store(place)
            log = place / "mcmtpush.db-wal"
            row, states = store.first_row, [(log.stat().st_size, set[int]())]
            for batch in batches:
                insert = insert_of(batch, row)
                row += rows_needed(batch)
                store.apply([insert])
                known = states[-1][1] | {entry[0] for entry in insert.entries}
                states.append((log.stat().st_size, known))
            cut = dice.randrange(states[0][0], states[-1][0] + 1)  # type: ignore[attr-defined]
            torn = copy_files(place, place / "torn")
            with (torn / "mcmtpush.db-wal").open("r+b") as file:
                file.truncate(cut)
            durable = [rows for size, rows in states if size <= cut][-1]
            after = open_store(torn)
            found = {entry.row for _, entry in recover_all(after, 100)}
            self.assertEqual(found, durable)
            for entry_row in found:
                self.assertEqual(set(after.load([entry_row])[0]), {entry_row})
            after.close()
            store.close()

    @readable
    @settings(max_examples=15)
    @given(st.lists(submissions, min_size=1, max_size=5), st.randoms())
    def test_torn_checkpoint(self, batches: list[Submission], dice: object) -> None:
        """Whichever pages had gone from the log to the database, nothing is lost."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            store = open_store(place)
            row, stored = store.first_row, set[int]()
            for batch in batches:
                insert = insert_of(batch, row)
                row += rows_needed(batch)
                store.apply([insert])
                stored |= {entry[0] for entry in insert.entries}
            torn = copy_files(place, place / "torn")
            store._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            (size,) = store._connection.execute("PRAGMA page_size").fetchone()
            new = (place / "mcmtpush.db").read_bytes()
            with (torn / "mcmtpush.db").open("r+b") as file:
                for at in range(0, len(new), size):
                    if dice.random() < 0.5:  # type: ignore[attr-defined]
                        file.seek(at)
                        file.write(new[at : at + size])
            after = open_store(torn)
            found = {entry.row for _, entry in recover_all(after, 100)}
            self.assertEqual(found, stored)
            self.assertEqual(set(after.load(sorted(found))[0]), found)
            after.close()
            store.close()


class StoreMachine(RuleBasedStateMachine):
    """A store beside a dictionary; a crash may come between any two commits."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.crashes = 0
        self.place = Path(self.folder.name) / "0"
        self.place.mkdir()
        self.store = open_store(self.place)
        self.row = self.store.first_row
        self.used: set[int] = set()
        self.model: dict[int, tuple[object, object, object, int, float]] = {}
        self.dead: dict[int, object] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def inserts(self, batch: list[Submission]) -> list[Insert]:
        """Rows of some transactions, which the model gets as well."""
        operations = []
        for submission in batch:
            insert = insert_of(submission, self.row)
            self.row += rows_needed(submission)
            operations.append(insert)
            for entry, message in zip(insert.entries, submission.messages, strict=True):
                body = (message, submission.push, submission.mail)
                self.model[entry[0]] = (*body, 0, 0.0)
        return operations

    def chosen(self, data: st.DataObject) -> list[int]:
        """Some rows that are there."""
        return data.draw(st.lists(st.sampled_from(sorted(self.model)), unique=True))

    @rule(data=st.data(), batch=st.lists(submissions, max_size=3))
    def commit(self, data: st.DataObject, batch: list[Submission]) -> None:
        """One batch: changes and removals of what is there, and something new."""
        operations: list[Operation] = []
        if self.model:
            changed, removed = self.chosen(data), self.chosen(data)
            for row in changed:
                attempts, at = len(self.used), row / 4
                operations.append(Update(((attempts, at, row),)))
                self.model[row] = (*self.model[row][:3], attempts, at)
            buried = data.draw(st.sets(st.sampled_from(removed))) if removed else set()
            removed = [row for row in removed if row not in buried]
            operations += [Delete(tuple(removed))] if removed else []
            operations += [burial(*buried)] if buried else []
            for row in buried:
                self.dead[row] = self.model.pop(row)[2]
            for row in removed:
                del self.model[row]
        inserts = self.inserts(batch)
        rows = {row[0] for insert in inserts for row in insert.entries}
        assert not rows & self.used
        self.used |= rows
        self.store.apply(operations + inserts)

    @rule(batch=st.lists(submissions, min_size=1, max_size=2))
    def refused(self, batch: list[Submission]) -> None:
        """A batch that fails leaves no trace."""
        before = dict(self.model)
        operations = self.inserts(batch)
        self.model = before
        try:
            self.store.apply([*operations, operations[0]])
        except sqlite3.IntegrityError:
            return
        raise AssertionError("a row was stored twice")

    @rule()
    def crash(self) -> None:
        """Power off: only what was on the disk is left."""
        self.crashes += 1
        place = copy_files(self.place, Path(self.folder.name) / str(self.crashes))
        self.store.close()
        self.place, self.store = place, open_store(place)
        assert self.store.first_row > max(self.used, default=0)
        self.row = self.store.first_row
        found = {
            entry.row: (entry.attempts, entry.next_attempt_at)
            for _, entry in recover_all(self.store)
        }
        assert found == {row: values[3:] for row, values in self.model.items()}

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """What is read is what was stored."""
        rows = self.chosen(data)
        bodies, faults = self.store.load(rows)
        assert not faults
        assert bodies == {row: self.model[row][:2] for row in rows}
        for row in rows:
            assert self.store.load_mail(row) == self.model[row][2]

    @invariant()
    def no_orphans(self) -> None:
        """Every content belongs to somebody, and nobody lacks one."""
        connection = self.store._connection
        (orphans,) = connection.execute(
            "SELECT count(*) FROM content WHERE row NOT IN "
            "(SELECT coalesce(content, row) FROM entry)"
        ).fetchone()
        assert orphans == 0
        (entries,) = connection.execute("SELECT count(*) FROM entry").fetchone()
        assert entries == len(self.model)

    @invariant()
    def the_dead_are_kept(self) -> None:
        """Each has its own mail, whoever shared it."""
        found = self.store._connection.execute("SELECT row, mail FROM dead_letter")
        assert dict(found.fetchall()) == self.dead


class StoreMachineTests(TestCase):
    """The store against its model."""

    @readable
    def test_machine(self) -> None:
        """Nothing acknowledged is lost, nothing refused is left, through crashes."""
        run_state_machine_as_test(
            StoreMachine, settings=settings(max_examples=25, stateful_step_count=15)
        )


class CorruptErrorTests(TestCase):
    """The text for operators."""

    def test_text(self) -> None:
        """It names the row and the reason."""
        self.assertEqual(
            str(SpoolCorruptError(5, "no content")),
            "spool row 5 is unreadable: no content",
        )
