"""The sockets: opened from settings, closed again, sessions brought to an end.

Which protocol is spoken on them is the factories' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from mcmtpush.config.views import ListenSettings
from mcmtpush.reception.opening import Balance, adopt, open_socket
from mcmtpush.reception.session import Sessions


class Factory(Protocol):
    """What is asked of a factory besides protocols; `EsmtpFactory` is one."""

    def prepare(self) -> None:
        """Raise ConfigError for what would make every session fail."""

    def drain(self) -> Deferred[None]:
        """Bring sessions to an end; fires when none is left."""

    def abort(self) -> None:
        """End every session at once."""


@define(eq=False)
class Listener:
    """All sockets of one service.

    Attributes:
        reactor: gives sockets and timers.
        sockets: each listen with the factory of its sessions.
        inherited: by listen address, descriptors that a parent has opened.
        balance: whom it asks who may take a connection from those.
    """

    reactor: Any
    sockets: Sequence[tuple[ListenSettings, Factory]]
    inherited: Mapping[str, int] = field(factory=dict)
    balance: Balance = field(factory=Sessions)
    _ports: list[IListeningPort] = field(init=False, factory=list)

    log = Logger()

    async def _open_all(self) -> None:
        for settings, factory in self.sockets:
            factory.prepare()
            self._ports.append(await self._open(settings, factory))
            self.log.info("listening on {address}", address=settings.address)

    async def _open(self, settings: ListenSettings, factory: Factory) -> IListeningPort:
        descriptor = self.inherited.get(settings.address)
        if descriptor is None:
            return await open_socket(self.reactor, settings, factory)
        return adopt(self.reactor, settings, descriptor, factory, self.balance)

    def start(self) -> Deferred[None]:
        """Open every socket, or none: then fails with a ConfigError that says why."""
        opened = Deferred.fromCoroutine(self._open_all())
        return opened.addErrback(self._close_again)

    def _close_again(self, failure: Any) -> Deferred[Any]:
        return self.stop().addCallback(lambda _: failure)

    def stop(self) -> Deferred[None]:
        """Take no more connections; sessions go on."""
        ports, self._ports = self._ports, []
        closing = [maybeDeferred(port.stopListening) for port in ports]
        return gatherResults(closing, consumeErrors=True).addCallback(lambda _: None)

    def drain(self, seconds: float) -> Deferred[None]:
        """Stop, and let sessions finish; those that need longer are cut off.

        Fires when no session is left.
        """
        drained = gatherResults(
            [self.stop(), *(factory.drain() for _, factory in self.sockets)],
            consumeErrors=True,
        )
        timer = self.reactor.callLater(seconds, self._abort)

        def finish(_: object) -> None:
            if timer.active():
                timer.cancel()

        return drained.addCallback(finish)

    def _abort(self) -> None:
        for _, factory in self.sockets:
            factory.abort()
