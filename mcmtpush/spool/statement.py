"""The SQL: every statement of the spool, as text.

Knows no database; `batch`, `backlog` and `store` run these.  `… IN json_each(?)` takes
the row numbers as one JSON array, so that one step of the driver does them all.
"""

# ruff: noqa: S608 - every part is a constant of this program
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from attrs import frozen

from mcmtpush.spool.codec import (
    BODY_COLUMNS,
    CONTENT_COLUMNS,
    ENTRY_COLUMNS,
    LETTER_COLUMNS,
    WAITING_COLUMNS,
    Row,
)


AT_ONCE = 32
_SIZES = (128, *range(AT_ONCE, 0, -1))
"""Small batches are one statement each; the driver keeps them all prepared."""


@frozen
class Bulk:
    """A statement for many rows at once: its text around the repeated values."""

    before: str
    width: int
    after: str = ""

    def run(
        self, execute: Callable[[str, Sequence[Any]], object], rows: Sequence[Row]
    ) -> None:
        """Execute for all rows, in few sizes so that the driver knows them by heart."""
        done = 0
        if 0 < len(rows) <= AT_ONCE:
            execute(self._text(len(rows)), list(chain.from_iterable(rows)))
            return
        for size in _SIZES:
            while len(rows) - done >= size:
                values = list(chain.from_iterable(rows[done : done + size]))
                execute(self._text(size), values)
                done += size

    @lru_cache(maxsize=256)  # noqa: B019 - the statements are constants
    def _text(self, size: int) -> str:
        one = f"({','.join('?' * self.width)})"
        return f"{self.before}{','.join([one] * size)}{self.after}"


def _columns(names: Sequence[str]) -> str:
    return ", ".join(names)


def _typed(table: str) -> str:
    """1 if every column of an entry that must have a type has it."""
    types = {
        "real": ("received_at", "next_attempt_at"),
        "integer": ("attempts", "priority", "size"),
        "text": (
            *("binding_group", "binding", "domain", "id", "batch_id"),
            *("connection_id", "sender", "recipient"),
        ),
    }
    found = "||".join(
        f"typeof({table}.{name})" for names in types.values() for name in names
    )
    wanted = "".join(kind * len(names) for kind, names in types.items())
    return f"{found} = '{wanted}'"


ENTRY_IS_TYPED = _typed("entry")

# -- writing ----------------------------------------------------------------------

_ACCEPTED_COLUMNS = (*ENTRY_COLUMNS, *CONTENT_COLUMNS[1:])
ACCEPTED_WIDTH = len(_ACCEPTED_COLUMNS)
ACCEPTING = f"""
CREATE TEMP VIEW accepted AS SELECT {_columns(ENTRY_COLUMNS)},
    NULL AS token, NULL AS payload, NULL AS return_path, NULL AS mail,
    NULL AS headers FROM entry;
CREATE TEMP TRIGGER accept INSTEAD OF INSERT ON accepted BEGIN
    INSERT INTO content ({_columns(CONTENT_COLUMNS)})
        SELECT coalesce(NEW.content, NEW.row), NEW.token, NEW.payload,
            NEW.return_path, NEW.mail, NEW.headers WHERE NEW.mail IS NOT NULL;
    INSERT INTO entry ({_columns(ENTRY_COLUMNS)})
        VALUES ({", ".join(f"NEW.{name}" for name in ENTRY_COLUMNS)});
END;
"""
"""Of each connection: one statement fills both tables, and is a commit by itself.  Only
the first entry of a shared content carries it."""
INSERT = Bulk(
    f"INSERT INTO accepted ({_columns(_ACCEPTED_COLUMNS)}) VALUES ", ACCEPTED_WIDTH
)
UPDATE_ENTRY = Bulk(
    "UPDATE entry SET attempts = new.column1, next_attempt_at = new.column2 "
    "FROM (VALUES ",
    3,
    ") AS new WHERE entry.row = new.column3",
)
RESERVED = "SELECT next_row FROM reservation"
RESERVE = "UPDATE reservation SET next_row = ?"

_THESE = "IN (SELECT value FROM json_each(?))"
SHARED_OF = (
    f"SELECT DISTINCT content FROM entry WHERE content IS NOT NULL AND row {_THESE}"
)
END = "INSERT OR IGNORE INTO ended SELECT value FROM json_each(?)"
DELETE_ENTRY = f"DELETE FROM entry WHERE row {_THESE}"
DELETE_OWN = f"DELETE FROM content WHERE row {_THESE}"
DELETE_SHARED = (
    f"DELETE FROM content WHERE row {_THESE} AND NOT EXISTS "
    "(SELECT 1 FROM entry WHERE entry.content = content.row)"
)


def _burial(columns: Sequence[str], after: str) -> Bulk:
    return Bulk(
        "INSERT OR IGNORE INTO dead_letter (row, died_at, keep_until, status, reason, "
        f"attempts, {_columns([*LETTER_COLUMNS, *columns])}) "
        "SELECT letter.column1, letter.column2, letter.column3, letter.column4, "
        "letter.column5, max(letter.column6, entry.attempts), "
        f"{_columns([f'entry.{name}' for name in LETTER_COLUMNS] + list(columns))} "
        "FROM (VALUES ",
        6,
        f") AS letter CROSS JOIN entry ON entry.row = letter.column1{after}",
    )


BURY = _burial(
    CONTENT_COLUMNS[1:],
    " LEFT JOIN content ON content.row = coalesce(entry.content, entry.row)",
)
BURY_ENTRY = _burial((), "")
SIZE_OF = f"SELECT coalesce(sum(size), 0) FROM entry WHERE row {_THESE}"
PURGE = (
    "DELETE FROM dead_letter WHERE row IN "
    "(SELECT row FROM dead_letter WHERE keep_until < ? ORDER BY keep_until LIMIT ?)"
)

# -- reading ----------------------------------------------------------------------

WAITING = (
    f"SELECT {_typed('entry')}, {_columns(WAITING_COLUMNS)} FROM entry "
    "WHERE row > ? AND row < ? AND NOT EXISTS "
    "(SELECT 1 FROM ended WHERE ended.row = entry.row) ORDER BY row LIMIT ?"
)
NUMBERS = "SELECT row FROM entry WHERE row > ? AND row <= ?"

_JOINED = (
    "FROM entry LEFT JOIN content "
    "ON content.row = coalesce(entry.content, entry.row) WHERE entry.row "
)
_BODIES = f"SELECT {_typed('entry')}, {_columns(BODY_COLUMNS)} {_JOINED}"
BODIES_OF_THESE = _BODIES + _THESE
BODIES_OF_ONE = f"{_BODIES} = ?"
MAIL = f"SELECT content.mail {_JOINED} = ?"

_WHOLE_ENTRY = _columns([f"entry.{name}" for name in ENTRY_COLUMNS])
SET_ASIDE = (
    f"INSERT INTO quarantine (reason, {_columns(ENTRY_COLUMNS)}, "
    f"{_columns(CONTENT_COLUMNS[1:])}) SELECT ?, {_WHOLE_ENTRY}, "
    f"{_columns(CONTENT_COLUMNS[1:])} {_JOINED} = ?"
)
SET_ENTRY_ASIDE = (
    f"INSERT INTO quarantine (reason, {_columns(ENTRY_COLUMNS)}) "
    f"SELECT ?, {_WHOLE_ENTRY} FROM entry WHERE row = ?"
)
