"""Which of a host's addresses the next connection takes.

A name is looked up afresh for every connection.  Its addresses take turns, and
one that failed rests while there are others.  One connection attempt tries those
that do not rest, one after the other: when to try again is the business of
whoever connects.  Knows no TLS and no routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IHostnameResolver,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.delivery.lookup import look_up, version_of
from mcmtpush.delivery.rest import Rest
from mcmtpush.ports import Clock, Dice


class AddressError(ConnectError):
    """An address did not connect.

    Attributes:
        address: which.
        others: addresses of the same host that do not rest.
    """

    def __init__(self, text: str, address: str, others: Sequence[str]) -> None:
        super().__init__(string=text)
        self.address = address
        self.others = others


@frozen
class Means:
    """What all connections of one lane are made with.

    Attributes:
        reactor: has `connectTCP`.
        resolver: looks names up, such as `reactor.nameResolver`.
        rest: what is known of the addresses.
        connect_timeout_seconds: for looking up and connecting together.
        bind_address: one of our addresses; only its family is connected to.
    """

    reactor: Any
    resolver: IHostnameResolver
    clock: Clock
    dice: Dice
    rest: Rest
    connect_timeout_seconds: float
    bind_address: str | None = None


@implementer(IStreamClientEndpoint)
@frozen
class RotatingEndpoint:
    """Connects to the one address of a host whose turn it is, over TCP.

    `host` is a name or an address, without brackets.
    """

    host: str
    port: int
    means: Means

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted's interface: one connection attempt.

        Fails with `DNSLookupError` when there is no address to be had, and with
        `AddressError`, which names the address, when it did not connect.
        """
        means = self.means
        began_at = means.clock.seconds()
        looking = look_up(
            self.host,
            self.port,
            means.resolver,
            means.clock,
            means.connect_timeout_seconds,
        )
        return looking.addCallback(self._dial, factory, began_at)

    def _dial(
        self, found: list[str], factory: IProtocolFactory, began_at: float
    ) -> Deferred[IProtocol]:
        means = self.means
        addresses = self._reachable(found)
        address = means.rest.choose(addresses, means.dice)
        spent_seconds = means.clock.seconds() - began_at
        kind = TCP6ClientEndpoint if version_of(address) == 6 else TCP4ClientEndpoint
        endpoint = kind(
            means.reactor,
            address,
            self.port,
            max(1.0, means.connect_timeout_seconds - spent_seconds),
            (means.bind_address, 0) if means.bind_address else None,
        )
        began_at = means.clock.seconds()
        connecting = endpoint.connect(factory)
        connecting.addCallback(self._connected, address)
        return connecting.addErrback(self._failed, address, addresses, began_at)

    def _reachable(self, found: list[str]) -> list[str]:
        """Those that our own address can connect to, each once."""
        addresses = list(dict.fromkeys(found))
        if not addresses:
            raise DNSLookupError(f"{self.host} has no address")
        bound = self.means.bind_address
        if bound is None:
            return addresses
        version = version_of(bound)
        reachable = [each for each in addresses if version_of(each) == version]
        if not reachable:
            raise DNSLookupError(
                f"{self.host} has no IPv{version} address, "
                f"which bind_address {bound} demands"
            )
        return reachable

    def _connected(self, protocol: IProtocol, address: str) -> IProtocol:
        self.means.rest.clear(address)
        return protocol

    def _failed(
        self, failure: Failure, address: str, addresses: list[str], began_at: float
    ) -> Failure:
        rest = self.means.rest
        if failure.check(ConnectingCancelledError, CancelledError):
            # Whoever gave up had its reasons; a silent address is one of them.
            spent_seconds = self.means.clock.seconds() - began_at
            if 2 * spent_seconds >= self.means.connect_timeout_seconds:
                rest.fail(address)
            return failure
        others = [each for each in addresses if rest.rests(each) and each != address]
        rest.fail(address)
        text = f"{_place(self.host, self.port, address)}: {failure.getErrorMessage()}"
        if others:
            text = f"{text.rstrip('.')}; {', '.join(others)} failed before"
        awake = [each for each in addresses if each != address and not rest.rests(each)]
        return Failure(AddressError(text.rstrip("."), address, awake))


@implementer(IStreamClientEndpoint)
@frozen
class EveryAddress:
    """Connects to the first address of a host that can be had, by turns.

    So a host with an address of a family that leads nowhere costs no waiting.
    """

    endpoint: RotatingEndpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted's interface: one attempt, on each address that does not rest."""
        return self._try(factory, frozenset())

    def _try(
        self, factory: IProtocolFactory, failed: frozenset[str]
    ) -> Deferred[IProtocol]:
        trying = self.endpoint.connect(factory)
        return trying.addErrback(self._next, factory, failed)

    def _next(
        self, failure: Failure, factory: IProtocolFactory, failed: frozenset[str]
    ) -> Deferred[IProtocol]:
        error = failure.value
        if isinstance(error, AddressError):
            failed |= {error.address}
            # Without a time to rest nobody ever rests: once each all the same.
            if not failed.issuperset(error.others):
                return self._try(factory, failed)
        return fail(failure)


def _place(host: str, port: int, address: str) -> str:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return place if host == address else f"{host} at {place}"
