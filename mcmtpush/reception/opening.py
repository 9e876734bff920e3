"""How a listening socket comes about: opened here, or by a parent for its workers.

All workers have the same socket: whoever has time takes the next connection, what waits
while one of them is dead is taken by the others, and Unix sockets are no exception.
The parent never accepts; its copy keeps what waits while no worker is there.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from attrs import define
from twisted.internet import tcp, unix
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

from mcmtpush.config.views import ListenSettings
from mcmtpush.errors import ConfigError


PAUSE_SECONDS: Final = 0.01
"""For so long a worker that is ahead leaves a connection to others."""


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
        raise cannot_listen(settings, error.socketError) from error
    except OSError as error:
        raise cannot_listen(settings, error) from error
    return port


def _endpoint(reactor: Any, settings: ListenSettings) -> IStreamServerEndpoint:
    backlog = settings.backlog
    if settings.path is not None:
        return UNIXServerEndpoint(reactor, settings.path, backlog, settings.file_mode)
    tcp = TCP6ServerEndpoint if ":" in settings.host else TCP4ServerEndpoint
    return tcp(reactor, settings.port, backlog, settings.host)


_FIRST_UNPRIVILEGED: Final = 1024


def cannot_listen(settings: ListenSettings, error: object) -> ConfigError:
    """Why an address cannot be had, and what to do."""
    why = getattr(error, "strerror", None) or str(error)
    return ConfigError(
        f"cannot listen: {why}{_hint(settings, why)}", settings.address, option="listen"
    )


def _hint(settings: ListenSettings, why: str) -> str:
    """What may help."""
    if "in use" in why:
        return "; is another program using this address?"
    if "Permission" in why and 0 < (settings.port or 0) < _FIRST_UNPRIVILEGED:
        return (
            f"; ports below {_FIRST_UNPRIVILEGED} are for root and for programs with "
            "CAP_NET_BIND_SERVICE, as conf/mcmtpush.service gives it, and with --uid "
            "twistd is root no more"
        )
    return ""


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


# -- for workers ----------------------------------------------------------------------


@define(eq=False)
class HeldSocket:
    """One socket of a parent.

    Attributes:
        settings: its listen.
        socket: the socket itself, listening.
    """

    settings: ListenSettings
    socket: socket.socket

    def fileno(self) -> int:
        """What workers inherit."""
        return self.socket.fileno()

    def close(self) -> None:
        """Take no more, once all workers have closed theirs."""
        self.socket.close()
        if self.settings.path is not None:
            with suppress(OSError):
                os.unlink(self.settings.path)  # noqa: PTH108 - a path is text


def hold(settings: ListenSettings) -> HeldSocket:
    """Open a socket that workers shall accept from.  Raises ConfigError."""
    made = socket.socket(_family(settings), socket.SOCK_STREAM)
    try:
        _bind(made, settings)
        made.listen(settings.backlog)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise cannot_listen(settings, error) from error
    return HeldSocket(settings, made)


def _family(settings: ListenSettings) -> socket.AddressFamily:
    if settings.path is not None:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in settings.host else socket.AF_INET


def _bind(made: socket.socket, settings: ListenSettings) -> None:
    if settings.path is not None:
        remove_stale_socket(settings.path)
        made.bind(settings.path)
        os.chmod(settings.path, settings.file_mode)  # noqa: PTH101 - as above
        return
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.host == "::":
        # IPv4 has a socket of its own.
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((settings.host, settings.port))


class Balance(Protocol):
    """Who has how many sessions; `mcmtpush.reception.session.Sessions`."""

    @property
    def waiting(self) -> set[Callable[[], None]]:
        """Called when this worker has fewer than before."""

    def is_ahead(self) -> bool:
        """Whether this worker has more than another, who should take the next one."""


def adopt(
    reactor: Any,
    settings: ListenSettings,
    descriptor: int,
    factory: Any,
    balance: Balance,
) -> IListeningPort:
    """Accept from an inherited socket, whose descriptor is closed by this."""
    try:
        port: Any
        if settings.path is not None:
            port = _UnixPort._fromListeningDescriptor(reactor, descriptor, factory)  # noqa: SLF001
            # The path is the parent's: its mode, and when it goes.
            port._bindPath = b"\0"  # noqa: SLF001
        else:
            port = _Port._fromListeningDescriptor(  # noqa: SLF001
                reactor, descriptor, _family(settings), factory
            )
        port.backlog, port.balance = settings.backlog, balance
        port.startListening()
    except OSError as error:
        raise cannot_listen(settings, error) from error
    finally:
        os.close(descriptor)
    adopted: IListeningPort = port
    return adopted


class _Port(tcp.Port):
    """One that others have as well: a connection a turn.

    Twisted takes as many as there are, which would give a burst to one worker.  Who is
    ahead of others leaves the next one to them for a moment, and takes it if they do
    not.
    """

    balance: Balance
    reactor: Any
    _pause: Any = None

    @property
    def numberAccepts(self) -> int:  # noqa: N802 - Twisted's
        return 1

    @numberAccepts.setter
    def numberAccepts(self, _: int) -> None:  # noqa: N802 - Twisted's
        """Twisted would adapt it."""

    def doRead(self) -> None:  # noqa: N802 - Twisted's
        if self.balance.is_ahead():
            self.stopReading()
            self._pause = self.reactor.callLater(PAUSE_SECONDS, self._go_on)
            self.balance.waiting.add(self._look_again)
        else:
            super().doRead()

    def _look_again(self) -> None:
        if not self.balance.is_ahead():
            self._go_on()

    def _go_on(self) -> None:
        self._end_pause()
        self.startReading()
        super().doRead()

    def _end_pause(self) -> None:
        self.balance.waiting.discard(self._look_again)
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self._pause = None

    def connectionLost(self, reason: Any) -> None:
        self._end_pause()
        super().connectionLost(reason)


class _UnixPort(_Port, unix.Port):
    """The same on a path."""
