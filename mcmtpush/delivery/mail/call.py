"""One call to one mail server: connect, hand over mail, hang up.

Has entries in hand from `attempt` until they are settled, whatever happens.  Knows
neither which server to call next nor when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from mcmtpush.delivery.mail.client import MailConnection, OneFactory
from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import Over, Terms
from mcmtpush.delivery.mail.exchange import Target
from mcmtpush.delivery.mail.transaction import Transaction, make_transaction
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.ports import Clock
from mcmtpush.values import (
    Accepted,
    Answered,
    Attempt,
    Entry,
    Outcome,
    Undecided,
)


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251
    from twisted.internet.interfaces import (  # noqa: TID251
        IDelayedCall,
        IOpenSSLClientConnectionCreator,
        IProtocol,
        IStreamClientEndpoint,
    )
    from twisted.python.failure import Failure  # noqa: TID251

BODY_MISSING = Answered(550, "5.3.0 [internal] message body missing")


class Phase(Enum):
    """What a call is doing."""

    CONNECTING = "connecting, until the server is ready"
    READY = "may be given entries"
    LOADING = "waits for the mail from the spool"
    SENDING = "hands it over"
    ENDED = "gone"


_BURDENS = {Phase.LOADING: 1, Phase.SENDING: 2}


class Contexts(Protocol):
    """TLS of one queue: `delivery.tls.context.TlsContexts`."""

    def creator(self, host: str) -> IOpenSSLClientConnectionCreator:
        """What makes connections to `host`; raises `ConfigError`."""


class Watcher(Protocol):
    """What a call tells the pool."""

    def ready(self, call: Call) -> None:
        """It may be given entries."""

    def settled(self, call: Call, attempts: list[Attempt]) -> None:
        """These are no longer in its hand; the server or the loss decided."""

    def returned(self, entries: Sequence[Entry], reason: str) -> None:
        """These are no longer in its hand, and never were on the wire.

        `reason`: why they could not be loaded, or empty.
        """

    def ended(self, call: Call, over: Over) -> None:
        """It is gone; nothing is in its hand."""


@frozen
class Means:
    """What calls of one queue are made with."""

    connect: Callable[[str, int], IStreamClientEndpoint]
    tls: Contexts
    load_mail: Callable[[int], Deferred[bytes | None]]
    clock: Clock
    connect_timeout_seconds: float
    idle_timeout_seconds: float


class Call:
    """One call, from `open` to `Watcher.ended`.

    Attributes:
        phase: what it is doing.
        target: whom it calls.
        terms: how it talks.
        begun: messages it was given to send.
        answers: entries the server gave an answer for.
        delivered: entries the server took.
        left: we wanted no more of it.
        is_noted: for the pool: it was counted.
    """

    def __init__(
        self, watcher: Watcher, means: Means, target: Target, terms: Terms
    ) -> None:
        self._watcher = watcher
        self._means = means
        self._entries: tuple[Entry, ...] = ()
        self._transaction: Transaction | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._timer: IDelayedCall | None = None
        self.phase = Phase.CONNECTING
        self.target = target
        self.terms = terms
        self.begun = 0
        self.answers = 0
        self.delivered = 0
        self.left = False
        self.is_noted = False
        self._connection = MailConnection(
            self,
            Dialogue(terms),
            creator=lambda: means.tls.creator(target.name),
            clock=means.clock,
            idle_timeout_seconds=means.idle_timeout_seconds,
        )

    # -- what the pool asks -------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether `attempt` may be called."""
        return self.phase is Phase.READY and not self.left and self._connection.is_ready

    @property
    def may_go_in_clear(self) -> bool:
        """Whether its mail may be sent without TLS where TLS fails."""
        return self.terms.tls == "ifavailable" and self.terms.fallback

    @property
    def burden(self) -> int:
        """How much would be lost by its end: the least where it carries nothing."""
        return _BURDENS.get(self.phase, 0)

    def open(self) -> None:
        """Connect."""
        means = self._means
        self._timer = means.clock.callLater(
            means.connect_timeout_seconds, self._time_out
        )
        try:
            endpoint = means.connect(self.target.address, self.target.port)
        except ConfigError as error:
            self._end(Over(error.message))
            return
        self._connecting = endpoint.connect(OneFactory(self._connection))
        self._connecting.addCallbacks(self._connected, self._refused)

    def attempt(self, entries: Sequence[Entry]) -> None:
        """Send one message to these, who all get the same; only when ready."""
        if not self.is_ready:
            raise LocalProtocolError(f"a call that is {self.phase.name} was given mail")
        self.phase = Phase.LOADING
        self._connection.reserve(reserved=True)
        held = self._entries = tuple(entries)
        self._means.load_mail(held[0].row).addCallbacks(
            self._loaded, self._unloaded, callbackArgs=(held,), errbackArgs=(held,)
        )

    def stop(self) -> None:
        """Take no more; what is being sent is finished."""
        self.left = True
        if self.phase is Phase.SENDING:
            return
        self._give_back("")
        if self.phase is Phase.CONNECTING:
            self.abort("given up")
        elif self.phase is not Phase.ENDED:
            self._connection.finish()

    def abort(self, reason: str) -> None:
        """Hang up now."""
        self._give_back("")
        self._connection.abort(reason)
        if self.phase is not Phase.ENDED:
            self._end(Over(reason))

    # -- what the connection tells ------------------------------------------------

    def ready(self, connection: MailConnection) -> None:
        """See `client.Owner`."""
        if self.phase is Phase.ENDED:
            return
        self._stop_timer()
        self.phase = Phase.READY
        if self.left:
            connection.finish()
        else:
            self._watcher.ready(self)

    def settled(self, _: MailConnection, outcomes: tuple[Outcome, ...]) -> None:
        """See `client.Owner`."""
        entries, self._entries = self._entries, ()
        attempts = [
            Attempt(entry, outcome, 0, self._size(outcome), self._connection.remote_ip)
            for entry, outcome in zip(entries, outcomes, strict=True)
        ]
        for outcome in outcomes:
            self.answers += isinstance(outcome, Accepted | Answered)
            self.delivered += isinstance(outcome, Accepted)
        self._transaction = None
        self._watcher.settled(self, attempts)

    def ended(self, _: MailConnection, over: Over) -> None:
        """See `client.Owner`."""
        self._end(over)

    # -- inside -------------------------------------------------------------------

    def _connected(self, _: IProtocol) -> None:
        self._connecting = None
        # From here on the dialogue has patience of its own.
        self._stop_timer()

    def _refused(self, failure: Failure) -> None:
        self._connecting = None
        self._end(Over(failure.getErrorMessage()))

    def _time_out(self) -> None:
        self._timer = None
        seconds = self._means.connect_timeout_seconds
        self.abort(f"not connected within {seconds} s")

    def _loaded(self, mail: bytes | None, held: tuple[Entry, ...]) -> None:
        if held is not self._entries:
            return
        message = held[0].message
        if message is None:
            raise LocalProtocolError(f"no message with spool row {held[0].row}")
        if mail is None:
            self._entries = ()
            self._watcher.settled(self, [Attempt(one, BODY_MISSING) for one in held])
            self._unload()
            return
        recipients = tuple(one.message.recipient for one in held if one.message)
        self.phase = Phase.SENDING
        self.begun += 1
        self._transaction = make_transaction(message.sender, recipients, mail)
        self._connection.attempt(self._transaction)

    def _unloaded(self, failure: Failure, held: tuple[Entry, ...]) -> None:
        if held is not self._entries:
            return
        self._give_back(failure.getErrorMessage())
        self._unload()

    def _unload(self) -> None:
        """There was nothing to send; what about the next?"""
        self.phase = Phase.READY
        self._connection.reserve(reserved=False)
        self._watcher.ready(self)

    def _give_back(self, reason: str) -> None:
        """Nothing of it was sent."""
        if self._entries and self._transaction is None:
            entries, self._entries = self._entries, ()
            self._watcher.returned(entries, reason)

    def _end(self, over: Over) -> None:
        if self.phase is Phase.ENDED:
            return
        self._give_back("")
        self.phase = Phase.ENDED
        self._stop_timer()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        self._watcher.ended(self, over)

    def _size(self, outcome: Outcome) -> int:
        written = isinstance(outcome, Accepted | Undecided)
        return len(self._transaction.content) if self._transaction and written else 0

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
