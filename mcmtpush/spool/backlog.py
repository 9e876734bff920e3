"""What an earlier process left in a spool, read page by page and around damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from attrs import define

from mcmtpush.errors import SpoolCorruptError
from mcmtpush.spool import statement
from mcmtpush.spool.codec import Row, waiting_of
from mcmtpush.spool.fault import UNSOUND, damage, is_damage
from mcmtpush.values import Entry, QueueKey


@define(eq=False)
class Backlog:
    """The entries of an earlier process.

    Attributes:
        first_row: the first number that is not an earlier process's.
        set_aside: moves a row that cannot be read out of the way; what to tell of it.
    """

    _connection: sqlite3.Connection
    first_row: int
    set_aside: Callable[[int, str], SpoolCorruptError]

    def read(
        self, after_row: int, limit: int
    ) -> tuple[list[tuple[QueueKey, Entry]], list[SpoolCorruptError]]:
        """As `Store.recover`."""
        faults: list[SpoolCorruptError] = []
        entries: list[tuple[QueueKey, Entry]] = []
        while not entries and after_row < self.first_row - 1:
            rows, after_row = self._page(after_row, limit, faults)
            for sound, *row in rows:
                if sound:
                    entries.append(waiting_of(tuple(row)))
                else:
                    faults.append(self.set_aside(row[0], UNSOUND))
        return entries, faults

    def _page(
        self, after_row: int, limit: int, faults: list[SpoolCorruptError]
    ) -> tuple[list[Row], int]:
        """Some rows, and the row after which to go on; fewer rows before damage."""
        while True:
            try:
                rows = self._waiting(after_row, limit)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                if limit == 1:
                    return [], self._skip(after_row, damage(error), faults)
                limit = max(1, limit // 8)
            else:
                return rows, rows[-1][1] if rows else self.first_row

    def _waiting(self, after_row: int, limit: int) -> list[Row]:
        return self._connection.execute(
            statement.WAITING, (after_row, self.first_row, limit)
        ).fetchall()

    def _skip(
        self, after_row: int, reason: str, faults: list[SpoolCorruptError]
    ) -> int:
        """Set aside what cannot be read right after a row; the last row of that."""
        last = self._end_of_damage(after_row)
        try:
            rows = self._connection.execute(
                statement.NUMBERS, (after_row, last)
            ).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            reason = f"{reason} (concerns every row up to {last})"
            faults.append(SpoolCorruptError(after_row + 1, reason))
        else:
            faults += [self.set_aside(row, reason) for (row,) in rows]
        return last

    def _end_of_damage(self, after_row: int) -> int:
        """The lowest row behind which reading succeeds again, by halving."""
        bad, step = after_row, 1
        while bad + step < self.first_row and not self._readable(bad + step):
            bad, step = bad + step, step * 2
        good = min(bad + step, self.first_row)
        while good - bad > 1:
            middle = (bad + good) // 2
            if self._readable(middle):
                good = middle
            else:
                bad = middle
        return good

    def _readable(self, after_row: int) -> bool:
        try:
            self._waiting(after_row, 1)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return False
        return True
