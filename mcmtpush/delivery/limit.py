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
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from attrs import define, field

from mcmtpush.config.views import LimitSettings


@define(eq=False)
class _Count:
    """One limit: who has how many of it."""

    most: int
    used: int = 0
    holders: dict[Share, int] = field(factory=dict)

    @property
    def full(self) -> bool:
        return self.used >= self.most


@define(eq=False)
class Share:
    """What one lane has of its limits.

    Attributes:
        used: how many places it has, one that is kept for it included.
    """

    _counts: Sequence[_Count]
    _line: dict[Share, None]
    _free: Callable[[], None]
    _yield_one: Callable[[], None]
    used: int = field(default=0, init=False)
    _kept: bool = field(default=False, init=False)  # a place, since it was told
    _pressed: bool = field(default=False, init=False)  # to give one up, and has not

    @property
    def full(self) -> bool:
        """Whether some limit is reached."""
        return not self._kept and any(count.full for count in self._counts)

    def take(self) -> bool:
        """One place more, if every limit allows it; otherwise wait to be told."""
        if self._kept:
            self._kept = False
            return True
        full = next((count for count in self._counts if count.full), None)
        if full is None:
            self._line.pop(self, None)
            self._note(1)
            return True
        self._line[self] = None
        if not self.used:
            _press(full)
        return False

    def give_back(self) -> None:
        """One place less, which somebody who waits is told.

        It may have stood in the way of several, each in another limit.
        """
        self._pressed = False
        self._note(-1)
        _serve(self._line)

    def decline(self) -> None:
        """No more is wanted for now: do not wait, and leave to others what is kept."""
        self._line.pop(self, None)
        if self._kept:
            self._kept = False
            self.give_back()

    def keep(self) -> None:
        """A place is kept for this lane, which waits in line: tell it."""
        del self._line[self]
        self._note(1)
        self._kept = True
        self._free()

    def _note(self, places: int) -> None:
        self.used += places
        for count in self._counts:
            count.used += places
            count.holders[self] = count.holders.get(self, 0) + places
            if not count.holders[self]:
                del count.holders[self]

    def press(self) -> None:
        """Others have nothing and wait: give one up, once for each asking."""
        if not self._pressed:
            self._pressed = True
            self._yield_one()


def _used(share: Share) -> int:
    return share.used


def _serve(line: dict[Share, None]) -> None:
    """Keep places for those in line, as far as there are any for them."""
    while fit := [share for share in line if not share.full]:
        min(fit, key=_used).keep()


def _press(count: _Count) -> None:
    """Ask whoever has most of this, and more than one, to give one up."""
    most = max(count.holders, key=lambda each: count.holders[each], default=None)
    if most is not None and count.holders[most] > 1:
        most.press()


class Limits:
    """The limits of the whole process; `server` is how many there may be in all."""

    def __init__(self, server: int) -> None:
        self._server = _Count(server)
        self._others: dict[Hashable, _Count] = {}
        self._line: dict[Share, None] = {}

    @property
    def used(self) -> int:
        """How many connections there are."""
        return self._server.used

    def resize(self, server: int) -> None:
        """So many may there be in all; where there are more, none is added."""
        self._server.most = server
        _serve(self._line)

    def share(
        self,
        limits: Sequence[LimitSettings | None],
        *,
        free: Callable[[], None],
        yield_one: Callable[[], None],
    ) -> Share:
        """For one lane that is also bound by these, as far as they are set.

        `free` is called when a place may be had that was not to be had before,
        `yield_one` when the lane is to give one up as soon as it can.
        """
        counts = [self._server, *(self._count(each) for each in limits if each)]
        return Share(counts, self._line, free, yield_one)

    def _count(self, settings: LimitSettings) -> _Count:
        """Of its definition; one that was changed goes on from where it was."""
        known = self._others.setdefault(settings.definition, _Count(settings.count))
        known.most = settings.count
        return known
