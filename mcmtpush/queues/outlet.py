"""What delivery sees of one queue: it takes, and what it cannot take yet is fetched.

Bodies come from the spool in pages, one page of one queue at a time, and few queues
fetch at once: by its turn each has collected something.  Entries that
grew too old end here when the configuration wants them not to be attempted, or when
nothing at all can be delivered.  Timers and wake-ups are the scheduler's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field

from mcmtpush.config.views import QueueSettings
from mcmtpush.places import Places
from mcmtpush.ports import Lane, Now, Spool
from mcmtpush.queues.domain import DomainQueue
from mcmtpush.queues.residence import LARGEST_PAGE
from mcmtpush.values import Attempt, Entry, Expired, Message, PushPart, QueueKey


NOT_ATTEMPTED = Expired("554 5.4.5 [internal] Delivery not attempted (message expired)")
TOO_OLD = Expired("554 5.4.7 [internal] exceeded max time without delivery")

STUCK_SECONDS = 60.0
"""A queue from which nothing was taken for so long delivers nothing."""


@define
class Gate:
    """Whether anything at all is handed out.

    Attributes:
        reason: why nothing is for now, or None.
        draining: nothing ever again.
    """

    reason: str | None = None
    draining: bool = False

    @property
    def open(self) -> bool:
        """Whether entries are handed out."""
        return self.reason is None and not self.draining


class Household(Protocol):
    """What all outlets share; the scheduler."""

    gate: Gate
    spool: Spool
    now: Now
    places: Places[Outlet]
    expire: Callable[[QueueKey, Sequence[Attempt]], None]

    def seconds(self) -> float:
        """Seconds on a clock that is only good for differences."""

    def wake(self, outlet: Outlet) -> None:
        """Look at this queue at the next turn."""

    def put_off(self, outlet: Outlet, count: int, reason: str) -> None:
        """So many of this queue wait for a while, since there is no way out."""

    def lost(self, key: QueueKey, rows: Sequence[int]) -> None:
        """These left the queue because they cannot be read."""

    def not_loaded(self, key: QueueKey, failure: Any) -> None:
        """Bodies did not come; to be tried again at the next scan."""


@define(eq=False)
class Outlet:
    """Implements `mcmtpush.ports.Queue`.

    Attributes:
        key: which queue.
        queue: the entries.
        lane: the delivery side; set right after construction, and again when the
            configuration wants another.
        booked_at: when the alarm looks after this queue next, epoch seconds.
        moved_at: when something was taken last, or the queue ceased to be idle, on
            the clock of differences.
        suspended: why the lane wants nothing handed out; empty while it does.
    """

    queue: DomainQueue
    _house: Household
    _settings_for: Callable[[QueueKey], QueueSettings]
    moved_at: float
    key: QueueKey = field(init=False)
    booked_at: float | None = field(default=None, init=False)
    lane: Lane = field(init=False)
    suspended: str = field(default="", init=False)
    _loading: bool = field(default=False, init=False)
    _in_line: bool = field(default=False, init=False)  # to fetch a page
    _put_off: bool = field(default=False, init=False)  # while a page was on its way
    _sentence: Expired = field(default=TOO_OLD, init=False)  # of the condemned

    def __attrs_post_init__(self) -> None:
        self.key = self.queue.key

    @property
    def settings(self) -> QueueSettings:
        """What the configuration says now."""
        return self._settings_for(self.key)

    @property
    def open(self) -> bool:
        """Whether entries of this queue are handed out now."""
        return not (self._held_back or self.settings.suspend_delivery)

    @property
    def waits(self) -> bool:
        """Whether nothing can be done before the bodies have come that are next."""
        return (self._loading or self._in_line) and self.queue.blocked

    @property
    def _held_back(self) -> bool:
        return bool(self.suspended) or not self._house.gate.open

    # -- for the lane --

    @property
    def backlog(self) -> int:
        """Entries that may be attempted now; none while delivery is held back."""
        return self.queue.active if self.open else 0

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` resident entries, in order; now in flight."""
        settings = self.settings
        if self._held_back or settings.suspend_delivery:
            return []
        if settings.never_attempt_expired_messages:
            taken = self._take_young(limit, self._cutoff(settings))
        else:
            taken = self.queue.take(limit)
        if taken:
            self.moved_at = self._house.seconds()
        self._load_next(settings)
        return taken

    def _take_young(self, limit: int, cutoff: float) -> list[Entry]:
        young: list[Entry] = []
        old: list[Entry] = []
        while batch := self.queue.take(limit - len(young)):
            for entry in batch:
                (old if entry.received_at < cutoff else young).append(entry)
        self._end(old, NOT_ATTEMPTED)
        return young

    def delay(self, reason: str) -> None:
        """No way out for now: all active ones wait for the retry interval."""
        until = self._house.now() + self.settings.retry_interval_seconds
        count = self.queue.put_off(until)
        self._put_off = self._loading
        if count:
            self._house.put_off(self, count, reason)

    def suspend(self, reason: str) -> None:
        """Hand out nothing until `resume`; nothing ends for being old meanwhile."""
        self.suspended = reason or "suspended"

    def resume(self) -> None:
        """Hand out again."""
        self.suspended = ""
        self.moved_at = self._house.seconds()
        self._house.wake(self)

    # -- for the scheduler --

    def enqueue(self, entries: Sequence[Entry]) -> None:
        """New entries of this queue."""
        self.arriving()
        bare = all(entry.message is None for entry in entries)
        limit = 0 if bare else self.settings.max_resident_active_queue
        self.queue.enqueue(entries, self._house.now(), limit)

    def arriving(self) -> None:
        """Entries are about to become active: an idle queue is not a stuck one."""
        if not self.queue.active:
            self.moved_at = self._house.seconds()

    def condemn(self, received_before: float, sentence: Expired) -> int:
        """All that wait and are so old end with this, at an order; how many.

        Whatever holds delivery back, but for logs that cannot be written.  Those in
        flight are left alone.
        """
        self._sentence = sentence
        count = self.queue.condemn(received_before)
        self._house.wake(self)
        return count

    def look(self) -> None:
        """Do what there is to do: end, fetch, or let the lane work."""
        if self._in_line:
            # Others had their turn: that is not stuck either.
            self.moved_at = self._house.seconds()
            self._in_line = False
        if self.queue.condemned and self._house.gate.open:
            self._end_condemned()
        if not self.queue.active:
            return
        settings = self.settings
        if self._held_back or settings.suspend_delivery:
            # Held back is not stuck: the time does not count against the messages.
            self.moved_at = self._house.seconds()
            return
        if self._is_stuck(settings):
            self._end_old(self._cutoff(settings), settings)
        if settings.max_resident_active_queue != 0:
            self._load_next(settings)
        if not self.waits:
            self.lane.work()

    # -- ends --

    def _is_stuck(self, settings: QueueSettings) -> bool:
        patience = min(STUCK_SECONDS, settings.message_expiration_seconds)
        return self._house.seconds() - self.moved_at > patience

    def _cutoff(self, settings: QueueSettings) -> float:
        return self._house.now() - settings.message_expiration_seconds

    def _end_old(self, cutoff: float, settings: QueueSettings) -> None:
        """A page of those that are too old to wait for a way out."""
        old = self.queue.take_old(cutoff, LARGEST_PAGE)
        self._end(old, TOO_OLD)
        if old:
            self._house.wake(self)
        page = self.queue.absent(self._page(settings), cutoff)
        if page:
            self._load(lambda: page)

    def _end_condemned(self) -> None:
        """A page of those that an operator ordered to end."""
        ready = self.queue.take_condemned(LARGEST_PAGE)
        self._end(ready, self._sentence)
        if ready:
            self._house.wake(self)
        page = self.queue.absent_condemned(self._page(self.settings))
        if page:
            self._load(lambda: page)

    def _end(self, entries: Sequence[Entry], outcome: Expired) -> None:
        if entries:
            self._house.expire(self.key, [Attempt(entry, outcome) for entry in entries])

    # -- bodies --

    def _page(self, settings: QueueSettings) -> int:
        return self.queue.residence.page(settings.max_resident_active_queue)

    def _load_next(self, settings: QueueSettings) -> None:
        if self.queue.blocked:
            self._load(lambda: self.queue.absent(self._page(settings)))

    def _load(self, choose: Callable[[], list[Entry]]) -> None:
        """Fetch what is chosen, which is something, once it is this queue's turn.

        Who stands in line must not ask for nothing: that would use the turn up.
        """
        if self._loading:
            return
        if not self._house.places.begin(self):
            self._in_line = True
            return
        page = choose()
        self._loading = True
        loaded = self._house.spool.load([entry.row for entry in page])
        loaded.addCallbacks(self._loaded, self._not_loaded, callbackArgs=(page,))

    def _loaded(
        self,
        bodies: Mapping[int, tuple[Message, PushPart | None]],
        page: Sequence[Entry],
    ) -> None:
        self._loading = False
        self._house.places.end()
        if self._put_off:
            # Nobody of this page is active any more.
            self._put_off = False
            self._house.wake(self)
            return
        lost = self.queue.admit(page, bodies)
        if lost:
            self._house.lost(self.key, lost)
        self._house.wake(self)

    def _not_loaded(self, failure: Any) -> None:
        self._loading = self._put_off = False
        self._house.places.end()
        self._house.not_loaded(self.key, failure)
