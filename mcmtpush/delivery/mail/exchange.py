"""Which hosts take the mail of a domain, in which order.

RFC 5321, 5.1: the mail exchangers by preference, equal ones in random order; the
domain itself if it names none; nobody if it says so (RFC 7505).  Routes of the
configuration stand instead of that, and may point back at it with `__mx__`.

Asks a resolver that it is given and opens no connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from ipaddress import ip_address
from typing import Final, Protocol

from attrs import frozen

from mcmtpush.config.views import Route
from mcmtpush.delivery.routes import Routes
from mcmtpush.ports import Dice
from mcmtpush.values import Answered


MX_ROUTE: Final = "__mx__"
"""The item of `routes` that stands for the domain's own mail exchangers."""

DEFAULT_PORT: Final = 25

HOST_LIMIT: Final = 10
"""Names that are looked up for one domain, the best ones."""

ADDRESS_LIMIT: Final = 30
"""Addresses that are tried for one domain."""

NO_SUCH_DOMAIN: Final = Answered(554, "5.4.4 [internal] Domain Lookup Failed")
NO_ADDRESS: Final = Answered(454, "4.4.4 [internal] no MX or A for domain")
LOOP: Final = Answered(
    554, "5.4.6 [internal] this host is the best mail exchanger of the domain"
)


# -- what a lookup finds ----------------------------------------------------------


@frozen
class Exchange:
    """One MX record; `host` without the final dot, empty for the root."""

    preference: int
    host: str


@frozen
class Absent:
    """There is nothing of that kind; `exists`: the name itself is there."""

    exists: bool


@frozen
class Unavailable:
    """Nobody knows at present."""

    reason: str


class Resolver(Protocol):
    """Lookups in the domain name system; they never fail, they tell."""

    def exchanges(
        self, domain: str
    ) -> Awaitable[tuple[Exchange, ...] | Absent | Unavailable]:
        """The MX records of a domain; the tuple is never empty."""

    def addresses(self, host: str) -> Awaitable[tuple[str, ...] | Absent | Unavailable]:
        """IPv4 and IPv6 addresses of a host; the tuple is never empty."""


# -- what comes of it -------------------------------------------------------------


@frozen
class Destination:
    """A host by name, or an address; `preference`: lower first."""

    host: str
    port: int
    preference: tuple[int, int]


@frozen
class Target:
    """Where to connect: `name` is for certificates and the log."""

    address: str
    port: int
    name: str
    preference: int


Survey = tuple[Target, ...] | Answered | Unavailable
"""Targets, or what becomes of the messages, or why nobody knows."""


async def survey(
    domain: str,
    routes: Sequence[Route],
    resolver: Resolver,
    *,
    own_names: Iterable[str],
    dice: Dice,
) -> Survey:
    """Where the mail of a domain goes, now; never empty."""
    found: list[Destination] = []
    trouble: Answered | Unavailable | None = None
    for route in routes or (Route("", MX_ROUTE, None, 0),):
        if route.host != MX_ROUTE:
            place = (route.preference, 0)
            found.append(Destination(route.host, route.port or DEFAULT_PORT, place))
            continue
        answer = await resolver.exchanges(domain) if not _literal(domain) else _NO_MX
        exchanges = choose_exchanges(domain, answer, own_names)
        if isinstance(exchanges, tuple):
            found += _destinations(exchanges, route)
        else:
            trouble = exchanges
    if not found:
        return trouble or NO_SUCH_DOMAIN
    return await _locate(_ordered(found, dice), resolver)


def choose_exchanges(
    domain: str,
    answer: tuple[Exchange, ...] | Absent | Unavailable,
    own_names: Iterable[str],
) -> tuple[Exchange, ...] | Answered | Unavailable:
    """The exchangers of a domain, by what was found; unordered."""
    if isinstance(answer, Unavailable):
        return answer
    if isinstance(answer, Absent):
        if not answer.exists:
            return NO_SUCH_DOMAIN
        answer = (Exchange(0, domain),)
    named = [each for each in answer if each.host]
    if not named:
        return NO_SUCH_DOMAIN
    own = {name.lower() for name in own_names}
    ours = [each.preference for each in named if each.host.lower() in own]
    better = [each for each in named if not ours or each.preference < min(ours)]
    return tuple(better) or LOOP


def _destinations(exchanges: Iterable[Exchange], route: Route) -> list[Destination]:
    port = route.port or DEFAULT_PORT
    return [
        Destination(each.host, port, (route.preference, each.preference))
        for each in exchanges
    ]


def _ordered(found: Sequence[Destination], dice: Dice) -> list[Destination]:
    """By preference, equal ones as chance wants it; the best few, each once."""
    drawn = [(each.preference, dice.random(), each) for each in dict.fromkeys(found)]
    drawn.sort(key=lambda each: each[:2])
    return [each for _, _, each in drawn[:HOST_LIMIT]]


async def _locate(destinations: Sequence[Destination], resolver: Resolver) -> Survey:
    """Names become addresses; one name that cannot be looked up hides no other."""
    targets: dict[tuple[str, int], Target] = {}
    unavailable: Unavailable | None = None
    ranks = sorted({each.preference for each in destinations})
    for each in destinations:
        found = await _addresses(each.host, resolver)
        if isinstance(found, Unavailable):
            unavailable = found
        elif not isinstance(found, Absent):
            rank = ranks.index(each.preference)
            for address in found:
                target = Target(address, each.port, each.host, rank)
                targets.setdefault((address, each.port), target)
    return tuple(targets.values())[:ADDRESS_LIMIT] or unavailable or NO_ADDRESS


async def _addresses(
    host: str, resolver: Resolver
) -> tuple[str, ...] | Absent | Unavailable:
    literal = _literal(host)
    return (literal,) if literal else await resolver.addresses(host)


def _literal(host: str) -> str | None:
    """The address in `192.0.2.1`, `[192.0.2.1]` and `[IPv6:2001:db8::1]`, or None."""
    text = host.removeprefix("[").removesuffix("]")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        return str(ip_address(text))
    except ValueError:
        return None


_NO_MX: Final = Absent(exists=True)


class Hosts:
    """The targets of one queue and how they did; outlives a new survey.

    Times are seconds of one clock that is good for differences.
    """

    def __init__(self, *, rest_seconds: float) -> None:
        self._rest_seconds = rest_seconds
        self._failed_at: dict[Route, float] = {}
        self._targets: dict[Route, Target] = {}
        self._routes = Routes(())

    def __len__(self) -> int:
        return len(self._targets)

    def update(self, targets: Iterable[Target]) -> None:
        """These, and no others; what failed rests still."""
        self._targets = {
            Route("", each.address, each.port, each.preference): each
            for each in targets
        }
        self._routes = Routes(self._targets, rest_seconds=self._rest_seconds)
        for route in list(self._failed_at):
            if route in self._targets:
                self._routes.fail(route, self._failed_at[route])
            else:
                del self._failed_at[route]

    def next(self, now: float) -> Target | None:
        """For one more connection; None when there is no target at all."""
        route = self._routes.next(now)
        return None if route is None else self._targets[route]

    def fail(self, target: Target, now: float) -> bool:
        """It could not be used; whether for the first time since it last could."""
        route = self._route(target)
        if self._targets.get(route) != target:
            return False
        self._failed_at[route] = now
        return self._routes.fail(route, now)

    def clear(self, target: Target) -> None:
        """It can be used."""
        route = self._route(target)
        if self._failed_at.pop(route, None) is not None and route in self._targets:
            self._routes.clear(route)

    def all_rest(self, now: float) -> bool:
        """Whether every target failed lately."""
        return self._routes.all_rest(now)

    def _route(self, target: Target) -> Route:
        return Route("", target.address, target.port, target.preference)
