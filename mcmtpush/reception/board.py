"""How many sessions each of several processes has: a table in memory that all share.

A parent makes it, its workers inherit it.  Each worker has a row that nobody else
writes while it lives; all read all rows.

    columns     one for each listen, in the order of the configuration; then all
                sessions; then 1 while the worker takes connections, else 0
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field


_CELL: Final = struct.Struct("=q")
_FURTHER: Final = 2
"""Columns behind those of the listens."""


def make_board(rows: int, listens: int) -> int:
    """A descriptor of an empty table for so many workers; raises OSError."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("mcmtpush")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    # Written, lest there be no room for it when it is used.
    os.write(descriptor, _CELL.pack(0) * (listens + _FURTHER) * rows)
    return descriptor


@define(eq=False)
class Board:
    """The table of `make_board`, as the worker of one row sees it, or the parent.

    Attributes:
        listens: addresses, a column each.
        row: the worker's own, from 0.
    """

    listens: Sequence[str]
    row: int
    _memory: mmap.mmap
    _columns: dict[str, int] = field(init=False)
    _width: int = field(init=False)
    _others: Sequence[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._columns = {name: at for at, name in enumerate(self.listens)}
        self._width = len(self.listens) + _FURTHER
        rows = len(self._memory) // (_CELL.size * self._width)
        self._others = [row for row in range(rows) if row != self.row]

    @classmethod
    def of(cls, descriptor: int, listens: Sequence[str], row: int = 0) -> Board:
        """The one with this descriptor, which may be closed then."""
        return cls(listens, row, mmap.mmap(descriptor, 0))

    # -- the worker's own ------------------------------------------------------------

    def open(self, *, taking: bool) -> None:
        """Whether this one takes connections."""
        self._write(self.row, -1, int(taking))

    def note(self, listen: str, count: int, total: int) -> None:
        """So many sessions has it now, on this listen and in all."""
        self._write(self.row, self._columns[listen], count)
        self._write(self.row, -_FURTHER, total)

    # -- the others' -----------------------------------------------------------------

    def count(self, listen: str) -> int:
        """The sessions that all others have on this listen."""
        return sum(self._column(self._columns[listen]))

    def total(self) -> int:
        """And in all."""
        return sum(self._column(-_FURTHER))

    def least(self) -> int | None:
        """The fewest that another has who takes connections; None if nobody does."""
        pairs = zip(self._column(-_FURTHER), self._column(-1), strict=True)
        return min((total for total, taking in pairs if taking), default=None)

    # -- the parent's ----------------------------------------------------------------

    def clear(self, row: int) -> None:
        """The worker of this row is dead."""
        for column in range(self._width):
            self._write(row, column, 0)

    # -- cells -----------------------------------------------------------------------

    def _column(self, column: int) -> Iterator[int]:
        for row in self._others:
            (number,) = _CELL.unpack_from(self._memory, self._at(row, column))
            yield number

    def _write(self, row: int, column: int, number: int) -> None:
        _CELL.pack_into(self._memory, self._at(row, column), number)

    def _at(self, row: int, column: int) -> int:
        """Negative columns count from the end."""
        return (row * self._width + column % self._width) * _CELL.size
