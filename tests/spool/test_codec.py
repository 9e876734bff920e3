"""Values to rows and back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import SpoolCorruptError, SpoolError
from mcmtpush.spool.codec import (
    BODY_COLUMNS,
    CONTENT_COLUMNS,
    ENTRY_COLUMNS,
    WAITING_COLUMNS,
    Insert,
    body_of,
    insert_of,
    rows_needed,
    update_of,
    waiting_of,
)
from mcmtpush.values import Entry, Message, PushPart, QueueKey, Submission
from tests.support.case import TestCase, readable


KEY = QueueKey("default", "default", "apn_example.com")


def a_message(**changes: Any) -> Message:
    """One message; keywords override."""
    values: dict[str, Any] = {
        "id": "10/00-12345-C6DD1CA4",
        "batch_id": "20/00-12345-C6DD1CA4",
        "connection_id": "30/00-12345-C6DD1CA4",
        "received_at": 1700000000.123456,
        "sender": "sender@example.com",
        "recipient": "4711@apn_example.com",
        "key": KEY,
        "size": 1024,
    }
    return Message(**{**values, **changes})


PUSH = PushPart("ab" * 32, b'{"aps":{"alert":"hi"}}')


def a_submission(
    *messages: Message, mail: bytes = b"mail\r\n", push: PushPart | None = PUSH
) -> Submission:
    """One transaction; of one message unless told."""
    return Submission(messages or (a_message(),), mail, push)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_contexts = st.dictionaries(_texts, _texts, max_size=3)
pushes = st.none() | st.builds(
    PushPart, _texts, st.binary(max_size=20), st.none() | _texts, _contexts
)
messages = st.builds(
    Message,
    id=_texts,
    batch_id=_texts,
    connection_id=_texts,
    received_at=st.floats(0, 1e11),
    sender=_texts,
    recipient=_texts,
    key=st.builds(QueueKey, _texts, _texts, _texts),
    size=st.integers(0, 1 << 40),
    priority=st.integers(0, 1),
    connection_context=_contexts,
    message_context=_contexts,
)
submissions = st.builds(
    Submission,
    st.lists(messages, min_size=1, max_size=4).map(tuple),
    st.binary(max_size=50),
    pushes,
)


def read_back(insert: Insert, index: int) -> tuple[Message, PushPart | None]:
    """What a join of the two tables would give to `body_of`."""
    entry = dict(zip(ENTRY_COLUMNS, insert.entries[index], strict=True))
    content = dict(zip(CONTENT_COLUMNS, insert.content, strict=True))
    joined = {f"entry.{name}": value for name, value in entry.items()}
    joined |= {f"content.{name}": value for name, value in content.items()}
    return body_of(tuple(joined[name] for name in BODY_COLUMNS))


class InsertTests(TestCase):
    """What a transaction becomes."""

    def test_single_recipient_owns_its_content(self) -> None:
        """One message needs one number, and points to no other row."""
        insert = insert_of(a_submission(), 7)
        self.assertEqual(rows_needed(a_submission()), 1)
        self.assertEqual(insert.content[0], 7)
        self.assertEqual(insert.entries[0][:1], (7,))
        self.assertIsNone(insert.entries[0][ENTRY_COLUMNS.index("content")])

    def test_recipients_share_one_content(self) -> None:
        """Several messages point to one content with a number of its own."""
        submission = a_submission(a_message(), a_message(), a_message())
        insert = insert_of(submission, 7)
        self.assertEqual(rows_needed(submission), 4)
        self.assertEqual([row[0] for row in insert.entries], [7, 8, 9])
        self.assertEqual(insert.content[0], 10)
        place = ENTRY_COLUMNS.index("content")
        self.assertEqual({row[place] for row in insert.entries}, {10})

    def test_empty_contexts_take_no_room(self) -> None:
        """An empty context is NULL, not an empty object."""
        self.assertEqual(insert_of(a_submission(), 1).entries[0][-2:], (None, None))

    def test_refuses_contexts_that_are_not_json(self) -> None:
        """A lone surrogate cannot be stored, and says so before the database does."""
        message = a_message(message_context={"name": "\ud800"})
        with self.assertRaisesRegex(SpoolError, "context cannot be stored"):
            insert_of(a_submission(message), 1)

    @readable
    @given(submissions, st.integers(1, 1 << 40))
    def test_comes_back_whole(self, submission: Submission, row: int) -> None:
        """Every message and the push part are rebuilt exactly from the rows."""
        insert = insert_of(submission, row)
        for index, message in enumerate(submission.messages):
            self.assertEqual(read_back(insert, index), (message, submission.push))


class UpdateTests(TestCase):
    """What a changed schedule becomes."""

    def test_takes_the_values_of_now(self) -> None:
        """Later changes of the entry do not reach an update under way."""
        entry = Entry(3, 1.0, next_attempt_at=9.5, attempts=2)
        update = update_of([entry])
        entry.attempts = 7
        self.assertEqual(update.changes, ((2, 9.5, 3),))


class WaitingTests(TestCase):
    """What a start reads."""

    def test_bare_entry(self) -> None:
        """The entry has its schedule and its age, and no bodies."""
        message = a_message(priority=1)
        row = insert_of(a_submission(message), 5).entries[0][: len(WAITING_COLUMNS)]
        key, entry = waiting_of(row)
        self.assertEqual(key, KEY)
        self.assertEqual(
            (entry.row, entry.received_at, entry.next_attempt_at, entry.attempts),
            (5, message.received_at, 0.0, 0),
        )
        self.assertEqual(entry.priority, 1)
        self.assertIsNone(entry.message)
        self.assertIsNone(entry.push)


class CorruptTests(TestCase):
    """Rows that cannot be read."""

    def damaged(self, **changes: object) -> tuple[object, ...]:
        """A row for `body_of` with some columns replaced."""
        insert = insert_of(a_submission(), 5)
        entry = dict(zip(ENTRY_COLUMNS, insert.entries[0], strict=True))
        content = dict(zip(CONTENT_COLUMNS, insert.content, strict=True))
        joined = {f"entry.{name}": value for name, value in entry.items()}
        joined |= {f"content.{name}": value for name, value in content.items()}
        joined |= {name.replace("__", "."): value for name, value in changes.items()}
        return tuple(joined[name] for name in BODY_COLUMNS)

    def test_names_row_and_reason(self) -> None:
        """Each kind of damage is a SpoolCorruptError that says which row and why."""
        cases: list[tuple[dict[str, object], str]] = [
            ({"content__row": None}, "content is missing"),
            ({"content__token": 12}, "push part"),
            ({"content__payload": "text"}, "push part"),
            ({"content__return_path": 1.5}, "push part"),
            ({"content__headers": 1.5}, "push part"),
            ({"content__headers": "["}, "header of its push part is not JSON"),
            ({"content__headers": "[]"}, "not an object of texts"),
            ({"content__token": None}, "push part"),
            ({"entry__connection_context": "{"}, "not JSON"),
            ({"entry__message_context": "[]"}, "not an object of texts"),
            ({"entry__message_context": '{"a":1}'}, "not an object of texts"),
            ({"entry__message_context": 5}, "not JSON"),
        ]
        for changes, reason in cases:
            with self.assertRaisesRegex(SpoolCorruptError, reason) as caught:
                body_of(self.damaged(**changes))
            self.assertEqual(caught.exception.row, 5)
