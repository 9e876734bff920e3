"""Where mail goes: exchangers, routes, addresses, and rest for those that fail."""

from __future__ import annotations

import random
from typing import Any

from mcmtpush.config.views import Route
from mcmtpush.delivery.mail.exchange import (
    HOST_LIMIT,
    LOOP,
    NO_ADDRESS,
    NO_SUCH_DOMAIN,
    Absent,
    Exchange,
    Hosts,
    Target,
    Unavailable,
    survey,
)
from mcmtpush.values import Answered
from tests.delivery.mail.stage import Directory
from tests.delivery.stage import Always
from tests.support.case import TestCase


MX = (Exchange(20, "b.example"), Exchange(10, "a.example"))
ADDRESSES = {"a.example": ("192.0.2.1",), "b.example": ("192.0.2.2", "2001:db8::2")}


class SurveyCase(TestCase):
    def setUp(self) -> None:
        self.names = Directory()
        self.names.hosts.update(ADDRESSES)

    def survey(self, *routes: Route, domain: str = "y", dice: Any = None) -> Any:
        coroutine = survey(
            domain,
            routes,
            self.names,
            own_names=("me.example", "mx.me.example"),
            dice=dice or Always(),
        )
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("waits for something")

    def addresses(self, *routes: Route) -> list[tuple[str, int]]:
        return [(each.address, each.port) for each in self.survey(*routes)]


class ExchangeTests(SurveyCase):
    def test_by_preference(self) -> None:
        """Exchangers by preference, all addresses of each, port 25."""
        self.names.mx["y"] = MX
        self.assertEqual(
            self.survey(),
            (
                Target("192.0.2.1", 25, "a.example", 0),
                Target("192.0.2.2", 25, "b.example", 1),
                Target("2001:db8::2", 25, "b.example", 1),
            ),
        )

    def test_equal_ones(self) -> None:
        """Chance orders equal ones, and only those."""
        hosts = "abcdef"
        self.names.mx["y"] = tuple(
            Exchange(10 if host < "e" else 5, host) for host in hosts
        )
        self.names.hosts = {host: (f"192.0.2.{ord(host)}",) for host in hosts}
        orders = set()
        for seed in range(30):
            found = self.survey(dice=random.Random(seed))
            names = [each.name for each in found]
            self.assertEqual(sorted(names[:2]), ["e", "f"])
            self.assertEqual(sorted(names[2:]), ["a", "b", "c", "d"])
            orders.add(tuple(names))
        self.assertGreater(len(orders), 5)

    def test_implicit(self) -> None:
        """A domain without exchangers is its own."""
        self.names.mx["y"] = Absent(exists=True)
        self.names.hosts["y"] = ("192.0.2.9",)
        self.assertEqual(self.addresses(), [("192.0.2.9", 25)])

    def test_null(self) -> None:
        """A domain that takes no mail is told apart from one with a strange record."""
        self.names.mx["y"] = (Exchange(0, ""),)
        self.assertEqual(self.survey(), NO_SUCH_DOMAIN)
        self.names.mx["y"] = (Exchange(0, ""), *MX)
        self.assertEqual(len(self.survey()), 3)
        self.assertEqual(
            NO_SUCH_DOMAIN, Answered(554, "5.4.4 [internal] Domain Lookup Failed")
        )

    def test_unknown_domain(self) -> None:
        """No such domain is for good, and no address is looked up."""
        self.names.mx["y"] = Absent(exists=False)
        self.assertEqual(self.survey(), NO_SUCH_DOMAIN)
        self.assertEqual(self.names.asked, ["MX y"])

    def test_unavailable(self) -> None:
        """When nobody knows, nobody is called."""
        self.names.mx["y"] = Unavailable("no answer")
        self.assertEqual(self.survey(), Unavailable("no answer"))

    def test_no_addresses(self) -> None:
        """Exchangers without an address: for now; one with an address is enough."""
        self.names.mx["y"] = (Exchange(1, "nowhere"), Exchange(2, "nor.there"))
        self.names.hosts["nor.there"] = Absent(exists=True)
        self.assertEqual(self.survey(), NO_ADDRESS)
        self.names.hosts["nowhere"] = Unavailable("no answer")
        self.assertEqual(self.survey(), Unavailable("no answer"))
        self.names.hosts["nor.there"] = ("192.0.2.3",)
        self.assertEqual(self.addresses(), [("192.0.2.3", 25)])

    def test_loop(self) -> None:
        """Exchangers no better than ourselves are not called."""
        self.names.mx["y"] = (*MX, Exchange(20, "MX.me.example"))
        self.assertEqual(self.addresses(), [("192.0.2.1", 25)])
        self.names.mx["y"] = (Exchange(10, "me.example"), *MX)
        self.assertEqual(self.survey(), LOOP)

    def test_literal(self) -> None:
        """An address for a domain is not looked up."""
        for domain, address in (
            ("[192.0.2.7]", "192.0.2.7"),
            ("[IPv6:2001:db8::7]", "2001:db8::7"),
        ):
            found = self.survey(domain=domain)
            self.assertEqual(found, (Target(address, 25, domain, 0),))
        self.assertEqual(self.names.asked, [])

    def test_bounded(self) -> None:
        """Of a domain with no end of exchangers the best are called."""
        self.names.mx["y"] = tuple(Exchange(n, f"h{n}") for n in range(60, 0, -1))
        self.names.hosts = {f"h{n}": (f"192.0.2.{n}",) for n in range(61)}
        found = self.survey()
        self.assertEqual(
            [each.name for each in found], [f"h{n}" for n in range(1, HOST_LIMIT + 1)]
        )

    def test_same_address(self) -> None:
        """An address that several names have is called once, where it is best."""
        self.names.mx["y"] = MX
        self.names.hosts["b.example"] = ("192.0.2.1",)
        self.assertEqual(self.survey(), (Target("192.0.2.1", 25, "a.example", 0),))


class RouteTests(SurveyCase):
    def test_instead(self) -> None:
        """Routes stand instead of exchangers; names have addresses, ports are kept."""
        self.assertEqual(
            self.addresses(
                Route("", "b.example", 2525, 7), Route("smtp", "[192.0.2.5]", None, 3)
            ),
            [("192.0.2.5", 25), ("192.0.2.2", 2525), ("2001:db8::2", 2525)],
        )
        self.assertEqual(self.names.asked, ["A b.example"])

    def test_back_to_exchangers(self) -> None:
        """`__mx__` among routes has its place among them."""
        self.names.mx["y"] = MX
        found = self.survey(
            Route("", "192.0.2.8", None, 2),
            Route("", "__mx__", 26, 1),
            Route("", "192.0.2.9", None, 0),
        )
        self.assertEqual(
            [(each.address, each.port, each.preference) for each in found],
            [
                ("192.0.2.9", 25, 0),
                ("192.0.2.1", 26, 1),
                ("192.0.2.2", 26, 2),
                ("2001:db8::2", 26, 2),
                ("192.0.2.8", 25, 3),
            ],
        )

    def test_other_routes_help(self) -> None:
        """A domain that is not there does not matter while a route is."""
        self.names.mx["y"] = Absent(exists=False)
        routes = (Route("", "__mx__", None, 0), Route("", "192.0.2.8", None, 1))
        self.assertEqual(self.addresses(*routes), [("192.0.2.8", 25)])


class HostsTests(TestCase):
    FIRST = Target("192.0.2.1", 25, "a", 0)
    SECOND = Target("192.0.2.2", 25, "b", 1)
    THIRD = Target("192.0.2.3", 25, "b", 1)

    def setUp(self) -> None:
        self.hosts = Hosts(rest_seconds=120)
        self.hosts.update((self.FIRST, self.SECOND, self.THIRD))

    def test_order(self) -> None:
        """The best one alone; equal ones in turn when it rests; it comes back."""
        self.assertEqual([self.hosts.next(0.0) for _ in range(3)], [self.FIRST] * 3)
        self.assertTrue(self.hosts.fail(self.FIRST, 0.0))
        self.assertFalse(self.hosts.fail(self.FIRST, 1.0))
        turns = [self.hosts.next(2.0) for _ in range(4)]
        self.assertEqual(turns, [self.SECOND, self.THIRD] * 2)
        self.assertEqual(self.hosts.next(121.0), self.FIRST)

    def test_all_rest(self) -> None:
        """When all rest, the one that rests longest is next, until one is well."""
        for when, each in enumerate((self.SECOND, self.FIRST, self.THIRD)):
            self.assertFalse(self.hosts.all_rest(float(when)))
            self.hosts.fail(each, float(when))
        self.assertTrue(self.hosts.all_rest(3.0))
        self.assertEqual(self.hosts.next(3.0), self.SECOND)
        self.hosts.clear(self.THIRD)
        self.assertEqual(self.hosts.next(3.0), self.THIRD)

    def test_survives_a_survey(self) -> None:
        """Who rests, rests still after a new survey; who is gone is forgotten."""
        self.hosts.fail(self.FIRST, 0.0)
        self.hosts.fail(self.SECOND, 0.0)
        self.hosts.update((self.FIRST, self.THIRD))
        self.assertEqual((len(self.hosts), self.hosts.next(1.0)), (2, self.THIRD))
        self.hosts.update((self.SECOND,))
        self.assertFalse(self.hosts.all_rest(1.0))
        self.assertFalse(self.hosts.fail(self.FIRST, 1.0))
        self.hosts.clear(self.FIRST)
        self.assertEqual(self.hosts.next(1.0), self.SECOND)
        self.hosts.update(())
        self.assertIsNone(self.hosts.next(1.0))
