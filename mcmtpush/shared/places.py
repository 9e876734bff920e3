"""Places in limits that all workers have together: how many this one has.

A limit is known by its name, a text; a place is taken in several at once, or in none.

Rules of this file:

- Over all workers there are never more places taken than the limit says.  Who gets a
  free one is `turn`'s business; it stays free until that worker looks, which it does a
  few times a second while it waits for a place or has one.
- Who waits says so, and for how long that is to be believed.  One of those who have
  more is asked to give one up, and another only when that took too long.
- What is written is how many places this worker has, not how many more: whatever could
  not be written, or was lost with the file, is put right by the next change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from mcmtpush.ports import Clock, Dice
from mcmtpush.shared.ledger import Ledger, Rows
from mcmtpush.shared.roster import FIRST, SEEN, Need, Roster
from mcmtpush.shared.turn import Want


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.interfaces import IDelayedCall  # noqa: TID251

UNKNOWN: Final = ""
"""Refused by no limit: it cannot be told how many places there are."""

LOOK_SECONDS: Final = 0.05, 0.25
"""Between two looks: at least, and at most."""

SETTLING_SECONDS: Final = 5.0
"""After it was made anew a file has what all workers have: they looked meanwhile."""

T = TypeVar("T")


class Watcher(Protocol):
    """Whoever shares out this worker's places."""

    def look(self) -> bool:
        """Ask again for those who wait; whether some still do."""

    def press(self, name: str) -> None:
        """Give up a place of this limit as soon as it can be done."""


class Places(Protocol):
    """What others have of limits, of which the caller counts what it has itself."""

    @property
    def shared(self) -> bool:
        """Whether there are others at all."""

    def begin(self) -> None:
        """Whoever had the number of this process before has nothing any more."""

    def watch(self, watcher: Watcher) -> None:
        """From now on tell this one."""

    def take(self, needs: Sequence[Need]) -> str | None:
        """Take a place in each of these limits: None.

        Otherwise the name of one that has none to be had, or `UNKNOWN`.
        """

    def wait(self, needs: Sequence[Need]) -> str | None:
        """The same; when refused, the others know of it, and a look comes soon."""

    def has_room(self, needs: Sequence[Need]) -> bool:
        """Whether a place could be taken now."""

    def give_back(self, names: Iterable[str]) -> None:
        """One place less in each of these limits."""

    def decline(self, names: Iterable[str]) -> None:
        """Nobody here waits for a place in these any more."""


class OwnPlaces:
    """Of a process that has no others beside it: there is nothing to ask."""

    shared = False

    def begin(self) -> None:
        """See `Places`."""

    def watch(self, watcher: Watcher) -> None:
        """See `Places`; there is never anything to tell."""

    def take(self, needs: Sequence[Need]) -> str | None:  # noqa: ARG002 - see `Places`
        """See `Places`."""
        return None

    wait = take

    def has_room(self, needs: Sequence[Need]) -> bool:  # noqa: ARG002
        """See `Places`."""
        return True

    def give_back(self, names: Iterable[str]) -> None:
        """See `Places`."""

    def decline(self, names: Iterable[str]) -> None:
        """See `Places`."""


class _Nobody:
    """The watcher of places that nobody waits for."""

    def look(self) -> bool:
        """See `Watcher`."""
        return False

    def press(self, name: str) -> None:
        """See `Watcher`."""


class SharedPlaces:
    """Of one worker of several; implements `Places`.

    Args:
        ledger: this worker's; there is one of these for each.
        clock: with the seconds of the ledger.
        dice: spreads the looks of several workers.
    """

    shared = True

    def __init__(self, ledger: Ledger, clock: Clock, dice: Dice) -> None:
        self._ledger = ledger
        self._roster = Roster(ledger.worker)
        self._clock = clock
        self._dice = dice
        self._watcher: Watcher = _Nobody()
        self._own: dict[str, int] = {}
        self._wanted: set[str] = set()  # of what the file says that it is waited for
        self._unsure: set[str] = set()  # of what the file may say something wrong
        self._edition = 0  # of the file that knows what this worker has
        self._seen = FIRST  # the last that was seen to wait
        self._timer: IDelayedCall | None = None

    def begin(self) -> None:
        """See `Places`; so does the first change, if this one fails."""
        self._put_right()

    def watch(self, watcher: Watcher) -> None:
        """See `Places`."""
        self._watcher = watcher

    def take(self, needs: Sequence[Need]) -> str | None:
        """See `Places`."""
        return self._get(partial(self._take, needs), needs)

    def wait(self, needs: Sequence[Need]) -> str | None:
        """See `Places`."""
        refusal = self._get(partial(self._take_or_wait, needs), needs)
        self._arm()
        return refusal

    def has_room(self, needs: Sequence[Need]) -> bool:
        """See `Places`."""
        return self._ledger.look(partial(self._has_room, needs), otherwise=False)

    def give_back(self, names: Iterable[str]) -> None:
        """See `Places`."""
        for name in names:
            left = self._own.pop(name) - 1
            if left:
                self._own[name] = left
            self._unsure.add(name)
        waits, now = self._unsure & self._wanted, self._ledger.seconds()
        self._change(lambda rows: self._roster.restart(rows, waits, now), None)

    def decline(self, names: Iterable[str]) -> None:
        """See `Places`."""
        over = self._wanted.intersection(names)
        if over:
            self._wanted -= over
            self._unsure |= over
            self._put_right()

    def _get(
        self, job: Callable[[Rows], str | None], needs: Sequence[Need]
    ) -> str | None:
        unknown: str | None = UNKNOWN
        refusal = self._change(job, unknown)
        if refusal is None:
            for name, _ in needs:
                self._own[name] = self._own.get(name, 0) + 1
                self._wanted.discard(name)
        elif refusal == UNKNOWN:
            self._unsure.update(name for name, _ in needs)
        if self._own:
            self._arm()
        return refusal

    # -- looking ------------------------------------------------------------------

    def _arm(self) -> None:
        if self._timer is None:
            least, most = LOOK_SECONDS
            seconds = least + (most - least) * self._dice.random()
            self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        """Try again for those who wait, and see who waits elsewhere."""
        self._timer = None
        waits = self._watcher.look()
        if self._own:
            self._see_others()
        if self._unsure or self._edition != self._ledger.editions:
            self._put_right()
        if waits or self._own or self._unsure:
            self._arm()

    def _see_others(self) -> None:
        now, nobody = self._ledger.seconds(), list[tuple[str, Want]]()
        found = self._ledger.look(
            lambda rows: self._roster.others(rows, self._seen, now), nobody
        )
        for name, want in found:
            ask = partial(self._roster.ask, name=name, want=want, now=now)
            if name in self._own and self._change(ask, otherwise=False):
                self._watcher.press(name)
            self._seen = name, want.worker
        if len(found) < SEEN:
            self._seen = FIRST

    # -- within a transaction -----------------------------------------------------

    def _put_right(self) -> None:
        self._change(_nothing, None)

    def _change(self, job: Callable[[Rows], T], otherwise: T) -> T:
        """Do this, once the file says what this worker has."""

        def whole(rows: Rows) -> tuple[int, T]:
            edition = self._ledger.editions
            if edition != self._edition:
                self._roster.forget(rows)
                self._wanted.clear()
                self._unsure.update(self._own)
            for name in self._unsure:
                self._roster.note(rows, name, self._own.get(name, 0))
            self._roster.leave(rows, self._unsure - self._wanted)
            return edition, job(rows)

        done = self._ledger.change(whole, None)
        if done is None:
            return otherwise
        self._edition, result = done
        self._unsure.clear()
        return result

    def _take(self, needs: Sequence[Need], rows: Rows) -> str | None:
        if not self._knows_all:
            return UNKNOWN
        full = self._roster.full(rows, needs, self._ledger.seconds())
        if full:
            return full[0][0]
        for name, _ in needs:
            self._roster.take(rows, name, self._own.get(name, 0) + 1)
        self._roster.leave(rows, self._wanted.intersection(name for name, _ in needs))
        return None

    def _take_or_wait(self, needs: Sequence[Need], rows: Rows) -> str | None:
        refusal = self._take(needs, rows)
        if refusal:
            now = self._ledger.seconds()
            full = self._roster.full(rows, needs, now)
            self._roster.wait(rows, full, now)
            self._wanted.update(name for name, _ in full)
        return refusal

    def _has_room(self, needs: Sequence[Need], rows: Rows) -> bool:
        now = self._ledger.seconds()
        return self._knows_all and not self._roster.full(rows, needs, now)

    @property
    def _knows_all(self) -> bool:
        """Whether the file has what all workers have."""
        return self._ledger.seconds() >= self._ledger.born_at + SETTLING_SECONDS


def _nothing(rows: Rows) -> None:
    """Change nothing but what is put right in every change."""
