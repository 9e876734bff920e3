"""Dead letters beside their owner."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from attrs import evolve

from mcmtpush.errors import SpoolError
from mcmtpush.spool import dead as module
from mcmtpush.spool.codec import bury_of, insert_of
from mcmtpush.spool.dead import AllDeadLetters, DeadLetters, Letter, Original, Selection
from mcmtpush.values import QueueKey, Submission
from tests.spool.test_codec import KEY, PUSH, a_message, a_submission
from tests.spool.test_database import make_version_1
from tests.spool.test_store import a_letter, open_store
from tests.support.case import TestCase


class DeadCase(TestCase):
    """A spool with a store at work."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.path = str(self.place / "mcmtpush.db")
        self.store = open_store(self.place)
        self.addCleanup(self.store.close)
        self.row = self.store.first_row

    def die(self, submission: Submission | None = None, **changes: object) -> int:
        """A message comes in and fails for good; its row."""
        row, self.row = self.row, self.row + 1
        self.store.apply([insert_of(submission or a_submission(), row)])
        self.store.apply([bury_of([a_letter(row, **changes)])])
        return row

    def letters(self) -> DeadLetters:
        """As the command sees them."""
        letters = DeadLetters(self.path)
        self.addCleanup(letters.close)
        return letters

    def rows(self, selection: Selection) -> list[int]:
        """Which ones are selected."""
        return [letter.row for letter in self.letters().select(selection)]


class SelectTests(DeadCase):
    """Which ones."""

    def test_all_of_one(self) -> None:
        """Everything that is kept comes back."""
        message = a_message(message_context={"a": "b"})
        row = self.die(a_submission(message, mail=b"the mail"))
        letters = self.letters()
        (letter,) = letters.select(Selection())
        self.assertEqual(
            letter,
            Letter(
                row=row,
                id=message.id,
                batch_id=message.batch_id,
                connection_id=message.connection_id,
                received_at=message.received_at,
                died_at=1700000900.5,
                keep_until=1700009000.0,
                sender=message.sender,
                recipient=message.recipient,
                binding_group=KEY.binding_group,
                binding=KEY.binding,
                domain=KEY.domain,
                attempts=1,
                size=message.size,
                connection_context=None,
                message_context='{"a":"b"}',
                status=8,
                reason="Invalid token",
                token=PUSH.token,
                return_path=None,
                replayed_as=None,
            ),
        )
        self.assertEqual(letters.original(letter), Original(PUSH.payload, b"the mail"))
        self.assertIsNone(letters.original(evolve(letter, row=row + 1)))

    def test_filters(self) -> None:
        """All that is asked for must hold."""
        other = QueueKey("g", "b", "other.example")
        first = self.die(died_at=10.0)
        second = self.die(a_submission(a_message(id="A", key=other)), died_at=20.0)
        third = self.die(a_submission(a_message(id="B")), died_at=20.0, status=None)
        for selection, rows in (
            (Selection(), [first, second, third]),
            (Selection(domain="OTHER.example"), [second]),
            (Selection(since=20.0), [second, third]),
            (Selection(since=20.5), []),
            (Selection(status=8), [first, second]),
            (Selection(ids=("B", "A", "C")), [second, third]),
            (Selection(ids=("B", "A"), status=8), [second]),
            (Selection(domain="other.example", since=21.0), []),
        ):
            self.assertEqual(self.rows(selection), rows, selection)

    def test_in_order_of_death_page_by_page(self) -> None:
        """The one that died first is first, however many pages there are."""
        self.patch(module, "PAGE", 3)
        rows = [self.die(died_at=float(-(number // 2))) for number in range(9)]
        expected = sorted(rows, key=lambda row: (-(rows.index(row) // 2), row))
        self.assertEqual(self.rows(Selection()), expected)

    def test_never_meets_what_came_later(self) -> None:
        """Messages that come in while it reads are not among them."""
        self.patch(module, "PAGE", 1)
        row = self.die()
        found = self.letters().select(Selection())
        self.assertEqual(next(found).row, row)
        self.die(died_at=1800000000.0)
        self.assertEqual(list(found), [])

    def test_does_not_hold_up_the_log(self) -> None:
        """In the middle of reading, the owner can empty its log."""
        self.patch(module, "PAGE", 1)
        self.die()
        self.die()
        found = self.letters().select(Selection())
        next(found)
        self.die()
        checkpoint = self.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assertEqual(checkpoint.fetchone(), (0, 0, 0))


class MarkTests(DeadCase):
    """What was replayed."""

    def test_mark(self) -> None:
        """The note is seen by everybody at once."""
        self.die()
        letters = self.letters()
        letters.prepare_marks()
        (letter,) = letters.select(Selection())
        letters.mark(letter, "99/00-12345-C6DD1CA4")
        (marked,) = self.letters().select(Selection())
        self.assertEqual(marked, evolve(letter, replayed_as="99/00-12345-C6DD1CA4"))

    def test_busy(self) -> None:
        """An owner that does not let go is told, after a short while."""
        self.die()
        letters = self.letters()
        letters.prepare_marks()
        (letter,) = letters.select(Selection())
        assert letters._marker is not None
        letters._marker.execute("PRAGMA busy_timeout = 1")
        with self.store._transaction(), self.assertRaisesRegex(SpoolError, "locked"):
            letters.mark(letter, "x")


class OpenTests(DeadCase):
    """What can be read."""

    def test_version_1(self) -> None:
        """A spool that keeps none yet says how it will."""
        path = self.mktemp()
        make_version_1(path)
        with self.assertRaisesRegex(SpoolError, "start the gateway once"):
            DeadLetters(path)

    def test_damage_is_told(self) -> None:
        """A table that cannot be read is an error with a reason."""
        letters = self.letters()
        self.store._connection.execute("DROP TABLE dead_letter")
        with self.assertRaisesRegex(SpoolError, "no such table"):
            list(letters.select(Selection()))

    def test_texts_that_are_none(self) -> None:
        """Broken texts come as far as they can be read."""
        row = self.die()
        self.store._connection.execute(
            "UPDATE dead_letter SET recipient = CAST(x'61ff' AS TEXT)"
        )
        (letter,) = self.letters().select(Selection())
        self.assertEqual((letter.row, letter.recipient), (row, "a\ufffd"))

    def test_without_its_owner(self) -> None:
        """It reads after the owner's end as well, and leaves the database sound."""
        row = self.die()
        self.store.close()
        self.assertEqual(self.rows(Selection()), [row])
        database = sqlite3.connect(self.path)
        self.addCleanup(database.close)
        self.assertEqual(
            database.execute("PRAGMA integrity_check").fetchall(), [("ok",)]
        )


class AllTests(DeadCase):
    """Letters of several workers."""

    def test_in_one_order(self) -> None:
        """As they died, each with its own bodies and its own mark."""
        second = self.place / "worker-2"
        second.mkdir()
        other = open_store(second)
        self.addCleanup(other.close)
        for at in (10.0, 30.0):
            self.die(a_submission(mail=b"first"), died_at=at)
        self.store = other
        self.row = self.store.first_row
        for at in (20.0, 40.0):
            self.die(a_submission(mail=b"second"), died_at=at)
        letters = AllDeadLetters([self.path, str(second / "mcmtpush.db")])
        self.addCleanup(letters.close)
        found = list(letters.select(Selection()))
        self.assertEqual([each.died_at for each in found], [10, 20, 30, 40])
        mails = [
            original.mail for each in found if (original := letters.original(each))
        ]
        self.assertEqual(mails, [b"first", b"second"] * 2)
        letters.prepare_marks()
        letters.mark(found[1], "new")
        marks = [each.replayed_as for each in letters.select(Selection())]
        self.assertEqual(marks, [None, "new", None, None])
        self.assertEqual(found[0].row, found[1].row)
