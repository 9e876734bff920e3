"""Rates that all workers have together: `throttle.Bucket`, kept in the ledger.

The law and the grains are those of `mcmtpush.throttle`: never more than `count` in any
half-open interval of `per_seconds`, over all workers.  Instants are read within the
change that they belong to, so that no worker grants by an older clock than another.

A rate and its slots are removed some time after nothing of them counts any more.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import Final

from attrs import define, field

from mcmtpush.shared.ledger import REST_SECONDS, Ledger, Rows
from mcmtpush.throttle import GRAINS, MARGIN_SECONDS, Rate


SWEEP: Final = 1000
"""After so many grants of one worker rates that are over are looked for."""

SWEPT: Final = 100
"""So many are removed at a time."""

_OVER_SLOTS: Final = "FROM slot WHERE rate = ? AND first <= ? AND last + ? <= ?"
_COUNT_OVER: Final = f"SELECT count(*), total(count) {_OVER_SLOTS}"
_FORGET_OVER: Final = f"DELETE {_OVER_SLOTS}"
_OLDEST: Final = """
SELECT last FROM slot WHERE rate = ? AND count > 0 AND last + ? > ?
ORDER BY first LIMIT 1"""
_OVER: Final = "SELECT id FROM rate WHERE over_at <= ? LIMIT ?"


@define(eq=False)
class SharedBucket:
    """One rate, shared by everybody in every worker who was given its definition.

    Speaks like `throttle.Bucket`; a definition is known to others by its text.
    While the ledger cannot be used nothing is granted, and `wait` says when to ask
    again.
    """

    definition: str
    count: int
    per_seconds: float
    _ledger: Ledger
    _granted: int = field(default=0, init=False)
    _slot: tuple[int, float] = field(default=(0, 0.0), init=False)  # of `_granted`
    _takes: int = field(default=0, init=False)

    def take(self, wanted: int, now: float) -> int:
        """How many of `wanted` may go at `now`, or a little later."""
        self._granted = 0
        if wanted > 0:
            self._granted = self._ledger.change(partial(self._take, wanted, now), 0)
        return self._granted

    def give_back(self, count: int) -> None:
        """Return what the last `take` of this worker granted and nobody used."""
        returned = min(count, self._granted)
        if returned > 0 and self._ledger.change(partial(self._return, returned), False):
            self._granted -= returned

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0 when one may go now."""
        return self._ledger.look(partial(self._wait, now), REST_SECONDS)

    # -- within a transaction -----------------------------------------------------

    def _take(self, wanted: int, now: float, rows: Rows) -> int:
        rate, used, first, last = self._find(rows)
        at = max(now, self._ledger.seconds(), last)
        if at < self._ledger.born_at + self.per_seconds:
            return 0
        used -= self._forget(rows, rate, at)
        granted = max(0, min(wanted, self.count - used))
        if granted:
            if at - first >= self.per_seconds / GRAINS:
                first = at
                rows.execute(
                    "INSERT INTO slot VALUES (?, ?, ?, ?)", (rate, at, at, granted)
                )
            else:
                rows.execute(
                    "UPDATE slot SET last = ?, count = count + ?"
                    " WHERE rate = ? AND first = ?",
                    (at, granted, rate, first),
                )
            self._slot = rate, first
            last = at
        rows.execute(
            "UPDATE rate SET used = ?, first = ?, last = ?, over_at = ? WHERE id = ?",
            (used + granted, first, last, last + self.per_seconds, rate),
        )
        self._sweep(rows, at)
        return granted

    def _find(self, rows: Rows) -> tuple[int, int, float, float]:
        """Its id, what was granted and not forgotten, and its newest slot."""
        known = rows.execute(
            "SELECT id, used, first, last FROM rate WHERE definition = ?",
            (self.definition,),
        ).fetchone()
        if known is not None:
            rate, used, first, last = known
            return rate, used, first, last
        made = rows.execute(
            "INSERT INTO rate (definition, used, first, last, over_at)"
            " VALUES (?, 0, ?, ?, ?)",
            (self.definition, -inf, -inf, -inf),
        )
        return made.lastrowid, 0, -inf, -inf

    def _forget(self, rows: Rows, rate: int, at: float) -> int:
        """Remove what is over; how many that were."""
        over = self._over(rate, at)
        slots, count = rows.execute(_COUNT_OVER, over).fetchone()
        if slots:
            rows.execute(_FORGET_OVER, over)
        return int(count)

    def _over(self, rate: int, at: float) -> tuple[int, float, float, float]:
        """For the slots that are over; the first bound is for the index."""
        early = at - self.per_seconds * (1 - 1 / GRAINS)
        return rate, early, self.per_seconds, at

    def _return(self, count: int, rows: Rows) -> bool:
        """The slot stays, as the newest that is known; gone, nothing comes back."""
        rate, first = self._slot
        there = rows.execute(
            "UPDATE slot SET count = count - ?"
            " WHERE rate = ? AND first = ? AND count >= ?",
            (count, rate, first, count),
        )
        rows.execute(
            "UPDATE rate SET used = used - ? WHERE id = ?",
            (count if there.rowcount else 0, rate),
        )
        return True

    def _wait(self, now: float, rows: Rows) -> float:
        rate, used, last = rows.execute(
            "SELECT id, used, last FROM rate WHERE definition = ?", (self.definition,)
        ).fetchone() or (0, 0, -inf)
        at = max(now, self._ledger.seconds(), last)
        free_at = self._ledger.born_at + self.per_seconds
        if at >= free_at:
            _, over = rows.execute(_COUNT_OVER, self._over(rate, at)).fetchone()
            if used - over < self.count:
                return 0.0
            (last,) = rows.execute(_OLDEST, (rate, self.per_seconds, at)).fetchone()
            free_at = last + self.per_seconds
        return float(free_at - at + MARGIN_SECONDS)

    def _sweep(self, rows: Rows, at: float) -> None:
        """Now and then, remove rates of which nothing counts any more."""
        self._takes += 1
        if self._takes % SWEEP == 0:
            over = rows.execute(_OVER, (at, SWEPT)).fetchall()
            for rate in over:
                rows.execute("DELETE FROM slot WHERE rate = ?", rate)
                rows.execute("DELETE FROM rate WHERE id = ?", rate)


class SharedBuckets:
    """`throttle.Buckets` for one worker of several."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._buckets: dict[str, SharedBucket] = {}

    def of(self, rate: Rate | None) -> SharedBucket | None:
        """The bucket of its definition, or None when there is no limit.

        A definition that was changed keeps its bucket: what was granted still counts,
        by the number that the worker who asks was told last.
        """
        if rate is None or not rate.count:
            return None
        name = repr(rate.definition)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = SharedBucket(name, rate.count, rate.per_seconds, self._ledger)
            self._buckets[name] = bucket
        bucket.count, bucket.per_seconds = rate.count, rate.per_seconds
        return bucket
