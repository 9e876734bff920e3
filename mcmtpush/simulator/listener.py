"""What `twistd apns-simulator` starts and stops: its sockets, and what it opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from mcmtpush.simulator.argument import Address
from mcmtpush.simulator.binary import ApnsSimulatorFactory
from mcmtpush.simulator.certificates import ServerContext
from mcmtpush.simulator.complaint import give_up
from mcmtpush.simulator.http2 import ApnsHttp2Factory


_log = Logger()


class Listener(Service):
    """One listening socket with TLS, told of in the diagnostics."""

    def __init__(
        self,
        reactor: Any,
        name: str,
        address: Address,
        factory: ServerFactory,
        context: ServerContext,
    ) -> None:
        self._reactor = reactor
        self._name = name
        self._address = address
        self._factory = factory
        self._context = context
        self._port: Any = None

    def privilegedStartService(self) -> None:
        """Listen while low ports are still allowed."""
        try:
            self._port = self._reactor.listenSSL(
                self._address.port,
                self._factory,
                self._context,
                interface=self._address.host,
            )
        except CannotListenError as error:
            why = error.socketError.strerror or error.socketError
            give_up(f"cannot listen on {self._address}: {why}")
        bound = self._address._replace(port=self._port.getHost().port)
        _log.info("APNs {name} listening on {address}", name=self._name, address=bound)

    def startService(self) -> None:
        """Listen, unless that was done already."""
        super().startService()
        if self._port is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[Any]:
        """Listen no more, and cut off whoever is there."""
        super().stopService()
        port, self._port = self._port, None
        if isinstance(self._factory, (ApnsSimulatorFactory, ApnsHttp2Factory)):
            self._factory.disconnect()
        return maybeDeferred(port.stopListening)


class Closing(Service):
    """Something to be closed or removed when the program ends."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def stopService(self) -> None:
        """Do it."""
        super().stopService()
        self._close()
