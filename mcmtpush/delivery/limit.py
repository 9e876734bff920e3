"""How many connections there may be: of the process, of a binding, of a scope.

Counts over all lanes; whoever is turned away is told when there may be room.
Knows no connection, no lane and no time.

Rules of this file:

- A place is counted from `take` until `give_back`, in every limit of its share.
- Who was turned away waits in line, once.  When a place is given back it is kept
  for one in line that needs no other, who is told and takes or declines it: for
  who has fewest, and among those for who came first.
- Where lanes with nothing wait, the lane with the most gives one up, so that a
  lane that is never idle cannot keep all of them.
- Where there are other workers a place is taken only if they leave one (`Places`),
  and what a lane may have alone is a limit like the others, since each of them may
  have a lane of that queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from attrs import define, field

from mcmtpush.config.views import LimitSettings
from mcmtpush.shared.places import UNKNOWN, OwnPlaces, Places
from mcmtpush.shared.roster import Need


TRIES: Final = 20
"""So many limits that other workers fill are asked about in one go."""


@define(eq=False)
class _Count:
    """One limit: who has how many of it, and how many shares wait that need it."""

    name: str
    most: int
    used: int = 0
    waiting: int = 0
    holders: dict[Share, int] = field(factory=dict)

    @property
    def full(self) -> bool:
        return self.used >= self.most

    def press(self, *, least: int) -> None:
        """Ask whoever has most, if it has so many, to give one up."""
        most = max(self.holders, key=lambda each: self.holders[each], default=None)
        if most is not None and self.holders[most] >= least:
            most.press()


@define(eq=False)
class _Line:
    """Who waits, in the order in which they came; all of them for `server` as well."""

    places: Places
    server: _Count
    waiting: dict[Share, None] = field(factory=dict)

    def enter(self, share: Share) -> None:
        """Wait, once."""
        if share not in self.waiting:
            self.waiting[share] = None
            for count in share.counts:
                count.waiting += 1

    def leave(self, share: Share) -> None:
        """Wait no more."""
        if share in self.waiting:
            del self.waiting[share]
            for count in share.counts:
                count.waiting -= 1
            self.places.decline(each.name for each in share.counts if not each.waiting)

    def serve(self) -> None:
        """Keep places for those who wait, as far as there are any for them."""
        tried: dict[Share, str] = {}
        while len(tried) < TRIES:
            share = self._next(set(tried.values()))
            if share is None:
                return
            refusal = self.places.wait(share.needs)
            if refusal is None:
                share.keep()
            elif refusal == UNKNOWN:
                return
            else:
                tried[share] = refusal
        for share in tried:  # the next time it is the others' turn
            self.waiting[share] = self.waiting.pop(share)

    def _next(self, taken: Collection[str]) -> Share | None:
        """Whoever has least, of those who may have one the first that came."""
        if self.server.full or self.server.name in taken:
            return None
        found = None
        for share in self.waiting:
            if (found is None or share.used < found.used) and share.may_have_one(taken):
                found = share
                if not share.used:  # the usual case: there are thousands of others
                    break
        return found


@define(eq=False)
class Share:
    """What one lane has of its limits.

    Attributes:
        used: how many places it has, one that is kept for it included.
    """

    counts: Sequence[_Count]
    _line: _Line
    _free: Callable[[], None]
    _yield_one: Callable[[], None]
    used: int = field(default=0, init=False)
    _kept: bool = field(default=False, init=False)  # a place, since it was told
    _pressed: bool = field(default=False, init=False)  # to give one up, and has not

    @property
    def full(self) -> bool:
        """Whether some limit is reached."""
        if self._kept:
            return False
        if any(count.full for count in self.counts):
            return True
        return not self._line.places.has_room(self.needs)

    @property
    def needs(self) -> list[Need]:
        """What one place is."""
        return [(count.name, count.most) for count in self.counts]

    def take(self) -> bool:
        """One place more, if every limit allows it; otherwise wait to be told."""
        if self._kept:
            self._kept = False
            return True
        full = next((count for count in self.counts if count.full), None)
        if full is None:
            refusal = self._line.places.wait(self.needs)
            if refusal is None:
                self._line.leave(self)
                self._note(1)
                return True
            full = next((count for count in self.counts if count.name == refusal), None)
        self._line.enter(self)
        if full is not None and not self.used:
            full.press(least=2)
        return False

    def may_have_one(self, taken: Collection[str]) -> bool:
        """Whether no limit is reached; others have all that is left of `taken`."""
        return not any(count.full or count.name in taken for count in self.counts)

    def give_back(self) -> None:
        """One place less, which somebody who waits is told.

        It may have stood in the way of several, each in another limit.
        """
        self._pressed = False
        self._note(-1)
        self._line.places.give_back(count.name for count in self.counts)
        self._line.serve()

    def decline(self) -> None:
        """No more is wanted for now: do not wait, and leave to others what is kept."""
        self._line.leave(self)
        if self._kept:
            self._kept = False
            self.give_back()

    def keep(self) -> None:
        """A place is kept for this lane, which waits in line: tell it."""
        self._line.leave(self)
        self._note(1)
        self._kept = True
        self._free()

    def _note(self, places: int) -> None:
        self.used += places
        for count in self.counts:
            count.used += places
            count.holders[self] = count.holders.get(self, 0) + places
            if not count.holders[self]:
                del count.holders[self]

    def press(self) -> None:
        """Others have nothing and wait: give one up, once for each asking."""
        if not self._pressed:
            self._pressed = True
            self._yield_one()


class Limits:
    """The limits of the whole process; `server` is how many there may be in all.

    `places` are those of the workers that the process is one of.
    """

    def __init__(self, server: int, places: Places | None = None) -> None:
        self._places = OwnPlaces() if places is None else places
        self._server = _Count("server", server)
        self._others: WeakValueDictionary[Hashable, _Count] = WeakValueDictionary()
        self._line = _Line(self._places, self._server)
        self._places.watch(self)

    @property
    def used(self) -> int:
        """How many connections there are."""
        return self._server.used

    def resize(self, server: int) -> None:
        """So many may there be in all; where there are more, none is added."""
        self._server.most = server
        self._line.serve()

    def share(
        self,
        limits: Sequence[LimitSettings | None],
        *,
        alone: LimitSettings | None = None,
        free: Callable[[], None],
        yield_one: Callable[[], None],
    ) -> Share:
        """For one lane that is also bound by these, as far as they are set.

        `alone` binds lanes of one queue only, of which a process has one that counts
        for itself.  `free` is called when a place may be had that was not to be had
        before, `yield_one` when the lane is to give one up as soon as it can.
        """
        if self._places.shared:
            limits = [*limits, alone]
        counts = [self._server, *(self._count(each) for each in limits if each)]
        return Share(counts, self._line, free, yield_one)

    def _count(self, settings: LimitSettings) -> _Count:
        """Of its definition; one that was changed goes on from where it was."""
        definition, most = settings.definition, settings.count
        known = self._others.get(definition)
        if known is None:
            known = self._others[definition] = _Count(repr(definition), most)
        known.most = most
        return known

    # -- what other workers do; see `shared.places.Watcher` -----------------------

    def look(self) -> bool:
        """Ask again for those who wait; whether some still do."""
        self._line.serve()
        return bool(self._line.waiting)

    def press(self, name: str) -> None:
        """Another worker gets a place of this limit: ask whoever has most."""
        for count in [self._server, *self._others.values()]:
            if count.name == name:
                count.press(least=1)
