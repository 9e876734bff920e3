"""How many waiting messages keep their bodies in memory, over all queues together.

A budget, nothing else: which entries use it is `mcmtpush.queues.domain`'s affair.
Messages in flight are not in it; delivery's windows bound those.
"""

from __future__ import annotations

from attrs import define


PAGE = 500
"""Entries brought back from the disk at once, unless a limit asks for more."""

LARGEST_PAGE = 1000
SMALLEST_PAGE = 50
"""So many even when budget or memory is used up: every queue goes on."""

UNLIMITED = 1 << 62


@define
class Residence:
    """The budget.

    Attributes:
        limit: so many bodies at most, by and large; 0 = no limit.
        held: so many now.
        scarce: memory runs out: keep no more than what is about to be taken.
    """

    limit: int
    held: int = 0
    scarce: bool = False

    def room(self, queue_limit: int, queue_held: int) -> int:
        """How many more one queue may keep; its limit may be -1 for none."""
        if self.scarce:
            return 0
        room = UNLIMITED if queue_limit < 0 else queue_limit - queue_held
        if self.limit > 0:
            room = min(room, self.limit - self.held)
        return max(0, room)

    def page(self, queue_limit: int) -> int:
        """How many to bring back for one queue."""
        if self.scarce:
            return SMALLEST_PAGE
        page = min(max(queue_limit, PAGE), LARGEST_PAGE)
        if self.limit > 0:
            page = min(page, max(SMALLEST_PAGE, self.limit - self.held))
        return page
