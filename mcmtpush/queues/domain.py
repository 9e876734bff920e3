"""One queue, for one binding and domain: who is next, who waits, what is in memory.

Knows no clock (`now` is an argument), no timer and no disk.

Rules of this file

An entry is in exactly one place, and these are all the moves there are:

    verb       from        to
    enqueue    outside     active, or delayed if its time has not come, or held
    take       active      flight       only entries with their body in memory
    retry      flight      delayed      body dropped
    requeue    flight      active       in front, oldest first; a page of bodies kept
    hold       flight      held         body dropped
    free       held        active       in front, oldest first
    done       flight      outside
    release    delayed     active       when its time has come
    put_off    active      delayed      all of them, bodies dropped
    condemn    waiting     condemned    active, delayed and held ones, bodies dropped
    take_condemned         flight       condemned ones with their body in memory
    admit      active      outside      it cannot be read; so with a condemned one

The active ones stand in two lines, priority 1 before priority 0; but where both
wait, every eighth that is taken is of priority 0.  A line is first what came back
from a flight, by row, and then the others in the order they came.  Of those in
flight only the number is kept: whoever has taken them, has them.
No clock ever moves a held one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain, islice
from math import inf
from typing import Final

from attrs import define, field

from mcmtpush.errors import LocalProtocolError
from mcmtpush.queues.line import Line, older, row_of
from mcmtpush.queues.residence import Residence
from mcmtpush.values import HELD, Entry, Message, PushPart, QueueKey


AHEAD: Final = 7
"""So many of priority 1 go in a row while one of priority 0 waits."""


def _is_whole(entry: Entry) -> bool:
    """Whether it can be attempted as it is; delivery may have dropped the payload."""
    push = entry.push
    return entry.message is not None and (push is None or bool(push.payload))


@define(eq=False)
class DomainQueue:
    """The entries of one queue.

    Attributes:
        key: which queue.
        residence: the budget of bodies, shared with all other queues.
        flight: how many entries are in flight.
        resident: how many active ones have their body in memory.
    """

    key: QueueKey
    residence: Residence
    flight: int = field(default=0, init=False)
    resident: int = field(default=0, init=False)
    _first: Line = field(factory=Line, init=False)
    _second: Line = field(factory=Line, init=False)
    _delayed: list[tuple[float, int, Entry]] = field(factory=list, init=False)
    _held: list[Entry] = field(factory=list, init=False)
    _condemned: list[Entry] = field(factory=list, init=False)  # the next is the last
    _ahead: int = field(default=0, init=False)  # of priority 1, since one of 0 waits

    @property
    def active(self) -> int:
        """How many want an attempt now."""
        return len(self._first) + len(self._second)

    @property
    def delayed(self) -> int:
        """How many wait for their time."""
        return len(self._delayed)

    @property
    def held(self) -> int:
        """How many wait for an operator."""
        return len(self._held)

    @property
    def condemned(self) -> int:
        """How many an operator ordered to end, and have not yet."""
        return len(self._condemned)

    @property
    def waiting(self) -> int:
        """How many are here, for whatever."""
        return self.active + self.delayed + self.held + self.condemned

    @property
    def empty(self) -> bool:
        """Whether nothing is here, nor in flight from here."""
        return not (self.waiting or self.flight)

    # -- in --

    def enqueue(self, entries: Iterable[Entry], now: float, limit: int) -> None:
        """New entries; as many bodies stay in memory as `limit` and budget allow."""
        room = self.residence.room(limit, self.resident)
        for entry in entries:
            if entry.next_attempt_at == HELD:
                self._set_apart(entry)
                continue
            if entry.next_attempt_at > now:
                self._delay(entry)
                continue
            if entry.message is not None and room > 0:
                room -= 1
                self._count(1)
            else:
                entry.message = entry.push = None
            self._line(entry).append(entry)

    def retry(self, entries: Sequence[Entry]) -> None:
        """Back from a flight, to wait until `entry.next_attempt_at`."""
        self.done(len(entries))
        for entry in entries:
            self._delay(entry)

    def requeue(self, entries: Sequence[Entry], limit: int) -> None:
        """Back from a flight, first in line again.

        As many bodies stay in memory as would be fetched at once: they are next.
        `limit` is as for `enqueue`.
        """
        self.done(len(entries))
        room = self.residence.page(limit) if limit else 0
        for entry in entries:
            if room > 0 and _is_whole(entry):
                room -= 1
                self._count(1)
            else:
                entry.message = entry.push = None
        for line in self._lines:
            line.give_back(one for one in entries if self._line(one) is line)

    def hold(self, entries: Sequence[Entry]) -> None:
        """Back from a flight, to wait for an operator."""
        self.done(len(entries))
        for entry in entries:
            entry.next_attempt_at = HELD
            self._set_apart(entry)

    def done(self, count: int) -> None:
        """So many are no longer in flight."""
        if count > self.flight:
            raise LocalProtocolError(
                f"{count} entries came back, {self.flight} were in flight"
            )
        self.flight -= count

    # -- orders --

    def free(self) -> list[Entry]:
        """All held ones are active, first in line; who they are."""
        freed, self._held = self._held, []
        for entry in freed:
            entry.next_attempt_at = 0.0
        for line in self._lines:
            line.give_back(one for one in freed if self._line(one) is line)
        return freed

    def condemn(self, received_before: float) -> int:
        """All that wait here and are so old are to end, the oldest first; how many."""
        chosen = [one for line in self._lines for one in line.withdraw(received_before)]
        for entry in chosen:
            if entry.message is not None:
                entry.message = entry.push = None
                self._count(-1)
        others = [one for _, _, one in self._delayed] + self._held
        chosen += (one for one in others if one.received_at < received_before)
        self._delayed = [
            each for each in self._delayed if each[2].received_at >= received_before
        ]
        heapify(self._delayed)
        self._held = [one for one in self._held if one.received_at >= received_before]
        self._condemned = sorted(self._condemned + chosen, key=row_of, reverse=True)
        return len(chosen)

    # -- time --

    def next_due(self) -> float | None:
        """When the first of the delayed ones has its time."""
        return self._delayed[0][0] if self._delayed else None

    def release(self, now: float, limit: int) -> int:
        """Up to `limit` delayed ones whose time has come are active; how many."""
        count = 0
        while count < limit and self._delayed and self._delayed[0][0] <= now:
            entry = heappop(self._delayed)[2]
            self._line(entry).append(entry)
            count += 1
        return count

    def put_off(self, until: float) -> int:
        """All active ones wait until then, seconds since the epoch; how many."""
        active = [*self._first, *self._second]
        self._count(-sum(one.message is not None for one in active))
        self._first, self._second = Line(), Line()
        for entry in active:
            entry.next_attempt_at = until
            self._delay(entry)
        return len(active)

    def set_back(self, seconds: float) -> None:
        """The wall clock went back by so much: nobody waits longer for that."""
        for _, _, entry in self._delayed:
            entry.next_attempt_at -= seconds
        self._delayed = [
            (entry.next_attempt_at, row, entry) for _, row, entry in self._delayed
        ]
        heapify(self._delayed)

    # -- out --

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` in order, up to the first whose body is on the disk only."""
        taken: list[Entry] = []
        while len(taken) < limit:
            line = self._turn
            head = line.head()
            if head is None or head.message is None:
                break
            taken.append(line.pop())
            favoured = line is self._first and self._second
            self._ahead = self._ahead + 1 if favoured else 0
        return self._fly(taken)

    def take_old(self, received_before: float, limit: int) -> list[Entry]:
        """Up to `limit` resident ones from the heads of both lines that are so old."""
        taken: list[Entry] = []
        for line in self._lines:
            head = line.head()
            while (
                head is not None
                and len(taken) < limit
                and head.message is not None
                and head.received_at < received_before
            ):
                taken.append(line.pop())
                head = line.head()
        return self._fly(taken)

    def take_condemned(self, limit: int) -> list[Entry]:
        """Up to `limit` of the condemned, up to the first without a body."""
        taken: list[Entry] = []
        condemned = self._condemned
        while condemned and len(taken) < limit and condemned[-1].message is not None:
            taken.append(condemned.pop())
        return self._fly(taken)

    # -- bodies --

    @property
    def blocked(self) -> bool:
        """Whether the next one to take has its body on the disk only."""
        head = self._turn.head()
        return head is not None and head.message is None

    def absent(self, limit: int, received_before: float = inf) -> list[Entry]:
        """Up to `limit` whose body is on the disk only, in the order of taking.

        With `received_before`, only from the heads of the lines that are so old.
        """
        inline: Iterator[Entry]
        if received_before < inf:
            ends = [older(line, received_before) for line in self._lines]
            inline = chain(*ends)
        else:
            inline = self._in_turn()
        return list(islice((one for one in inline if one.message is None), limit))

    def absent_condemned(self, limit: int) -> list[Entry]:
        """Up to `limit` condemned ones without a body, in the order of taking."""
        bare = (one for one in reversed(self._condemned) if one.message is None)
        return list(islice(bare, limit))

    def admit(
        self,
        page: Iterable[Entry],
        bodies: Mapping[int, tuple[Message, PushPart | None]],
    ) -> list[int]:
        """Bodies of a page have come; the rows of those without one, now out."""
        lost = []
        for entry in page:
            body = bodies.get(entry.row)
            if body is None:
                lost.append(entry)
            else:
                entry.message, entry.push = body
                self._count(1)
        for line in self._lines:
            line.discard({one.row for one in lost if self._line(one) is line})
        if lost and self._condemned:
            gone = {one.row for one in lost}
            self._condemned = [one for one in self._condemned if one.row not in gone]
        return [one.row for one in lost]

    @property
    def _lines(self) -> tuple[Line, Line]:
        return self._first, self._second

    @property
    def _turn(self) -> Line:
        """The line whose head is next."""
        first, second = self._first, self._second
        return first if first and (self._ahead < AHEAD or not second) else second

    def _in_turn(self) -> Iterator[Entry]:
        """All active ones in the order of taking."""
        first, second = iter(self._first), iter(self._second)
        favoured, others = len(self._first), len(self._second)
        ahead = self._ahead
        while favoured and others:
            if ahead < AHEAD:
                ahead += 1
                favoured -= 1
                yield next(first)
            else:
                ahead = 0
                others -= 1
                yield next(second)
        yield from first
        yield from second

    def shed(self, limit: int) -> None:
        """Memory is scarce: keep the bodies of the next `limit` only."""
        for entry in islice(self._in_turn(), limit, None):
            if entry.message is not None:
                entry.message = entry.push = None
                self._count(-1)

    def _line(self, entry: Entry) -> Line:
        return self._first if entry.priority else self._second

    def _set_apart(self, entry: Entry) -> None:
        entry.message = entry.push = None
        self._held.append(entry)

    def _delay(self, entry: Entry) -> None:
        entry.message = entry.push = None
        heappush(self._delayed, (entry.next_attempt_at, entry.row, entry))

    def _count(self, count: int) -> None:
        self.resident += count
        self.residence.held += count

    def _fly(self, taken: list[Entry]) -> list[Entry]:
        self.flight += len(taken)
        self._count(-len(taken))
        return taken
