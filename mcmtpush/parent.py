"""A worker's line to its parent: words in both directions, and the log.

Whatever the parent does, or does not, the worker goes on: while the parent is slow
nothing but answers goes into the pipe, and what was left out of the log is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel, eventAsText
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from mcmtpush.errors import RemoteProtocolError
from mcmtpush.intercom import (
    Answered,
    Counted,
    Ear,
    Obey,
    Order,
    Report,
    Said,
    cut,
    write,
)


_OLD = "log_legacy"
"""What Twisted calls the namespace of its old log."""

log = Logger()


@define(eq=False)
class RelayedOrders:
    """Operators' orders as the parent passes them on; an `OrderSource`.

    Attributes:
        tell: the parent.
    """

    tell: Callable[[Report], None]
    _waiting: dict[str, bytes] = field(factory=dict, init=False)

    def take(self, order: Obey) -> None:
        """One more, or the same again."""
        self._waiting[order.name] = order.order.encode()

    def pending(self) -> list[str]:
        """Those without an answer."""
        return sorted(self._waiting)

    def read(self, name: str) -> bytes:
        """What is ordered."""
        return self._waiting[name]

    def answer(self, name: str, answer: Any) -> None:
        """Tell the parent."""
        self._waiting.pop(name, None)
        self.tell(Answered(name, answer))


@implementer(IPushProducer)
class Parent(Protocol):
    """The parent, as far as a worker hears of it.

    Args:
        ear: understands orders; may have heard the first already.
        reactor: for what is logged by other threads.
        heed: takes each order.
        gone: called once when there is no parent any more.
    """

    transport: Any = None  # of Twisted's StandardIO

    def __init__(
        self,
        ear: Ear,
        reactor: Any,
        *,
        heed: Callable[[Order], None],
        gone: Callable[[], None],
    ) -> None:
        self._ear = ear
        self._reactor = reactor
        self._heed = heed
        self._gone = gone
        self._slow = False
        self._left_out = 0
        self._lost = False

    def leave(self) -> bool:
        """Hang up once all is said; `gone` is called then.  False if it was already."""
        if not self._lost:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        return not self._lost

    def tell(self, word: Report) -> None:
        """Say it, unless nobody is there."""
        if self.connected and not self._lost:
            self.transport.write(write(word))

    def count(self, counts: Any) -> None:
        """Say it, unless the parent is slow: the next time will do."""
        if not self._slow:
            self.tell(Counted(dict(counts)))

    def observe(self, event: Any) -> None:
        """An observer of the log, for every thread."""
        said = _said(event)
        if isInIOThread():
            self._say(said)
        else:
            self._reactor.callFromThread(self._say, said)

    def _say(self, said: Said) -> None:
        if self._slow:
            self._left_out += 1
        else:
            self.tell(said)

    # -- Twisted's protocol -----------------------------------------------------------

    def connectionMade(self) -> None:
        """Be told when the pipe is full."""
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Orders; a parent that cannot be understood is none."""
        try:
            orders: Sequence[Any] = self._ear.feed(data)
        except RemoteProtocolError as error:
            log.error("the parent is not understood: {error}", error=str(error))
            self.transport.loseConnection()
            return
        for order in orders:
            self._heed(order)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """There is no parent any more, or the last word is with it."""
        super().connectionLost(reason)
        self._lost = True
        self._gone()

    # -- Twisted's producer ------------------------------------------------------------

    def pauseProducing(self) -> None:
        """More waits than the pipe takes."""
        self._slow = True

    def resumeProducing(self) -> None:
        """It is all gone."""
        self._slow = False
        count, self._left_out = self._left_out, 0
        if count:
            log.warn("{count} lines were left out of the log", count=count)

    def stopProducing(self) -> None:
        """See connectionLost."""


def _said(event: Any) -> Said:
    try:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level") or LogLevel.info
        namespace = str(event.get("log_namespace", _OLD))
        return Said(level.name, "-" if namespace == _OLD else namespace, cut(text))
    except Exception as error:  # noqa: BLE001 - an observer must not fail
        return Said("error", "-", f"an event that cannot be shown: {type(error)}")
