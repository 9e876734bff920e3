"""What operators are told of one mail queue: changes, not every attempt."""

from __future__ import annotations

from attrs import frozen
from twisted.logger import Logger

from mcmtpush.delivery.mail.exchange import Target


_log = Logger()


@frozen
class Voice:
    """Speaks in the name of one domain."""

    domain: str

    def unread(self, reason: str) -> None:
        """The spool did not give a message."""
        self._warn(
            "{domain}: mail cannot be read from the spool: {reason}; "
            "it stays queued and is tried again",
            reason=reason,
        )

    def unknown(self, reason: str) -> None:
        """Nobody says where its mail goes."""
        self._warn(
            "{domain}: cannot look up where its mail goes: {reason}; "
            "it stays queued and is tried again",
            reason=reason,
        )

    def nowhere(self, text: str) -> None:
        """It takes no mail."""
        self._warn("{domain}: nowhere to send its mail: {reason}", reason=text)

    def rests(self, target: Target, reason: str) -> None:
        """One server is avoided for a while."""
        self._warn(
            "{domain}: {target} rests: {reason}", target=_name(target), reason=reason
        )

    def unreachable(self) -> None:
        """None of its servers works."""
        self._warn(
            "{domain}: no mail server takes messages; they stay queued and it is "
            "tried again"
        )

    def works(self, target: Target) -> None:
        """One of them does again."""
        _log.info(
            "{domain}: {target} takes mail again",
            domain=self.domain,
            target=_name(target),
        )

    def _warn(self, text: str, **facts: object) -> None:
        _log.warn(text, domain=self.domain, **facts)


def _name(target: Target) -> str:
    return f"{target.name} [{target.address}]:{target.port}"
