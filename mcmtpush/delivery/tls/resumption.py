"""When the TLS session of an earlier connection is offered for the next one.

That spares both sides most of a handshake.  One object is about one host and port,
reached with one OpenSSL context: with one client certificate, and one way of judging
the server's.

Rules of this file:

- Only the session of a full handshake is kept, and for an hour: then the server has to
  show its certificate again, and we ours.
- A server that cannot use a session is to ignore it, but some break off instead.  So a
  session is forgotten when a handshake that it was offered for fails, for whatever
  reason.  When that happened to two sessions, and none worked between them, there are
  no more: every other connection would fail.

Knows neither what a session is nor how one is offered.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field

from mcmtpush.ports import Clock


LASTS_SECONDS: Final = 3600.0
"""After so long there is a full handshake again."""

MOST_FAILURES: Final = 2
"""So many sessions in a row may come to nothing."""


@define(eq=False)
class Resumption:
    """The session that is offered, if any."""

    clock: Clock
    _session: Any = field(default=None, init=False)
    _kept_at: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)

    def offer(self) -> Any:
        """The session for one more connection, or None."""
        if self.clock.seconds() - self._kept_at >= LASTS_SECONDS:
            self._session = None
        return self._session

    def keep(self, session: Any) -> None:
        """A connection that was offered none has this one now."""
        if self._failures < MOST_FAILURES:
            self._session = session
            self._kept_at = self.clock.seconds()

    def worked(self) -> None:
        """A handshake for which one was offered is over."""
        self._failures = 0

    def failed(self, session: Any) -> None:
        """A handshake came to nothing for which this one was offered."""
        if session is self._session:
            self._session = None
            self._failures += 1
