"""The bytes of an SMTP dialogue: who may speak now, and in which order.

Rules of this file:

- A phase says what the next bytes are.  While a message is being accepted they
  wait, and no more than one read of them is taken from the network.
- Replies leave in the order of the commands, all that is ready in one write.
- A message is read in bulk and handed over whole; what stands behind its end
  mark is the next command, in whatever segment it came.
- A client that ended its side is still answered what it said before.
- What the commands mean is not known here: see `command`.
- Of twisted.mail's ESMTP the timer, the TLS flags and the objects for messages
  are used; its reading line by line and its replies are not.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.mail.smtp import ESMTP
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.counters import Counters
from mcmtpush.errors import MessageRejected, SpoolError, SpoolFullError
from mcmtpush.ports import Clock, Now
from mcmtpush.reception import reply
from mcmtpush.reception.inbox import BodyReader, Inbox
from mcmtpush.reception.outflow import Outflow
from mcmtpush.reception.session import Session
from mcmtpush.reception.tls import ServerContexts


if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

LINGER_SECONDS = 30
"""How long the last words may take to leave before the connection is cut.

Where `idle_time` is set, it holds instead: its timer is running already.
"""

BAD_COMMANDS_LIMIT = 20
"""Faulty commands in a row, successful messages apart, that are still answered."""

_FAULTS = frozenset({500, 501, 502, 503, 555})


class Phase(Enum):
    """What is going on."""

    HANDSHAKE = auto()
    COMMAND = auto()
    DATA = auto()
    ACCEPTING = auto()
    CLOSED = auto()


# Looking a member up in its class costs ten times as much as a name of the module
# before CPython 3.12, and is done fifty times a message.
_HANDSHAKE, _COMMAND, _DATA, _ACCEPTING, _CLOSED = Phase


class Incoming(Protocol):
    """A message as the dialogue sees it: twisted.mail's IMessage, fed whole."""

    ids: list[str]

    def feed(self, content: bytes) -> None:
        """Take the content."""

    def eomReceived(self) -> Deferred[None]:
        """Fires when the message is durable."""

    def connectionLost(self) -> None:
        """The client is gone."""


class Registry(Protocol):
    """Who keeps count of the sessions: the factory."""

    def enter(self, server: Any) -> bool:
        """May it begin?"""

    def leave(self, server: Any) -> None:
        """It has ended."""


@frozen
class World:
    """What a dialogue asks of the world."""

    clock: Clock
    now: Now
    counters: Counters
    contexts: ServerContexts
    registry: Registry
    no_delay: bool


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class Dialogue(ESMTP):
    """Reads commands and messages, writes replies; subclasses know the commands."""

    log: ClassVar[Logger] = Logger()
    transport: Any

    def __init__(self, session: Session, world: World) -> None:
        super().__init__()
        self.session = session
        self.world = world
        self.phase = _COMMAND
        self.draining = False
        self.inbox = Inbox()
        self._replies: list[bytes] = []
        self._incoming: tuple[Incoming, BodyReader] | None = None
        self._faults = 0
        self._entered = self._advancing = self._choked = self._held = False
        self._ended = False

    # -- what a subclass says ------------------------------------------------------

    def greet(self) -> None:
        """Write the banner."""
        raise NotImplementedError

    def command(self, line: bytes) -> None:
        """Obey one line, or raise MessageRejected."""
        raise NotImplementedError

    def in_transaction(self) -> bool:
        """Whether a sender was accepted and its message not yet."""
        raise NotImplementedError

    def accepted(self, message: Any) -> None:
        """A message is durable and about to be answered."""
        raise NotImplementedError

    def secured(self) -> None:
        """TLS is on; what was said before does not count."""
        raise NotImplementedError

    # -- Twisted calls these -------------------------------------------------------

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        """The timer of the base class, on the clock that was passed in."""
        return self.world.clock.callLater(period, func)

    def connectionMade(self) -> None:
        """Begin, unless there are too many sessions."""
        self._outflow = Outflow(self.transport, self)
        if self.world.no_delay and self.session.port:
            self.transport.setTcpNoDelay(True)
        self._entered = self.world.registry.enter(self)
        if not self._entered:
            self.world.counters.add("reception.sessions_refused")
            self.close(reply.SESSION_LIMIT)
            return
        self.world.counters.add("reception.sessions")
        self.setTimeout(self.session.settings.idle_seconds or None)
        self.greet()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; nothing they say may raise."""
        if self.phase is _CLOSED:
            return
        if self.phase is _HANDSHAKE:
            self.handshakeCompleted()
        self.resetTimeout()
        self.inbox.feed(data)
        self._advance()

    def handshakeCompleted(self) -> None:
        """TLS is on."""
        if self.phase is _HANDSHAKE:
            self.phase = _COMMAND
            self.secured()
            self._advance()

    def readConnectionLost(self) -> None:
        """The client ended its side: it is answered what it said, then it is over."""
        self._ended = True
        self._advance()

    def writeConnectionLost(self) -> None:
        """Our side is ended with the whole connection only."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - any
        """The client is gone, or was sent away."""
        self.phase = _CLOSED
        self.setTimeout(None)
        if self._incoming is not None:
            self._incoming[0].connectionLost()
            self._incoming = None
        self.inbox.take_all()
        self._outflow.end()
        if self._entered:
            self._entered = False
            self.world.registry.leave(self)

    def timeoutConnection(self) -> None:
        """Nothing was heard for too long."""
        if self.phase in {_CLOSED, _HANDSHAKE}:
            self.transport.abortConnection()
        elif self.phase is _ACCEPTING:
            self.setTimeout(self.timeOut)
        else:
            self.setTimeout(None)
            self.close(reply.IDLE)

    def pauseProducing(self) -> None:
        """The client does not read our replies: read none of its commands."""
        self._choked = True
        self._regulate()

    def resumeProducing(self) -> None:
        """It does again."""
        self._choked = False
        self._regulate()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` says so too."""

    # -- for subclasses and the factory --------------------------------------------

    def say(self, line: bytes) -> None:
        """Put a reply in the queue; it leaves with the others."""
        self._replies.append(line)

    def read_message(self, message: Incoming, limit: int) -> None:
        """The next bytes are this message."""
        self._incoming = message, BodyReader(limit)
        self.phase = _DATA

    def start_tls(self, context: object) -> None:
        """The next bytes are a TLS handshake."""
        self._flush()
        self._outflow.divert()
        self.phase = _HANDSHAKE
        self.startedTLS = True
        self.transport.startTLS(context)

    def close(self, last_words: bytes = b"") -> None:
        """Say this and hang up; what else came is not read."""
        if self.phase is _CLOSED:
            return
        if last_words:
            self.say(last_words)
        self._flush()
        self.phase = _CLOSED
        self.inbox.take_all()
        if not self._outflow.direct and self.timeOut is None:
            self.setTimeout(LINGER_SECONDS)
        self._outflow.close()

    def abort(self) -> None:
        """Hang up at once."""
        self.phase = _CLOSED
        self.transport.abortConnection()

    def drain(self) -> None:
        """Accept no further transaction; an idle session ends now."""
        self.draining = True
        if self.phase is _HANDSHAKE:
            self.abort()
        elif self.phase is _COMMAND and not self.in_transaction():
            self.close(reply.GOING_DOWN)

    # -- the engine ----------------------------------------------------------------

    def _advance(self) -> None:
        """Read as much as the phase allows, then answer in one write."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._step() and self.inbox:
                pass
            self._flush()
            if self._ended and self.phase is not _ACCEPTING:
                self.close()
        except Exception:  # noqa: BLE001 - a stranger's bytes end here at the latest
            self.log.failure("fault while talking to {peer}", peer=self.session.peer)
            self.close(reply.INTERNAL_ERROR)
        finally:
            self._advancing = False
        self._regulate()

    def _step(self) -> bool:
        """Read one thing; False when there is nothing to read now."""
        if self.phase is _COMMAND:
            return self._read_command()
        if self.phase is _DATA and self._incoming is not None:
            return self._read_body(*self._incoming)
        return False

    def _read_command(self) -> bool:
        try:
            line = self.inbox.take_line()
            if line is None:
                return False
            self.command(line)
        except MessageRejected as refused:
            self._refuse(refused)
        return True

    def _read_body(self, message: Incoming, body: BodyReader) -> bool:
        rest = body.feed(self.inbox.take_all())
        if rest is None:
            return False
        self.inbox.feed(rest)
        self.phase, self._incoming = _ACCEPTING, None
        maybeDeferred(_hand_over, message, body).addCallbacks(
            self._accepted, self._not_accepted, callbackArgs=(message,)
        )
        return True

    def _accepted(self, _: object, message: Incoming) -> None:
        self._faults = 0
        self.accepted(message)
        self._answer(reply.accepted(message.ids))

    def _not_accepted(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, MessageRejected):
            refused = error
        elif isinstance(error, SpoolFullError):
            refused = MessageRejected(*reply.SPOOL_FULL)
        else:
            refused = MessageRejected(*reply.NOT_STORED)
            if not isinstance(error, SpoolError):
                self.log.failure("a message was not accepted", failure)
        self.world.counters.add(f"reception.refused.{refused.code}")
        self._answer(reply.render_refusal(refused))

    def _answer(self, line: bytes) -> None:
        """The message's answer: the dialogue goes on behind it."""
        if self.phase is _CLOSED:
            return
        self.phase = _COMMAND
        self.say(line)
        if self.draining and not self.inbox:
            self.close(reply.GOING_DOWN)
        self._advance()

    def _refuse(self, refused: MessageRejected) -> None:
        self.world.counters.add(f"reception.refused.{refused.code}")
        self._faults += refused.code in _FAULTS
        if self._faults > BAD_COMMANDS_LIMIT:
            self.close(reply.TOO_MANY_ERRORS)
        else:
            self.say(reply.render_refusal(refused))

    def _flush(self) -> None:
        if self._replies:
            lines, self._replies = self._replies, []
            self._outflow.write(b"".join(lines))

    def _regulate(self) -> None:
        """Take bytes from the network only if there is room for them."""
        if self.phase is _CLOSED:
            return
        waits = self.phase is _ACCEPTING and bool(self.inbox)
        if (self._choked or waits) is not self._held:
            self._held = not self._held
            if self._held:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()


def _hand_over(message: Incoming, body: BodyReader) -> Deferred[None]:
    message.feed(body.content())
    return message.eomReceived()
