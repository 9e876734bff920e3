"""Dead letters, as the `mcmtpush` command reads them beside a running gateway.

Every question is a transaction of its own and short, so that nobody keeps the
gateway's log from being emptied.  The one thing that is ever changed is the note
that a letter was replayed.
"""

# ruff: noqa: S608 - every part is a constant of this program
from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from typing import Any

import orjson
from attrs import field, fields, frozen

from mcmtpush.errors import SpoolError
from mcmtpush.spool.database import open_marker, open_reader, version_of
from mcmtpush.spool.fault import spool_error


FIRST_VERSION = 2
"""Spools before that have no dead letters."""

PAGE = 500


@frozen
class Letter:
    """A message that failed for good, its payload and mail apart.

    Attributes:
        token, return_path: of the push part; the token is None where there was none.
        status: the last status code, None where there was no answer.
        reason: the last answer's text.
        headers: of the push part, a JSON object as text; None if there were none.
        replayed_as: the id of the message made of it again, None if none was.
        database: the path of the database that it is in.
    """

    row: int
    id: str
    batch_id: str
    connection_id: str
    received_at: float
    died_at: float
    keep_until: float
    sender: str
    recipient: str
    binding_group: str
    binding: str
    domain: str
    attempts: int
    size: int
    connection_context: str | None
    message_context: str | None
    status: int | None
    reason: str
    token: str | None
    return_path: str | None
    replayed_as: str | None
    headers: str | None = None
    database: str = field(default="", kw_only=True, eq=False)


@frozen
class Original:
    """The bodies of one; what could not be kept is None."""

    payload: bytes | None
    mail: bytes | None


@frozen
class Selection:
    """Which letters: all for which everything given here is true.

    `since` is seconds since the epoch.
    """

    ids: tuple[str, ...] = ()
    domain: str | None = None
    since: float | None = None
    status: int | None = None

    def where(self) -> tuple[str, list[Any]]:
        """As a condition of SQL and its values."""
        terms, values = [], []
        for term, value in (
            ("id IN (SELECT value FROM json_each(?))", _json(self.ids)),
            ("domain = ?", self.domain and self.domain.lower()),
            ("died_at >= ?", self.since),
            ("status = ?", self.status),
        ):
            if value is not None:
                terms.append(term)
                values.append(value)
        return " AND ".join(terms) or "1", values


def _json(ids: Sequence[str]) -> str | None:
    return orjson.dumps(ids).decode() if ids else None


_LETTER = ", ".join(each.name for each in fields(Letter) if each.name != "database")
_LETTER_2 = _LETTER.replace("headers", "NULL")
"""Of spools that the gateway has not brought up to version 3 yet."""


class DeadLetters:
    """Those of the spool at `path`.  Every method raises SpoolError."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._marker: sqlite3.Connection | None = None
        self._reader = open_reader(path)
        version = version_of(self._reader)
        self._columns = _LETTER_2 if version == FIRST_VERSION else _LETTER
        if version < FIRST_VERSION:
            self.close()
            raise SpoolError(
                f"the spool {path} has version {version} and keeps no dead letters: "
                "start the gateway once, which brings it up to date"
            )

    def select(self, selection: Selection) -> Iterator[Letter]:
        """Letters in the order in which they died, page by page.

        None of messages that came in after the first was asked for: rows rise with
        the time of reception.  So a replay never meets its own failures.
        """
        where, values = selection.where()
        query = (
            f"SELECT {self._columns} FROM dead_letter WHERE {where} AND row <= ? "
            "AND (died_at, row) > (?, ?) ORDER BY died_at, row LIMIT ?"
        )
        (last_row,) = self._ask("SELECT coalesce(max(row), 0) FROM dead_letter")[0]
        after: tuple[float, int] = (float("-inf"), 0)
        while True:
            page = self._ask(query, *values, last_row, *after, PAGE)
            letters = [Letter(*row, database=self._path) for row in page]
            yield from letters
            if len(page) < PAGE:
                return
            last = letters[-1]
            after = (last.died_at, last.row)

    def original(self, letter: Letter) -> Original | None:
        """Its bodies; None if it was given up meanwhile."""
        found = self._ask(
            "SELECT payload, mail FROM dead_letter WHERE row = ?", letter.row
        )
        return Original(*found[0]) if found else None

    def prepare_marks(self) -> None:
        """Make sure that letters can be marked, before any is sent."""
        if self._marker is None:
            self._marker = open_marker(self._path)

    def mark(self, letter: Letter, replayed_as: str) -> None:
        """Note which message was made of it."""
        self.prepare_marks()
        assert self._marker is not None  # noqa: S101 - for the checker of types
        with _told():
            self._marker.execute(
                "UPDATE dead_letter SET replayed_as = ? WHERE row = ?",
                (replayed_as, letter.row),
            )

    def _ask(self, query: str, *values: Any) -> list[Any]:
        with _told():
            return self._reader.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()
        if self._marker is not None:
            self._marker.close()


class AllDeadLetters:
    """Those of several spools, as if they were one.  Every method raises SpoolError."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._spools = {path: DeadLetters(path) for path in paths}

    def select(self, selection: Selection) -> Iterator[Letter]:
        """Letters in the order in which they died."""
        return merge(
            *(spool.select(selection) for spool in self._spools.values()),
            key=lambda letter: letter.died_at,
        )

    def original(self, letter: Letter) -> Original | None:
        """Its bodies; None if it was given up meanwhile."""
        return self._spools[letter.database].original(letter)

    def prepare_marks(self) -> None:
        """Make sure that letters can be marked, before any is sent."""
        for spool in self._spools.values():
            spool.prepare_marks()

    def mark(self, letter: Letter, replayed_as: str) -> None:
        """Note which message was made of it."""
        self._spools[letter.database].mark(letter, replayed_as)

    def close(self) -> None:
        """Let go of the files."""
        for spool in self._spools.values():
            spool.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise spool_error(error) from error
