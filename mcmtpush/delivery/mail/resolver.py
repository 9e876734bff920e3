"""Lookups with twisted.names: MX, A and AAAA, as answers that never fail.

The resolver is passed in (`twisted.names.client.createResolver` makes one that
knows /etc/hosts and keeps what it found).  Knows no mail.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError  # noqa: A004 - Twisted's name
from twisted.internet.interfaces import IReactorTime, IResolver
from twisted.names import dns
from twisted.names.error import AuthoritativeDomainError, DNSNameError, DomainError
from twisted.python.failure import Failure

from mcmtpush.delivery.mail.exchange import Absent, Exchange, Unavailable


LOOKUP_SECONDS: Final = 60.0
"""A lookup takes no longer."""

RECORD_LIMIT: Final = 100
"""More records of one answer are not looked at."""

_EMPTY: Final = (DomainError, AuthoritativeDomainError)
"""There are no such records; what derives from these is a trouble of servers."""


class Names:
    """Implements `exchange.Resolver`."""

    def __init__(self, resolver: IResolver, clock: IReactorTime) -> None:
        self._resolver = resolver
        self._clock = clock

    async def exchanges(
        self, domain: str
    ) -> tuple[Exchange, ...] | Absent | Unavailable:
        """The MX records of a domain."""
        found = await self._ask(self._resolver.lookupMailExchange, domain, dns.MX)
        if isinstance(found, Absent | Unavailable):
            return found
        return tuple(Exchange(each.preference, _text(each.name)) for each in found)

    async def addresses(self, host: str) -> tuple[str, ...] | Absent | Unavailable:
        """IPv4 and IPv6 addresses of a host, the IPv4 ones first."""
        four = self._ask(self._resolver.lookupAddress, host, dns.A)
        six = self._ask(self._resolver.lookupIPV6Address, host, dns.AAAA)
        answers = [await four, await six]
        found = [
            str(ip_address(each.address))
            for answer in answers
            if isinstance(answer, list)
            for each in answer
        ]
        if found:
            return tuple(dict.fromkeys(found))
        for answer in answers:
            if isinstance(answer, Unavailable):
                return answer
        return Absent(exists=any(one != Absent(exists=False) for one in answers))

    def _ask(
        self, lookup: Callable[..., Any], name: str, kind: int
    ) -> Deferred[list[Any] | Absent | Unavailable]:
        encoded = _wire_name(name)
        asked: Deferred[Any] = Deferred()
        if encoded is None:
            asked.callback(Absent(exists=False))
            return asked
        try:
            asked = lookup(encoded)
        except Exception:  # noqa: BLE001 - a resolver's own fault is a lookup's
            asked.errback(Failure())
        asked.addTimeout(LOOKUP_SECONDS, self._clock)
        asked.addCallback(_records, kind)
        return asked.addErrback(_trouble)


def _records(answer: Any, kind: int) -> list[Any] | Absent:
    records = [record.payload for record in answer[0] if record.type == kind]
    return records[:RECORD_LIMIT] or Absent(exists=True)


def _trouble(failure: Failure) -> Absent | Unavailable:
    if failure.check(DNSNameError):
        return Absent(exists=False)
    if failure.type in _EMPTY:
        return Absent(exists=True)
    if failure.check(TimeoutError):
        return Unavailable("the name server does not answer")
    kind = failure.type.__name__ if failure.type else "nothing"
    return Unavailable(f"the name server answers {kind}")


def _text(name: dns.Name) -> str:
    return bytes(name.name).decode("ascii", "replace").rstrip(".")


def _wire_name(name: str) -> bytes | None:
    """None for what cannot be a name."""
    try:
        return name.rstrip(".").encode("idna") or None
    except UnicodeError:
        return None
