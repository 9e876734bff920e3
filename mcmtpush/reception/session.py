"""One client's connection as facts, and how many clients there are.

Nothing here reads or writes the connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

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


class Sessions:
    """How many sessions are open, by listen and in all: one for all listeners."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self.total = 0

    def count(self, listen: str) -> int:
        """The sessions that are open on this listen."""
        return self._open[listen]

    def enter(self, listen: str, settings: ReceptionSettings) -> bool:
        """Count one more, unless a limit of these settings is reached."""
        here, everywhere = settings.listener_sessions, settings.service_sessions
        if here and self._open[listen] >= here:
            return False
        if everywhere and self.total >= everywhere:
            return False
        self._open[listen] += 1
        self.total += 1
        return True

    def leave(self, listen: str) -> None:
        """One that entered has ended."""
        self._open[listen] -= 1
        self.total -= 1
