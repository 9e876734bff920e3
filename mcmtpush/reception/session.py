"""One client's connection as facts, and how many clients there are.

Nothing here reads or writes the connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from attrs import define, field

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.reception.relay import can_relay


@define(eq=False)
class Session:
    """What is known of one connection, and what it has used of its limits.

    Attributes:
        id: the connection id.
        listen: name of the listen it came in by.
        peer: address of the client; 127.0.0.1 on a Unix socket.
        port: of the client; 0 on a Unix socket.
        settings: what holds for this client.
        helo: the name it gave itself; `helo_line` all it said with it.
        extended: whether that was EHLO.
        tls: facts of the TLS layer by context variable, empty without one.
        receptions: transactions accepted so far.
        recipients: recipients accepted so far.
        priority: of its messages, 1 where the configured context says so, else 0.
    """

    id: str
    listen: str
    peer: str
    port: int
    settings: ReceptionSettings
    helo: str = ""
    helo_line: str = ""
    extended: bool = False
    tls: Mapping[str, str] = field(factory=dict)
    receptions: int = 0
    recipients: int = 0
    can_relay: bool = field(init=False)
    priority: int = field(init=False)
    _context: Mapping[str, str] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.can_relay = can_relay(self.settings, self.peer, verified=False)
        self.priority = int(self.settings.context.get("priority") == "1")

    @property
    def word(self) -> str:
        """The protocol as RFC 3848 names it."""
        if not self.extended:
            return "SMTP"
        return "ESMTPS" if self.tls else "ESMTP"

    @property
    def context(self) -> Mapping[str, str]:
        """The connection context: shared by messages, never changed in place."""
        if self._context is None:
            context = dict(self.settings.context)
            if self.helo:
                context["ehlo_domain"] = self.helo
                context["ehlo_string"] = self.helo_line
            if self.can_relay:
                context["can_relay"] = "true"
            context.update(self.tls)
            self._context = context
        return self._context

    def greeted(self, line: str, *, extended: bool) -> None:
        """The client has named itself; its name is the line's first word."""
        self.helo, self.helo_line, self.extended = (
            line.partition(" ")[0],
            line,
            extended,
        )
        self._context = None

    def secured(self, tls: Mapping[str, str]) -> None:
        """TLS is on: all that was said in clear text is forgotten."""
        verified = tls.get("tls_client_verified") == "yes"
        self.can_relay = can_relay(self.settings, self.peer, verified=verified)
        self.helo, self.helo_line, self.extended, self.tls = "", "", False, tls
        self._context = None


class Neighbours(Protocol):
    """The sessions of other processes; `mcmtpush.reception.board.Board`."""

    def note(self, listen: str, count: int, total: int) -> None:
        """So many has this process now, on this listen and in all."""

    def count(self, listen: str) -> int:
        """The sessions that all others have on this listen."""

    def total(self) -> int:
        """And in all."""

    def least(self) -> int | None:
        """The fewest that another has who takes connections; None if nobody does."""


class Alone:
    """There are no others."""

    def note(self, listen: str, count: int, total: int) -> None:
        """Nobody wants to know."""

    def count(self, _: str) -> int:
        """None."""
        return 0

    def total(self) -> int:
        """None."""
        return 0

    def least(self) -> None:
        """There is nobody."""


class Sessions:
    """How many sessions are open, by listen and in all: one for all listeners.

    Args:
        neighbours: other processes that the limits hold for, too.
        turn: entered for a look at all counts and the change that follows from it, by
            one process at a time; OSError when it cannot be had, and then nobody is
            turned away for it.

    Attributes:
        total: how many there are in this process.
        waiting: called when there are fewer.
    """

    def __init__(
        self,
        neighbours: Neighbours | None = None,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._open: Counter[str] = Counter()
        self._neighbours = neighbours or Alone()
        self._turn = turn or nullcontext()
        self.total = 0
        self.waiting: set[Callable[[], None]] = set()

    def count(self, listen: str) -> int:
        """The sessions of this process that are open on this listen."""
        return self._open[listen]

    def enter(self, listen: str, settings: ReceptionSettings) -> bool:
        """Count one more, unless a limit of these settings is reached."""
        here, everywhere = settings.listener_sessions, settings.service_sessions
        if not (here or everywhere):
            self._add(listen, 1)
            return True
        try:
            with self._turn:
                return self._enter(listen, here, everywhere)
        except OSError:
            return self._enter(listen, here, everywhere)

    def _enter(self, listen: str, here: int, everywhere: int) -> bool:
        others = self._neighbours
        if here and self._open[listen] + others.count(listen) >= here:
            return False
        if everywhere and self.total + others.total() >= everywhere:
            return False
        self._add(listen, 1)
        return True

    def is_ahead(self) -> bool:
        """Whether another process has fewer and should take the next connection.

        Where there are many, an eighth more is no more.
        """
        least = self._neighbours.least()
        return least is not None and self.total > least + least // 8

    def leave(self, listen: str) -> None:
        """One that entered has ended."""
        self._add(listen, -1)
        for call in tuple(self.waiting):
            call()

    def _add(self, listen: str, number: int) -> None:
        self._open[listen] += number
        self.total += number
        self._neighbours.note(listen, self._open[listen], self.total)
