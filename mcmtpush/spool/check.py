"""Is a spool sound?  `mcmtpush spool check`, beside a running gateway or without one.

Reads only.  What cannot be counted because it is damaged is None, and the damage is
among the faults.
"""

# ruff: noqa: S608 - every part is a constant of this program
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from attrs import evolve, frozen

from mcmtpush.spool import statement
from mcmtpush.spool.database import open_reader, version_of
from mcmtpush.spool.fault import damage, is_damage, spool_error


MOST_FAULTS = 100
"""So many of each kind are listed."""

_HELD = "next_attempt_at >= 9e999"
_QUESTIONS = {
    "entries": ("SELECT count(*) FROM entry", ()),
    "delayed": (
        f"SELECT count(*) FROM entry WHERE next_attempt_at > ? AND NOT {_HELD}",
        ("now",),
    ),
    "held": (f"SELECT count(*) FROM entry WHERE {_HELD}", ()),
    "dead": ("SELECT count(*) FROM dead_letter", ()),
}
_UNSOUND = {
    "a column has a value of the wrong type": (
        f"SELECT row FROM entry WHERE NOT ({statement.ENTRY_IS_TYPED}) "
    ),
    "a context is not JSON": (
        "SELECT row FROM entry WHERE NOT (json_valid(coalesce(message_context, '{}')) "
        "AND json_valid(coalesce(connection_context, '{}'))) "
    ),
    "its content is missing": (
        "SELECT entry.row FROM entry LEFT JOIN content "
        "ON content.row = coalesce(entry.content, entry.row) "
        "WHERE content.row IS NULL "
    ),
}
_ENDED = "SELECT count(*) FROM ended"
_ORPHANS = (
    "SELECT count(*) FROM content WHERE NOT EXISTS "
    "(SELECT 1 FROM entry WHERE entry.row = content.row) AND NOT EXISTS "
    "(SELECT 1 FROM entry WHERE entry.content = content.row)"
)


@frozen
class SetAside:
    """One row of the quarantine."""

    number: int
    row: int | None
    id: str | None
    recipient: str | None
    reason: str


@frozen
class Inspection:
    """What was found.

    Attributes:
        path: the database.
        version: of its tables.
        entries: messages in the spool, of which `delayed` wait for their time and
            `held` for an operator.
        dead: dead letters.
        quarantine: rows that were set aside earlier, at most 100.
        quarantined: how many rows were.
        faults: what is damaged, a line each.
    """

    path: str
    version: int
    entries: int | None
    delayed: int | None
    held: int | None
    dead: int | None
    quarantined: int | None
    quarantine: tuple[SetAside, ...]
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged, nor was."""
        return not (self.faults or self.quarantined)


def inspect_spool(path: str, *, now: float, quick: bool = False) -> Inspection:
    """Look at all of the spool at `path`.

    `quick` leaves out the comparison of indexes with their tables.  Raises SpoolError
    when it is none, or cannot be read.
    """
    with closing(open_reader(path)) as reader:
        return _Inspector(reader, path).inspect(now, quick=quick)


class _Inspector:
    def __init__(self, reader: sqlite3.Connection, path: str) -> None:
        self._reader = reader
        self._path = path
        self._faults: list[str] = []

    def inspect(self, now: float, *, quick: bool) -> Inspection:
        # One transaction: all answers are about the same moment.
        self._reader.execute("BEGIN")
        pages = self._integrity(quick=quick)
        counts: dict[str, int | None] = {}
        version = version_of(self._reader)
        for name, (query, values) in _QUESTIONS.items():
            if name == "dead" and version < 2:
                counts[name] = 0
            else:
                counts[name] = self._count(query, (now,) if values else (), name)
        for reason, query in _UNSOUND.items():
            self._unsound(reason, query)
        orphans = self._count(_ORPHANS, (), "contents")
        if orphans:
            self._faults.append(f"{orphans} contents belong to no message")
        if version > 1 and (ended := self._count(_ENDED, (), "ended")):
            self._faults.append(f"{ended} messages ended and could not be removed")
        quarantined = self._count("SELECT count(*) FROM quarantine", (), "quarantine")
        return Inspection(
            path=self._path,
            version=version,
            **counts,
            quarantined=quarantined,
            quarantine=tuple(self._quarantine()),
            faults=(*pages, *self._faults),
        )

    def _integrity(self, *, quick: bool) -> list[str]:
        kind = "quick_check" if quick else "integrity_check"
        query = f"PRAGMA {kind}({MOST_FAULTS})"
        found = self._ask(lambda: self._rows(query), "the file")
        return [text for (text,) in found or () if text != "ok"]

    def _count(self, query: str, values: Sequence[Any], name: str) -> int | None:
        found = self._ask(lambda: self._rows(query, values), name)
        return None if found is None else int(found[0][0])

    def _unsound(self, reason: str, query: str) -> None:
        limited = f"{query} ORDER BY 1 LIMIT {MOST_FAULTS}"
        found = self._ask(lambda: self._rows(limited), "entries")
        self._faults += [f"row {row}: {reason}" for (row,) in found or ()]

    def _quarantine(self) -> list[SetAside]:
        query = (
            "SELECT number, row, id, recipient, reason FROM quarantine "
            f"ORDER BY number LIMIT {MOST_FAULTS}"
        )
        found = self._ask(lambda: self._rows(query), "quarantine")
        return [SetAside(*row) for row in found or ()]

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._reader.execute(query, values).fetchall()

    def _ask(self, ask: Callable[[], list[Any]], name: str) -> list[Any] | None:
        try:
            return ask()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise spool_error(error) from error
            fault = f"{name} cannot be read: {damage(error)}"
            if fault not in self._faults:
                self._faults.append(fault)
            return None


def add_up(spools: Sequence[Inspection]) -> Inspection:
    """The same of several spools: sums, and all that was found in any of them.

    The path is that of the first, the version the lowest.
    """
    first, *others = spools
    if not others:
        return first
    return evolve(
        first,
        entries=_sum([each.entries for each in spools]),
        delayed=_sum([each.delayed for each in spools]),
        held=_sum([each.held for each in spools]),
        dead=_sum([each.dead for each in spools]),
        quarantined=_sum([each.quarantined for each in spools]),
        version=min(each.version for each in spools),
        quarantine=tuple(row for each in spools for row in each.quarantine),
        faults=tuple(
            f"{each.path}: {fault}" for each in spools for fault in each.faults
        ),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    """What is not known makes the sum unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
