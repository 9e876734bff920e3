"""Who has places in limits and who waits for them, as the ledger says it.

Every method belongs into a transaction.  Knows no timer, and nothing from before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Final

from attrs import frozen

from mcmtpush.shared.ledger import Ledger, Rows
from mcmtpush.shared.turn import Want, has_turn, must_yield


Need = tuple[str, int]
"""One place: the limit's name, and how many places it has."""

LEASE_SECONDS: Final = 5.0
"""For so long it is believed that a worker waits for a place."""

ASK_SECONDS: Final = 10.0
"""What a worker gets to give a place up, before another is asked for one."""

SEEN: Final = 50
"""So many of those who wait are seen in one look."""

FIRST: Final = "", 0
"""Before every limit and worker."""

_USED: Final = "SELECT worker, used FROM place WHERE name = ?"
_NOTE: Final = "INSERT OR REPLACE INTO place VALUES (?, ?, ?)"
_CLEAR: Final = "DELETE FROM place WHERE name = ? AND worker = ?"
_WANTS: Final = "SELECT worker, since, most FROM want WHERE name = ? AND until > ?"
_WAIT: Final = """
INSERT INTO want VALUES (?1, ?2, ?3, ?4, ?5, -1e300)
ON CONFLICT (name, worker) DO UPDATE SET
    since = CASE WHEN until > ?3 THEN since ELSE ?3 END, until = ?4, most = ?5"""
_LEAVE: Final = "DELETE FROM want WHERE name = ? AND worker = ?"
_OTHERS: Final = """
SELECT name, worker, since, most FROM want
WHERE (name, worker) > (?, ?) AND worker <> ? AND until > ? AND asked_at <= ?
ORDER BY name, worker LIMIT ?"""
_ASK: Final = """
UPDATE want SET asked_at = ? WHERE name = ? AND worker = ? AND asked_at <= ?"""
_ANSWER: Final = "UPDATE want SET asked_at = -1e300 WHERE name = ?"
_RESTART: Final = "UPDATE want SET since = ? WHERE name = ? AND worker = ?"


@frozen
class Roster:
    """As `worker` reads and writes it."""

    worker: int

    def full(self, rows: Rows, needs: Sequence[Need], now: float) -> list[Need]:
        """Those of which no place is left for this worker."""
        return [need for need in needs if not self._has_turn(rows, need, now)]

    def _has_turn(self, rows: Rows, need: Need, now: float) -> bool:
        name, most = need
        used = dict(rows.execute(_USED, (name,)))
        wants = [Want(*row) for row in rows.execute(_WANTS, (name, now))]
        # Who asks for the first time comes behind all who wait.
        since = next((each.since for each in wants if each.worker == self.worker), inf)
        others = [each for each in wants if each.worker != self.worker]
        return has_turn(Want(self.worker, since, most), used, others)

    def note(self, rows: Rows, name: str, used: int) -> None:
        """This worker has so many places of this limit."""
        if used:
            rows.execute(_NOTE, (name, self.worker, used))
        else:
            rows.execute(_CLEAR, (name, self.worker))

    def take(self, rows: Rows, name: str, used: int) -> None:
        """It has one more than before; whoever waits still may ask again."""
        self.note(rows, name, used)
        rows.execute(_ANSWER, (name,))

    def restart(self, rows: Rows, names: Iterable[str], now: float) -> None:
        """It had one of each until now: it waits from now on, if it does."""
        for name in names:
            rows.execute(_RESTART, (now, name, self.worker))

    def wait(self, rows: Rows, needs: Iterable[Need], now: float) -> None:
        """It waits for these, as before or from now on."""
        for name, most in needs:
            rows.execute(_WAIT, (name, self.worker, now, now + LEASE_SECONDS, most))

    def leave(self, rows: Rows, names: Iterable[str]) -> None:
        """It waits for these no more."""
        for name in names:
            rows.execute(_LEAVE, (name, self.worker))

    def forget(self, rows: Rows) -> None:
        """It has nothing and waits for nothing."""
        rows.execute("DELETE FROM place WHERE worker = ?", (self.worker,))
        rows.execute("DELETE FROM want WHERE worker = ?", (self.worker,))

    def others(
        self, rows: Rows, after: tuple[str, int], now: float
    ) -> list[tuple[str, Want]]:
        """Others who wait and have asked nobody yet: the next few, in order."""
        found = rows.execute(
            _OTHERS, (*after, self.worker, now, now - ASK_SECONDS, SEEN)
        )
        return [(name, Want(*want)) for name, *want in found]

    def ask(self, rows: Rows, name: str, want: Want, now: float) -> bool:
        """Whether this worker is the one to yield; if so, no other is asked soon."""
        used = dict(rows.execute(_USED, (name,)))
        if not must_yield(self.worker, used, want, now):
            return False
        asked = rows.execute(_ASK, (now, name, want.worker, now - ASK_SECONDS))
        return bool(asked.rowcount)


def forget(ledger: Ledger, worker: int) -> bool:
    """This worker is dead: all it had is free.  False: not noted, to be said again."""

    def free(rows: Rows) -> bool:
        Roster(worker).forget(rows)
        return True

    return ledger.change(free, otherwise=False)
