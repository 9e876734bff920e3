"""Values to rows and back: what the tables of `schema.sql` hold, column by column.

Knows no database: rows are tuples.  Whatever is wrong with a row that comes back is
a `SpoolCorruptError`; the caller sets that row aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from attrs import frozen

from mcmtpush.errors import SpoolCorruptError, SpoolError
from mcmtpush.values import DeadLetter, Entry, Message, PushPart, QueueKey, Submission


Row = tuple[Any, ...]

ENTRY_COLUMNS = (
    "row",
    "received_at",
    "next_attempt_at",
    "attempts",
    "priority",
    "binding_group",
    "binding",
    "domain",
    "content",
    "id",
    "batch_id",
    "connection_id",
    "sender",
    "recipient",
    "size",
    "connection_context",
    "message_context",
)
CONTENT_COLUMNS = ("row", "token", "payload", "return_path", "mail", "headers")
MAIL = CONTENT_COLUMNS.index("mail")

LETTER_COLUMNS = (
    *("id", "batch_id", "connection_id", "received_at", "sender", "recipient"),
    *("binding_group", "binding", "domain"),
    *("size", "connection_context", "message_context"),
)
LONGEST_REASON = 1000

_CONTEXT = "a context"
_HEADERS = "the header of its push part"

WAITING_COLUMNS = ENTRY_COLUMNS[:8]
BODY_COLUMNS = (
    *(f"entry.{name}" for name in ENTRY_COLUMNS if name != "content"),
    *("content.row", "content.token", "content.payload", "content.return_path"),
    "content.headers",
)

# -- what is written --------------------------------------------------------------


@frozen
class Insert:
    """One transaction: its content, and an entry for each recipient."""

    content: Row
    entries: tuple[Row, ...]


@frozen
class Update:
    """New `(attempts, next_attempt_at, row)` of some entries."""

    changes: tuple[tuple[int, float, int], ...]


@frozen
class Delete:
    """Entries to remove, with their contents where nobody else needs them.

    Not `whole` marks them as ended instead, for those beside damaged pages.
    """

    rows: tuple[int, ...]
    whole: bool = True


@frozen
class Bury:
    """Entries to remove as `Delete` does, and to keep as dead letters.

    `letters` holds `(row, died_at, keep_until, status, reason, attempts)`;
    without `bodies` their contents are not kept.
    """

    letters: tuple[Row, ...]
    whole: bool = True
    bodies: bool = True

    @property
    def rows(self) -> tuple[int, ...]:
        """Of the entries."""
        return tuple(letter[0] for letter in self.letters)


Operation = Insert | Update | Delete | Bury


def rows_needed(submission: Submission) -> int:
    """How many row numbers `insert_of` uses up."""
    recipients = len(submission.messages)
    return recipients if recipients == 1 else recipients + 1


def insert_of(submission: Submission, row: int) -> Insert:
    """The rows of an accepted transaction, numbered from `row` on.

    The entry of a single recipient and its content have the same number; a shared
    content has the number after its last entry.  Raises SpoolError for contexts
    that JSON cannot hold.
    """
    messages = submission.messages
    shared = None if len(messages) == 1 else row + len(messages)
    push = submission.push
    own = row if shared is None else shared
    return Insert(
        (own, None, None, None, submission.mail, None)
        if push is None
        else (
            *(own, push.token, push.payload, push.return_path, submission.mail),
            _context_text(push.headers) if push.headers else None,
        ),
        tuple(
            _entry_row(row + index, shared, message)
            for index, message in enumerate(messages)
        ),
    )


def _entry_row(row: int, shared: int | None, message: Message) -> Row:
    key = message.key
    return (
        row,
        float(message.received_at),
        0.0,
        0,
        message.priority,
        key.binding_group,
        key.binding,
        key.domain,
        shared,
        message.id,
        message.batch_id,
        message.connection_id,
        message.sender,
        message.recipient,
        message.size,
        _context_text(message.connection_context),
        _context_text(message.message_context),
    )


def _context_text(context: Mapping[str, str]) -> str | None:
    if not context:
        return None
    try:
        return orjson.dumps(dict(context)).decode()
    except orjson.JSONEncodeError as error:
        raise SpoolError(f"a context cannot be stored: {error}") from error


def update_of(entries: Sequence[Entry]) -> Update:
    """What `reschedule` makes durable, taken from the entries as they are now."""
    return Update(
        tuple(
            (entry.attempts, float(entry.next_attempt_at), entry.row)
            for entry in entries
        )
    )


def bury_of(letters: Sequence[DeadLetter]) -> Bury:
    """What `bury` makes durable.  A reason is stored as far as it is text."""
    return Bury(
        tuple(
            (
                letter.row,
                float(letter.died_at),
                float(letter.keep_until),
                letter.status,
                letter.reason[:LONGEST_REASON].encode("utf-8", "replace").decode(),
                letter.attempts,
            )
            for letter in letters
        )
    )


# -- what comes back --------------------------------------------------------------


@lru_cache(maxsize=4096)
def _key(binding_group: str, binding: str, domain: str) -> QueueKey:
    return QueueKey(binding_group, binding, domain)


def waiting_of(row: Row) -> tuple[QueueKey, Entry]:
    """The bare entry in a row of WAITING_COLUMNS, found sound by the database."""
    number, received_at, next_attempt_at, attempts, priority, group, binding, domain = (
        row
    )
    # A zero of its own for each of a million entries would be 24 MB.
    entry = Entry(number, received_at, next_attempt_at or 0.0, attempts, priority)
    return _key(group, binding, domain), entry


def body_of(row: Row) -> tuple[Message, PushPart | None]:
    """The message in a row of BODY_COLUMNS, found sound by the database.

    Raises SpoolCorruptError.
    """
    number, content, token, payload, return_path, headers = row[0], *row[-5:]
    if content is None:
        raise SpoolCorruptError(number, "its content is missing")
    if not _is_push(token, payload, return_path, headers):
        raise SpoolCorruptError(number, "its push part has values of the wrong type")
    message = Message(
        id=row[8],
        batch_id=row[9],
        connection_id=row[10],
        received_at=row[1],
        sender=row[11],
        recipient=row[12],
        key=_key(row[5], row[6], row[7]),
        size=row[13],
        priority=row[4],
        connection_context=_texts_of(number, row[14]),
        message_context=_texts_of(number, row[15]),
    )
    if token is None:
        return message, None
    push = (
        PushPart(token, payload, return_path)
        if headers is None
        else PushPart(token, payload, return_path, _texts_of(number, headers, _HEADERS))
    )
    return message, push


def _is_push(*values: object) -> bool:
    token, payload, return_path, headers = values
    if token is None:
        return payload is None and return_path is None and headers is None
    return (
        isinstance(token, str)
        and isinstance(payload, bytes)
        and isinstance(return_path, str | None)
        and isinstance(headers, str | None)
    )


def _texts_of(row: int, text: object, what: str = _CONTEXT) -> Mapping[str, str]:
    if text is None:
        return {}
    try:
        context = orjson.loads(text)  # type: ignore[arg-type]
    except orjson.JSONDecodeError as error:
        raise SpoolCorruptError(row, f"{what} is not JSON: {error}") from error
    if not isinstance(context, dict) or not all(
        isinstance(value, str) for value in context.values()
    ):
        raise SpoolCorruptError(row, f"{what} is not an object of texts")
    return context
