"""Addresses that are connected to, in turn, one or all."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    DNSLookupError,
)
from twisted.internet.protocol import Factory, Protocol

from mcmtpush.delivery.address import EveryAddress, Means, RotatingEndpoint
from mcmtpush.delivery.rest import Rest
from tests.delivery.addressing import HOST, SIX, A, AddressCase, B, C
from tests.delivery.stage import Always


class BindTests(AddressCase):
    def test_bind_address(self) -> None:
        """The socket is bound, and its family is the only one that is tried."""
        self.names.addresses = (SIX, A)
        for bound, expected in (("192.0.2.9", A), ("2001:db8::9", SIX)):
            self.bind = bound
            for _ in range(2):
                self.dial()
                self.assertEqual(self.reactor.tcpClients[-1][0], expected)
                self.assertEqual(self.reactor.tcpClients[-1][4], (bound, 0))

    def test_unbound(self) -> None:
        """Without bind_address the system chooses ours, and both families count."""
        self.names.addresses = (SIX, A)
        self.dial()
        self.dial()
        self.assertEqual([client[4] for client in self.reactor.tcpClients], [None] * 2)
        self.assertEqual(set(self.dialled), {A, SIX})

    def test_no_address_of_the_family(self) -> None:
        """A name that cannot be reached from our address is told as such."""
        self.bind = "2001:db8::9"
        failure = self.failureResultOf(self.dial(), DNSLookupError)
        self.assertIn("has no IPv6 address", failure.getErrorMessage())
        self.assertIn("bind_address 2001:db8::9", failure.getErrorMessage())


class TurnTests(AddressCase):
    def test_in_turn(self) -> None:
        """Connections of one lane are spread evenly, made or still being made."""
        for _ in range(6):
            self.dial()
        self.assertEqual(Counter(self.dialled), {A: 2, B: 2, C: 2})
        self.assertEqual(set(self.dialled[:3]), {A, B, C})

    def test_connected(self) -> None:
        """The protocol is the factory's; the timeout is the configured one."""
        connecting = self.dial()
        self.let()
        self.assertIsInstance(self.successResultOf(connecting), Protocol)
        self.assertEqual(self.reactor.tcpClients[0][3], 30)

    def test_failed_rests(self) -> None:
        """An address that failed is left out until its rest is over."""
        self.fail()
        self.assertEqual(self.dialled, [A])
        for _ in range(4):
            self.dial()
        self.assertEqual(set(self.dialled[1:]), {B, C})
        self.reactor.advance(119.9)
        self.dial()
        self.assertNotEqual(self.dialled[-1], A)
        self.reactor.advance(0.2)
        self.dial()
        self.assertEqual(self.dialled[-1], A)

    def test_one_address_for_each_attempt(self) -> None:
        """An attempt that failed does not go on to another address by itself."""
        self.fail()
        self.assertEqual(len(self.dialled), 1)

    def test_all_rest(self) -> None:
        """When all failed, the one that failed longest ago is tried again."""
        for _ in range(3):
            self.fail()
            self.reactor.advance(1)
        self.assertEqual(self.dialled, [A, B, C])
        for _ in range(3):
            self.fail()
            self.reactor.advance(1)
        self.assertEqual(self.dialled[3:], [A, B, C])

    def test_works_again(self) -> None:
        """A connection ends the rest of its address."""
        for _ in range(3):
            self.fail()
        self.dial()
        self.let()
        self.assertFalse(self.rest.rests(A))
        self.assertTrue(self.rest.rests(B))

    def test_failed_behind_the_connection(self) -> None:
        """Who finds an address worthless later may say so."""
        self.dial()
        self.let()
        self.rest.fail(A)
        for _ in range(4):
            self.dial()
        self.assertNotIn(A, self.dialled[1:])


class FailureTests(AddressCase):
    def test_text(self) -> None:
        """The text names the address that was tried and those that failed before."""
        self.assertEqual(
            self.fail(),
            "An error occurred while connecting: gateway.example at 192.0.2.1:2195: "
            "Connection was refused by other side.",
        )
        text = self.fail()
        self.assertIn("at 192.0.2.2:2195", text)
        self.assertTrue(text.endswith("; 192.0.2.1 failed before."), text)

    def test_text_for_a_literal(self) -> None:
        """An address is named once, readable with its port."""
        self.assertIn("connecting: [2001:db8::1]:2195: Conn", self.fail(SIX))

    def test_cancelled_early(self) -> None:
        """Giving up early is not held against the address; no timer is left."""
        connecting = self.dial()
        self.reactor.advance(3)
        connecting.cancel()
        self.failureResultOf(connecting, ConnectingCancelledError)
        self.assertFalse(self.rest.rests(A))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_cancelled_late(self) -> None:
        """An address that was silent until its caller lost patience rests."""
        connecting = self.dial()
        self.reactor.advance(15)
        connecting.cancel()
        self.failureResultOf(connecting, ConnectingCancelledError)
        self.assertTrue(self.rest.rests(A))


class EveryAddressTests(AddressCase):
    def dial_all(self, host: str = HOST) -> Deferred[Any]:
        """One attempt on every address."""
        resolver: Any = self.names
        means = Means(
            self.reactor, resolver, self.reactor, Always(), self.rest, 30, self.bind
        )
        endpoint = EveryAddress(RotatingEndpoint(host, 2195, means))
        return endpoint.connect(Factory.forProtocol(Protocol))

    def test_the_first_that_connects(self) -> None:
        """An address that refuses costs nothing but its turn; it rests from now on."""
        made = self.dial_all()
        self.refuse()
        self.let()
        self.successResultOf(made)
        self.assertEqual(self.dialled, [A, B])
        self.assertTrue(self.rest.rests(A))
        self.dial_all()
        self.assertEqual(self.dialled[2:], [C])

    def test_all_refuse(self) -> None:
        """Each is tried once, and the failure tells of all."""
        failing = self.dial_all()
        for _ in range(3):
            self.refuse()
        text = self.failureResultOf(failing, ConnectError).getErrorMessage()
        self.assertEqual(self.dialled, [A, B, C])
        for address in (A, B, C):
            self.assertIn(address, text)

    def test_all_rest(self) -> None:
        """While all rest one is tried, not all of them over and over."""
        for address in (A, B, C):
            self.rest.fail(address)
        failing = self.dial_all()
        self.refuse()
        self.failureResultOf(failing, ConnectError)
        self.assertEqual(len(self.dialled), 1)

    def test_no_time_to_rest(self) -> None:
        """Even then each is tried once."""
        self.rest = Rest(self.reactor, rest_seconds=0)
        failing = self.dial_all()
        for _ in range(3):
            self.refuse()
        self.failureResultOf(failing, ConnectError)
        self.assertEqual(len(self.dialled), 3)

    def test_no_such_name(self) -> None:
        """What cannot be looked up is not tried again."""
        self.names.addresses = ()
        self.failureResultOf(self.dial_all(), DNSLookupError)
        self.assertEqual(len(self.names.asked), 1)

    def test_given_up(self) -> None:
        """Whoever gives up stops the attempt that is under way, and the rest."""
        made = self.dial_all()
        self.refuse()
        made.cancel()
        self.failureResultOf(made)
        self.assertEqual(self.dialled, [A, B])
