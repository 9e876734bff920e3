"""One connection that speaks SMTP: a dialogue with a transport and a timer.

Knows how to write without filling memory, how long to wait, and how TLS is begun.
What is said is the dialogue's business, what is sent its owner's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from typing import Protocol as Port

from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IPushProducer,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from zope.interface import implementer

from mcmtpush.delivery.link import set_up
from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import (
    PATIENCE_SECONDS,
    Event,
    Over,
    Ready,
    Send,
    Settled,
    StartTls,
    Step,
)
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Clock


if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from mcmtpush.delivery.mail.transaction import Transaction
    from mcmtpush.values import Outcome


CHUNK_SIZE: Final = 65536

WRITE_SECONDS: Final = 180.0
"""A peer that takes no bytes for so long is given up (RFC 5321, 4.5.3.2.5)."""


class Owner(Port):
    """What a connection tells whoever made it."""

    def ready(self, connection: MailConnection) -> None:
        """It may be given a transaction."""

    def settled(
        self, connection: MailConnection, outcomes: tuple[Outcome, ...]
    ) -> None:
        """The transaction is over; one outcome a recipient."""

    def ended(self, connection: MailConnection, over: Over) -> None:
        """It is gone or going; nothing more is told."""


@implementer(IPushProducer, IHandshakeListener)
class MailConnection(Protocol):
    """One connection to a mail server.

    `creator` is asked when TLS begins and may raise `ConfigError`.

    Attributes:
        remote_ip: the server's address; empty before there is one.
    """

    def __init__(
        self,
        owner: Owner,
        dialogue: Dialogue,
        *,
        creator: Callable[[], IOpenSSLClientConnectionCreator],
        clock: Clock,
        idle_timeout_seconds: float,
    ) -> None:
        self._owner = owner
        self._dialogue = dialogue
        self._creator = creator
        self._clock = clock
        self._idle_timeout_seconds = idle_timeout_seconds
        self._outgoing: deque[memoryview] = deque()
        self._paused = False
        self._over = False
        self._registered = False
        self._reserved = False
        self._timer: IDelayedCall | None = None
        self.remote_ip = ""

    # -- what the owner asks ------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether `attempt` may be called."""
        return self._dialogue.step is Step.READY and self.connected == 1

    def attempt(self, transaction: Transaction) -> None:
        """Send this; only when ready."""
        self._reserved = False
        self._carry_out(self._dialogue.begin(transaction))

    def reserve(self, *, reserved: bool) -> None:
        """A transaction is about to come: being idle until then does not count."""
        self._reserved = reserved
        self._watch()

    def finish(self) -> None:
        """Say goodbye, now if nothing goes on; otherwise only hang up."""
        if self.is_ready:
            self._carry_out(self._dialogue.quit())
        else:
            self.abort("given up")

    def abort(self, reason: str) -> None:
        """Drop the connection; a transaction is settled as far as it is known."""
        self._carry_out(self._dialogue.lost(reason, unsent=self._unsent))

    # -- what Twisted tells -------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is connected; the server speaks first."""
        if self._over:
            self._hang_up()
            return
        self.remote_ip = set_up(self.transport, self)
        self._registered = True
        self._watch()

    def dataReceived(self, data: bytes) -> None:
        """The server answers."""
        if self._over:
            return
        heard = self._dialogue.heard
        events = self._dialogue.feed(data, unsent=self._unsent)
        # A reply that comes in crumbs gets no more time for that.
        if events or heard != self._dialogue.heard:
            self._carry_out(events)

    def handshakeCompleted(self) -> None:
        """TLS is spoken, and the server is who it should be."""
        if not self._over:
            self._carry_out(self._dialogue.secured())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end, expected or not."""
        self.connected = 0
        lost = self._dialogue.lost(reason.getErrorMessage(), unsent=self._unsent)
        self._carry_out(lost)

    def pauseProducing(self) -> None:
        """The transport has more than it can send."""
        self._paused = True
        if not self._over:
            self._watch()

    def resumeProducing(self) -> None:
        """The transport wants more."""
        self._paused = False
        self._write()
        if not self._over:
            self._watch()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""

    # -- inside -------------------------------------------------------------------

    @property
    def _unsent(self) -> bool:
        return bool(self._outgoing)

    def _carry_out(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Send):
                self._outgoing.append(memoryview(event.data))
                self._write()
            elif isinstance(event, StartTls):
                self._start_tls()
            elif isinstance(event, Settled):
                self._owner.settled(self, event.outcomes)
            elif isinstance(event, Ready):
                self._owner.ready(self)
            else:
                self._end(event)
        if not self._over:
            self._watch()

    def _write(self) -> None:
        while self._outgoing and not self._paused and not self._over:
            chunk = self._outgoing[0][:CHUNK_SIZE]
            rest = self._outgoing[0][CHUNK_SIZE:]
            if rest:
                self._outgoing[0] = rest
            else:
                self._outgoing.popleft()
            self.transport.write(bytes(chunk))  # type: ignore[union-attr]

    def _start_tls(self) -> None:
        try:
            creator = self._creator()
        except ConfigError as error:
            self._carry_out(self._dialogue.lost(error.message))
            return
        self.transport.startTLS(creator)  # type: ignore[union-attr]

    def _end(self, over: Over) -> None:
        if self._over:
            return
        self._over = True
        self._outgoing.clear()
        self._stop_timer()
        self._hang_up()
        self._owner.ended(self, over)

    def _hang_up(self) -> None:
        """Whatever is still to come is of no interest."""
        transport: Any = self.transport
        if transport is None or not self.connected:
            return
        if self._registered:
            self._registered = False
            transport.unregisterProducer()
        transport.abortConnection()

    def _watch(self) -> None:
        """Wait for what is next, and no longer than it may take."""
        self._stop_timer()
        step = self._dialogue.step
        if self._unsent or self._paused:
            self._start_timer(WRITE_SECONDS, self._time_out)
        elif step in PATIENCE_SECONDS:
            self._start_timer(PATIENCE_SECONDS[step], self._time_out)
        elif self._reserved:
            return
        elif step is Step.READY and self._idle_timeout_seconds:
            self._start_timer(self._idle_timeout_seconds, self._idle_out)

    def _time_out(self) -> None:
        self._timer = None
        step = self._dialogue.step.value
        what = "takes no bytes" if self._unsent else f"no answer to {step}"
        self.abort(f"{what} in time")

    def _idle_out(self) -> None:
        self._timer = None
        self._carry_out(self._dialogue.quit())

    def _start_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._timer = self._clock.callLater(seconds, call)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class OneFactory(Factory):
    """Builds the one connection that is there already."""

    noisy = False

    def __init__(self, connection: MailConnection) -> None:
        self._connection = connection

    def buildProtocol(self, _addr: IAddress | None) -> MailConnection:
        """Twisted has a transport for it."""
        return self._connection
