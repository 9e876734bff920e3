"""Which of a host's addresses the next connection takes.

A name is looked up afresh for every connection.  Its addresses take turns, and
one that failed rests while there are others.  One connection attempt tries those
that do not rest, one after the other: when to try again is the business of
whoever connects.  Knows no TLS and no routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, cast

from attrs import define, frozen
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.ports import Clock, Dice


REST_SECONDS: Final = 120.0
"""How long an address that failed is avoided (`host_failure_retry`)."""

KNOWN_LIMIT: Final = 1000
"""So many addresses are remembered; names may change theirs all day."""


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


@define(eq=False)
class _Standing:
    """What is known of one address; `turn` is when it was last chosen."""

    turn: int = 0
    failed_at: float | None = None


class Rest:
    """What is known of the addresses of one lane, from connection to connection.

    An address is an IP address as text; ports do not matter, since what fails
    is mostly the machine or the way to it.
    """

    def __init__(self, clock: Clock, *, rest_seconds: float = REST_SECONDS) -> None:
        self._clock = clock
        self._rest_seconds = rest_seconds
        self._standings: dict[str, _Standing] = {}
        self._turn = 0

    def choose(self, addresses: Sequence[str], dice: Dice) -> str:
        """The address for one more connection; `addresses` is not empty.

        The one whose turn is longest ago, by chance among those that never had
        one.  When all rest it is the one that failed longest ago.
        """
        standings = {each: self._standing(each) for each in addresses}
        awake = [each for each in addresses if not self.rests(each)]
        if awake:
            first = min(standings[each].turn for each in awake)
            equal = [each for each in awake if standings[each].turn == first]
            chosen = equal[dice.randrange(len(equal))]
        else:
            chosen = min(addresses, key=lambda each: _failed(standings[each]))
        self._turn += 1
        standings[chosen].turn = self._turn
        return chosen

    def fail(self, address: str) -> None:
        """No connection could be made, or one that was worth nothing."""
        self._standing(address).failed_at = self._clock.seconds()

    def clear(self, address: str) -> None:
        """It works: nothing is held against it."""
        self._standing(address).failed_at = None

    def rests(self, address: str) -> bool:
        """Whether it failed lately."""
        standing = self._standings.get(address)
        if standing is None or standing.failed_at is None:
            return False
        return self._clock.seconds() - standing.failed_at < self._rest_seconds

    def _standing(self, address: str) -> _Standing:
        standing = self._standings.get(address)
        if standing is None:
            if len(self._standings) >= KNOWN_LIMIT:
                oldest = min(self._standings, key=lambda e: self._standings[e].turn)
                del self._standings[oldest]
            standing = self._standings[address] = _Standing()
        return standing


def _failed(standing: _Standing) -> tuple[float, int]:
    return standing.failed_at or 0.0, standing.turn


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
        began_at = self.means.clock.seconds()
        looking = self._look_up()
        return looking.addCallback(self._dial, factory, began_at)

    def _look_up(self) -> Deferred[Any]:
        """Fires with addresses, as text."""
        answer = _Answer()
        if _version(self.host):
            answer.found.append(self.host)
            answer.resolutionComplete()
            return answer.done
        if not _is_name(self.host):
            # The system's resolver would never answer.
            return fail(DNSLookupError(f"{self.host!r} is no host name"))
        means = self.means
        answer.done.addTimeout(
            means.connect_timeout_seconds,
            cast("IReactorTime", means.clock),
            lambda *_: Failure(
                DNSLookupError(
                    f"{self.host} was not looked up within "
                    f"{means.connect_timeout_seconds:g} s"
                )
            ),
        )
        means.resolver.resolveHostName(answer, self.host, self.port)
        return answer.done

    def _dial(
        self, found: list[str], factory: IProtocolFactory, began_at: float
    ) -> Deferred[IProtocol]:
        means = self.means
        addresses = self._reachable(found)
        address = means.rest.choose(addresses, means.dice)
        spent_seconds = means.clock.seconds() - began_at
        kind = TCP6ClientEndpoint if _version(address) == 6 else TCP4ClientEndpoint
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
        reachable = [each for each in addresses if _version(each) == _version(bound)]
        if not reachable:
            raise DNSLookupError(
                f"{self.host} has no IPv{_version(bound)} address, "
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


@implementer(IResolutionReceiver)
class _Answer:
    """What a resolver says; `done` fires once, with `found`."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.done: Deferred[Any] = Deferred(self._cancel)
        self._resolution: IHostResolution | None = None
        self._given_up = False

    def resolutionBegan(self, resolution: IHostResolution) -> None:  # noqa: N802
        """The resolver starts."""
        self._resolution = resolution

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        """One more."""
        self.found.append(cast("Any", address).host)

    def resolutionComplete(self) -> None:  # noqa: N802
        """There are no more."""
        if not self._given_up:
            self.done.callback(self.found)

    def _cancel(self, _: object) -> None:
        self._given_up = True
        if self._resolution is not None:
            # The system's resolver cannot be stopped: its answer comes too late.
            with suppress(NotImplementedError):
                self._resolution.cancel()


def _version(text: str) -> int:
    """4 or 6; 0 for what is no address."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0


def _is_name(text: str) -> bool:
    try:
        return bool(text.encode("idna"))
    except UnicodeError:
        return False


def _place(host: str, port: int, address: str) -> str:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return place if host == address else f"{host} at {place}"
