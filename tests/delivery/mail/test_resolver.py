"""Lookups in the domain name system, against a resolver that obeys the test."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns, error

from mcmtpush.delivery.mail.exchange import Absent, Exchange, Unavailable
from mcmtpush.delivery.mail.resolver import LOOKUP_SECONDS, Names
from tests.support.case import TestCase


def answer(*payloads: Any) -> Any:
    """As a name server answers: everything in the answer section."""
    records = [dns.RRHeader(b"x", each.TYPE, payload=each) for each in payloads]
    return records, [], []


class Resolver:
    """Answers by method; what is not set is empty."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, bytes]] = []

    def _ask(self, kind: str, name: bytes) -> Any:
        self.asked.append((kind, name))
        found = self.answers.get(kind, answer())
        if isinstance(found, Exception):
            return fail(found)
        return found if isinstance(found, Deferred) else succeed(found)

    def lookupMailExchange(self, name: bytes) -> Any:  # noqa: N802 - Twisted's name
        return self._ask("MX", name)

    def lookupAddress(self, name: bytes) -> Any:  # noqa: N802 - Twisted's name
        return self._ask("A", name)

    def lookupIPV6Address(self, name: bytes) -> Any:  # noqa: N802 - Twisted's name
        return self._ask("AAAA", name)


class NamesTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = Resolver()
        self.names = Names(self.resolver, self.clock)  # type: ignore[arg-type]

    def exchanges(self, domain: str = "y.example") -> Any:
        return self.successResultOf(
            Deferred.fromCoroutine(self.names.exchanges(domain))
        )

    def addresses(self, host: str = "mx.example") -> Any:
        return self.successResultOf(Deferred.fromCoroutine(self.names.addresses(host)))

    def test_exchanges(self) -> None:
        """MX records, whatever else stands in the answer."""
        self.resolver.answers["MX"] = answer(
            dns.Record_CNAME(b"z.example"),
            dns.Record_MX(20, b"b.example"),
            dns.Record_MX(10, b"a.example"),
        )
        self.assertEqual(
            self.exchanges(), (Exchange(20, "b.example"), Exchange(10, "a.example"))
        )
        self.assertEqual(self.resolver.asked, [("MX", b"y.example")])

    def test_null(self) -> None:
        """The root as an exchanger has no name."""
        self.resolver.answers["MX"] = answer(dns.Record_MX(0, b""))
        self.assertEqual(self.exchanges(), (Exchange(0, ""),))
        self.resolver.answers["MX"] = answer(dns.Record_MX(0, b"."))
        self.assertEqual(self.exchanges(), (Exchange(0, ""),))

    def test_nothing(self) -> None:
        """No record and no name are different things; trouble is neither."""
        for found, wanted in (
            (answer(), Absent(exists=True)),
            (answer(dns.Record_CNAME(b"z")), Absent(exists=True)),
            (error.DomainError("x"), Absent(exists=True)),
            (error.AuthoritativeDomainError("x"), Absent(exists=True)),
            (error.DNSNameError("x"), Absent(exists=False)),
            (
                error.DNSServerError("x"),
                Unavailable("the name server answers DNSServerError"),
            ),
            (
                error.DNSQueryTimeoutError(1),
                Unavailable("the name server does not answer"),
            ),
            (OSError("x"), Unavailable("the name server answers OSError")),
        ):
            with self.subTest(found=found):
                self.resolver.answers["MX"] = found
                self.assertEqual(self.exchanges(), wanted)

    def test_addresses(self) -> None:
        """Both kinds, IPv4 first, each once."""
        self.resolver.answers["A"] = answer(
            dns.Record_CNAME(b"z"), dns.Record_A("192.0.2.1"), dns.Record_A("192.0.2.1")
        )
        self.resolver.answers["AAAA"] = answer(dns.Record_AAAA("2001:db8::1"))
        self.assertEqual(self.addresses(), ("192.0.2.1", "2001:db8::1"))

    def test_one_kind(self) -> None:
        """One kind of address is enough, whatever became of the other."""
        self.resolver.answers["AAAA"] = error.DNSServerError("x")
        self.resolver.answers["A"] = answer(dns.Record_A("192.0.2.1"))
        self.assertEqual(self.addresses(), ("192.0.2.1",))
        self.resolver.answers["A"] = answer()
        self.assertIsInstance(self.addresses(), Unavailable)
        self.resolver.answers["AAAA"] = error.DNSNameError("x")
        self.assertEqual(self.addresses(), Absent(exists=True))
        self.resolver.answers["A"] = error.DNSNameError("x")
        self.assertEqual(self.addresses(), Absent(exists=False))

    def test_no_name(self) -> None:
        """What cannot be a name is not asked for; others are as they go on the wire."""
        for name in ("", ".", "a..b", "x" * 64 + ".example"):
            self.assertEqual(self.exchanges(name), Absent(exists=False), name)
        self.assertEqual(self.resolver.asked, [])
        self.exchanges("münchen.example.")
        self.assertEqual(self.resolver.asked, [("MX", b"xn--mnchen-3ya.example")])

    def test_silence(self) -> None:
        """A resolver that does not come back is not waited for for ever."""
        self.resolver.answers["MX"] = Deferred()
        asked = Deferred.fromCoroutine(self.names.exchanges("y.example"))
        self.clock.advance(LOOKUP_SECONDS)
        self.assertEqual(
            self.successResultOf(asked), Unavailable("the name server does not answer")
        )

    def test_broken(self) -> None:
        """A resolver that raises is like one that fails."""

        class Broken:
            def lookupMailExchange(self, name: bytes) -> Any:  # noqa: N802 - Twisted's name
                raise ValueError(name)

        names = Names(Broken(), self.clock)  # type: ignore[arg-type]
        found = self.successResultOf(Deferred.fromCoroutine(names.exchanges("y")))
        self.assertEqual(found, Unavailable("the name server answers ValueError"))
