"""The sockets: opened from settings, closed again, sessions brought to an end.

Which protocol is spoken on them is the factories' business.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger

from mcmtpush.config.views import ListenSettings
from mcmtpush.errors import ConfigError


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
    """

    reactor: Any
    sockets: Sequence[tuple[ListenSettings, Factory]]
    _ports: list[IListeningPort] = field(init=False, factory=list)

    log = Logger()

    async def _open_all(self) -> None:
        for settings, factory in self.sockets:
            factory.prepare()
            self._ports.append(await open_socket(self.reactor, settings, factory))
            self.log.info("listening on {address}", address=settings.address)

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


async def open_socket(
    reactor: Any, settings: ListenSettings, factory: Any
) -> IListeningPort:
    """One socket, listening.  Raises ConfigError naming the listen."""
    try:
        if settings.path is not None:
            remove_stale_socket(settings.path)
        elif settings.host == "::":
            return _listen_on_every_ipv6(reactor, settings, factory)
        port: IListeningPort = await _endpoint(reactor, settings).listen(factory)
    except CannotListenError as error:
        raise _cannot_listen(settings, error.socketError) from error
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    return port


def _endpoint(reactor: Any, settings: ListenSettings) -> IStreamServerEndpoint:
    backlog = settings.backlog
    if settings.path is not None:
        return UNIXServerEndpoint(reactor, settings.path, backlog, settings.file_mode)
    tcp = TCP6ServerEndpoint if ":" in settings.host else TCP4ServerEndpoint
    return tcp(reactor, settings.port, backlog, settings.host)


def _cannot_listen(settings: ListenSettings, error: object) -> ConfigError:
    why = getattr(error, "strerror", None) or str(error)
    return ConfigError(
        f"cannot listen: {why}; is another program using this address?"
        if "in use" in why
        else f"cannot listen: {why}",
        settings.address,
        option="listen",
    )


def _listen_on_every_ipv6(
    reactor: Any, settings: ListenSettings, factory: IProtocolFactory
) -> IListeningPort:
    """An IPv6 wildcard that leaves IPv4 to a socket of its own."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        own.bind(("::", settings.port))
        own.listen(settings.backlog)
        own.setblocking(False)
        port: IListeningPort = reactor.adoptStreamPort(
            own.fileno(), socket.AF_INET6, factory
        )
        return port


def remove_stale_socket(path: str) -> None:
    """Remove a Unix socket that nobody listens on; leave anything else."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116 - a path is text
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # noqa: PTH108 - a path is text
            except BlockingIOError:
                return
