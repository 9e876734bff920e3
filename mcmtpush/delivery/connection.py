"""What a slot asks of a connection and what a connection tells it.

Two languages implement it, `binary` and `http2`; which one a route speaks is said
in `dialect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from mcmtpush.values import Attempt, Entry


if TYPE_CHECKING:
    from twisted.python.failure import Failure  # noqa: TID251 - types only


class Connection(Protocol):
    """One connection to a gateway, made by an endpoint as its protocol."""

    @property
    def remote_ip(self) -> str:
        """The gateway's address; empty before there is one."""

    @property
    def answered(self) -> bool:
        """Whether the gateway said something about a message of this connection."""

    @property
    def trouble(self) -> str:
        """Why no other connection would fare better for now; empty if one may.

        Known before `Owner.ended` is told.
        """

    @property
    def farewell(self) -> str:
        """What the gateway said or did that made this connection end; may be empty."""

    @property
    def accepted(self) -> int:
        """How many the gateway took, presumed or proven."""

    @property
    def unsettled(self) -> int:
        """How many it was given that are not settled."""

    @property
    def spent(self) -> bool:
        """Whether it wrote as many as one connection may."""

    @property
    def room(self) -> int:
        """How many entries `attempt` may be given now."""

    @property
    def crowded(self) -> bool:
        """Whether its peer's window, not the number of messages, holds it back."""

    def attempt(self, entries: Sequence[Entry]) -> None:
        """Send these, in order; at most `room`, all resident."""

    def finish(self) -> None:
        """Take no more, wait for what is unsettled (bounded), then close."""

    def abort(self) -> None:
        """Drop the connection; what is unsettled will be undecided."""


class Owner(Protocol):
    """What a connection tells.  It tells nothing after `ended`."""

    def connected(self, connection: Connection) -> None:
        """It can be given entries."""

    def settled(self, connection: Connection, attempts: list[Attempt]) -> None:
        """These are no longer the connection's."""

    def resumed(self, connection: Connection) -> None:
        """There may be room again."""

    def idled(self, connection: Connection) -> None:
        """Nothing was written or waited for during `idle_timeout`."""

    def matured(self, connection: Connection) -> None:
        """Another one should take over; told every second unless it is paused."""

    def ended(self, connection: Connection, reason: Failure) -> None:
        """It is gone; everything was settled before."""
