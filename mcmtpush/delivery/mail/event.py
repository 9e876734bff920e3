"""The words of a conversation: what is waited for, and what it orders and tells.

Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal

from attrs import frozen

from mcmtpush.values import Answered, Outcome


TLS_FAILED: Final = Answered(451, "4.7.5 [internal] TLS negotiation failed")


class Step(Enum):
    """What was sent, or is waited for."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    HANDSHAKE = "TLS handshake"
    READY = "ready"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"
    NOTHING = "end of no data"
    RSET = "RSET"
    QUIT = "QUIT"
    OVER = "over"


PATIENCE_SECONDS: Final[Mapping[Step, float]] = {
    Step.GREETING: 300.0,
    Step.EHLO: 300.0,
    Step.HELO: 300.0,
    Step.STARTTLS: 120.0,
    Step.HANDSHAKE: 120.0,
    Step.MAIL: 300.0,
    Step.RCPT: 300.0,
    Step.DATA: 120.0,
    Step.CONTENT: 600.0,
    Step.NOTHING: 120.0,
    Step.RSET: 30.0,
    Step.QUIT: 2.0,
}
"""How long to wait for each (RFC 5321, 4.5.3.2); nothing else is waited for."""


@frozen
class Send:
    """Write this."""

    data: bytes


@frozen
class StartTls:
    """Begin TLS; then call `secured`, or `lost`."""


@frozen
class Ready:
    """A transaction may begin."""


@frozen
class Settled:
    """The transaction is over; one outcome for each recipient, in order."""

    outcomes: tuple[Outcome, ...]


@frozen
class Over:
    """The conversation is over: close.

    Attributes:
        reason: for diagnostics.
        answer: what the server thinks of all messages, if it was not about one.
        tls: whether it is over because of TLS.
        agreed: we said goodbye first.
    """

    reason: str
    answer: Answered | None = None
    tls: bool = False
    agreed: bool = False


Event = Send | StartTls | Ready | Settled | Over


@frozen
class Terms:
    """How we want to talk.

    Attributes:
        hostname: said in EHLO.
        tls: whether it is asked for, or nothing goes without it.
        fallback: a server that offers STARTTLS and then refuses is used in clear.
        extended: whether EHLO is tried at all.
    """

    hostname: str
    tls: Literal["no", "ifavailable", "required"] = "no"
    fallback: bool = True
    extended: bool = True
