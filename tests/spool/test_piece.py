"""Operations in pieces: whatever can be written is, and what cannot is told."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import SpoolCorruptError, SpoolFullError
from mcmtpush.spool.codec import Bury, Delete, Operation, Update
from mcmtpush.spool.piece import Change, write_halved, write_singly
from tests.support.case import TestCase, readable


KINDS = st.sampled_from(
    [
        lambda rows: Delete(tuple(rows)),
        lambda rows: Update(tuple((1, 2.0, row) for row in rows)),
        lambda rows: Bury(tuple((row, 1.0, 2.0, 8, "x", 1) for row in rows)),
    ]
)
ROWS = st.sets(st.integers(1, 50), min_size=1)


def broken() -> sqlite3.DatabaseError:
    """What the driver says of a damaged page."""
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = 11
    return error


class Table:
    """Writes operations as a whole or not at all; `bad` rows refuse."""

    def __init__(self, bad: set[int], error: Exception, *, marks: bool = True) -> None:
        self.bad = bad
        self.error = error
        self.marks = marks
        self.written: list[int] = []
        self.ended: list[int] = []

    def attempt(self, operation: Operation) -> Exception | None:
        rows = rows_of(operation)
        if not getattr(operation, "whole", True) and self.marks:
            self.ended += rows
        elif self.bad & {*rows}:
            return self.error
        else:
            self.written += rows
        return None


def rows_of(operation: Operation) -> tuple[int, ...]:
    """Whom it concerns."""
    if isinstance(operation, Update):
        return tuple(change[2] for change in operation.changes)
    return operation.rows


class PieceTests(TestCase):
    @readable
    @given(KINDS, ROWS, st.sets(st.integers(1, 50)))
    def test_all_but_the_refused(
        self, kind: type[Change], rows: set[int], bad: set[int]
    ) -> None:
        """Every row that can be written is, once; the others are told of."""
        for write in (write_singly, write_halved):
            table = Table(bad, ValueError("no"))
            error = write(kind(sorted(rows)), table.attempt)
            self.assertEqual(sorted(table.written), sorted(rows - bad))
            self.assertEqual(error, table.error if rows & bad else None)

    @readable
    @given(KINDS, ROWS, st.sets(st.integers(1, 50)))
    def test_damage(self, kind: type[Change], rows: set[int], bad: set[int]) -> None:
        """What is to be removed beside damage is marked as ended, and said."""
        table = Table(bad, broken())
        operation = kind(sorted(rows))
        error = write_halved(operation, table.attempt)
        self.assertEqual(sorted(table.written), sorted(rows - bad))
        is_update = isinstance(operation, Update)
        ended = set() if is_update else rows & bad
        self.assertEqual({*table.ended}, ended)
        self.assertEqual(isinstance(error, SpoolCorruptError), bool(rows & bad))

    def test_damage_that_cannot_be_marked(self) -> None:
        """Then the driver's own error is told: it is to be tried again."""
        table = Table({2}, broken(), marks=False)
        error = write_halved(Delete((1, 2, 3)), table.attempt)
        self.assertIs(error, table.error)
        self.assertEqual(sorted(table.written), [1, 3])

    def test_the_world_is_at_fault(self) -> None:
        """A full disk is no reason to try pieces."""
        table = Table({1}, SpoolFullError("full"))
        self.assertIs(write_halved(Delete((1, 2)), table.attempt), table.error)
        self.assertEqual(table.written, [])
