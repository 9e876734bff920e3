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

The active ones stand in two lines, one for each priority (`priority`).  A line is first
what came back from a flight, by row, and then the others in the order they came.  Of
those in flight only the number is kept: whoever has taken them, has them.
No clock ever moves a held one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from math import inf

from attrs import define, field

from mcmtpush.errors import LocalProtocolError
from mcmtpush.queues.delay import Delays
from mcmtpush.queues.line import row_of
from mcmtpush.queues.priority import Lines
from mcmtpush.queues.residence import Residence
from mcmtpush.values import HELD, Entry, Message, PushPart, QueueKey


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
    _lines: Lines = field(factory=Lines, init=False)
    _delays: Delays = field(factory=Delays, init=False)
    _held: list[Entry] = field(factory=list, init=False)
    _condemned: list[Entry] = field(factory=list, init=False)  # the next is the last

    @property
    def active(self) -> int:
        """How many want an attempt now."""
        return len(self._lines)

    @property
    def delayed(self) -> int:
        """How many wait for their time."""
        return len(self._delays)

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
                self._delays.add(entry)
                continue
            if entry.message is not None and room > 0:
                room -= 1
                self._count(1)
            else:
                entry.message = entry.push = None
            self._lines.of(entry).append(entry)

    def retry(self, entries: Sequence[Entry]) -> None:
        """Back from a flight, to wait until `entry.next_attempt_at`."""
        self.done(len(entries))
        for entry in entries:
            self._delays.add(entry)

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
        self._lines.give_back(entries)

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
        self._lines.give_back(freed)
        return freed

    def condemn(self, received_before: float) -> int:
        """All that wait here and are so old are to end, the oldest first; how many."""
        chosen = self._lines.withdraw(received_before)
        for entry in chosen:
            if entry.message is not None:
                entry.message = entry.push = None
                self._count(-1)
        chosen += self._delays.withdraw(received_before)
        chosen += (one for one in self._held if one.received_at < received_before)
        self._held = [one for one in self._held if one.received_at >= received_before]
        self._condemned = sorted(self._condemned + chosen, key=row_of, reverse=True)
        return len(chosen)

    # -- time --

    def next_due(self) -> float | None:
        """When the first of the delayed ones has its time."""
        return self._delays.next_due()

    def release(self, now: float, limit: int) -> int:
        """Up to `limit` delayed ones whose time has come are active; how many."""
        due = self._delays.due(now, limit)
        for entry in due:
            self._lines.of(entry).append(entry)
        return len(due)

    def put_off(self, until: float) -> int:
        """All active ones wait until then, seconds since the epoch; how many."""
        active = self._lines.take_all()
        self._count(-sum(one.message is not None for one in active))
        for entry in active:
            entry.next_attempt_at = until
            self._delays.add(entry)
        return len(active)

    def set_back(self, seconds: float) -> None:
        """The wall clock went back by so much: nobody waits longer for that."""
        self._delays.set_back(seconds)

    # -- out --

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` in order, up to the first whose body is on the disk only."""
        return self._fly(self._lines.take(limit))

    def take_old(self, received_before: float, limit: int) -> list[Entry]:
        """Up to `limit` resident ones from the heads of both lines that are so old."""
        return self._fly(self._lines.take_old(received_before, limit))

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
        head = self._lines.turn.head()
        return head is not None and head.message is None

    def absent(self, limit: int, received_before: float = inf) -> list[Entry]:
        """Up to `limit` whose body is on the disk only, in the order of taking.

        With `received_before`, only from the heads of the lines that are so old.
        """
        return self._lines.absent(limit, received_before)

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
        self._lines.discard(lost)
        if lost and self._condemned:
            gone = {one.row for one in lost}
            self._condemned = [one for one in self._condemned if one.row not in gone]
        return [one.row for one in lost]

    def shed(self, limit: int) -> None:
        """Memory is scarce: keep the bodies of the next `limit` only."""
        for entry in islice(self._lines.in_turn(), limit, None):
            if entry.message is not None:
                entry.message = entry.push = None
                self._count(-1)

    def _set_apart(self, entry: Entry) -> None:
        entry.message = entry.push = None
        self._held.append(entry)

    def _count(self, count: int) -> None:
        self.resident += count
        self.residence.held += count

    def _fly(self, taken: list[Entry]) -> list[Entry]:
        self.flight += len(taken)
        self._count(-len(taken))
        return taken
