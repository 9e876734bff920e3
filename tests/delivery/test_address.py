"""Addresses: looked up afresh, in turn, and those that failed rest."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,  # noqa: A004 - Twisted's
    DNSLookupError,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from mcmtpush.delivery.address import (
    KNOWN_LIMIT,
    EveryAddress,
    Means,
    Rest,
    RotatingEndpoint,
)
from tests.delivery.stage import Always
from tests.support.case import TestCase, readable


HOST = "gateway.example"
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
SIX = "2001:db8::1"


class Names:
    """A resolver that knows `addresses`, and answers at once unless `slow`."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []
        self.slow = False
        self.receivers: list[Any] = []
        self.cancelled = 0
        self.stoppable = True

    def cancel(self) -> None:
        self.cancelled += 1
        if not self.stoppable:
            raise NotImplementedError

    def resolve(self, receiver: Any, name: str, port: int = 0, *_: Any) -> Any:
        self.asked.append((name, port))
        receiver.resolutionBegan(self)
        self.receivers.append(receiver)
        if not self.slow:
            self.answer()
        return self

    resolveHostName = resolve  # noqa: N815 - Twisted's name

    def answer(self) -> None:
        """Answer the oldest question."""
        receiver = self.receivers.pop(0)
        for address in self.addresses:
            kind: Any = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, 2195))
        receiver.resolutionComplete()


class AddressCase(TestCase):
    """A reactor that notes connections, and endpoints of one lane."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.names = Names(A, B, C)
        self.rest = Rest(self.reactor, rest_seconds=120)
        self.bind: str | None = None
        self.timeout_seconds = 30

    def dial(self, host: str = HOST) -> Deferred[Any]:
        """One attempt, by an endpoint of its own."""
        resolver: Any = self.names
        means = Means(
            self.reactor,
            resolver,
            self.reactor,
            Always(),
            self.rest,
            self.timeout_seconds,
            self.bind,
        )
        endpoint = RotatingEndpoint(host, 2195, means)
        return endpoint.connect(Factory.forProtocol(Protocol))

    @property
    def dialled(self) -> list[str]:
        """Addresses that were connected to, in order."""
        return [client[0] for client in self.reactor.tcpClients]

    def let(self, at: int = -1) -> None:
        """The connection is made."""
        factory = self.reactor.tcpClients[at][2]
        protocol: Any = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())

    def refuse(self, error: Exception | None = None) -> None:
        """The last connection is refused."""
        factory: Any = self.reactor.tcpClients[-1][2]
        reason = Failure(error or ConnectionRefusedError())
        factory.clientConnectionFailed(self.reactor.connectors[-1], reason)

    def fail(self, host: str = HOST) -> str:
        """One attempt that is refused; its text."""
        failing = self.dial(host)
        self.refuse()
        return self.failureResultOf(failing, ConnectError).getErrorMessage()


class LookUpTests(AddressCase):
    def test_afresh_for_every_connection(self) -> None:
        """A name is looked up each time, so that a change is noticed at once."""
        self.dial()
        self.names.addresses = (SIX,)
        self.dial()
        self.assertEqual(self.names.asked, [(HOST, 2195)] * 2)
        self.assertEqual(self.dialled, [A, SIX])

    def test_literals_pass_through(self) -> None:
        """An address needs no resolver, of either family."""
        for address in (A, SIX):
            self.dial(address)
        self.assertEqual(self.names.asked, [])
        self.assertEqual(self.dialled, [A, SIX])

    def test_no_address(self) -> None:
        """A name without addresses is told, and nothing is dialled."""
        self.names.addresses = ()
        failure = self.failureResultOf(self.dial(), DNSLookupError)
        self.assertIn(f"{HOST} has no address", failure.getErrorMessage())
        self.assertEqual(self.dialled, [])

    def test_named_twice(self) -> None:
        """An address that is told twice is one address."""
        self.names.addresses = (A, A, B)
        self.fail()
        text = self.fail()
        self.assertEqual(self.dialled, [A, B])
        self.assertTrue(text.endswith("; 192.0.2.1 failed before."), text)

    def test_no_name(self) -> None:
        """What cannot be a name is refused without asking."""
        for host in ("a..b", "", "x" * 64 + ".example"):
            failure = self.failureResultOf(self.dial(host), DNSLookupError)
            self.assertIn("is no host name", failure.getErrorMessage())
        self.assertEqual(self.names.asked, [])

    def test_slow_resolver(self) -> None:
        """The look-up is bounded, also when the resolver cannot be stopped."""
        self.names.slow = True
        self.names.stoppable = False
        looking = self.dial()
        self.reactor.advance(29.9)
        self.assertNoResult(looking)
        self.reactor.advance(0.2)
        failure = self.failureResultOf(looking, DNSLookupError)
        self.assertIn("not looked up within 30 s", failure.getErrorMessage())
        self.names.answer()
        self.assertEqual(self.dialled, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_look_up_counts_for_the_timeout(self) -> None:
        """What the look-up took is not there for connecting; one second is."""
        self.names.slow = True
        for seconds, left in ((12, 18), (29.5, 1)):
            self.dial()
            self.reactor.advance(seconds)
            self.names.answer()
            self.assertEqual(self.reactor.tcpClients[-1][3], left)

    def test_cancelled_look_up(self) -> None:
        """Giving up while the name is looked up stops that, and nothing is dialled."""
        self.names.slow = True
        looking = self.dial()
        looking.cancel()
        self.failureResultOf(looking, CancelledError)
        self.assertEqual(self.names.cancelled, 1)
        self.names.answer()
        self.assertEqual((self.dialled, self.reactor.getDelayedCalls()), ([], []))


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


class RestTests(TestCase):
    def test_chance(self) -> None:
        """Among addresses that never had a turn chance decides."""
        for value, expected in ((0.0, A), (0.5, B), (0.99, C)):
            rest = Rest(MemoryReactorClock())
            self.assertEqual(rest.choose([A, B, C], Always(value)), expected)

    def test_bounded(self) -> None:
        """Names that change their addresses all day do not fill the memory."""
        rest = Rest(MemoryReactorClock())
        dice = Always()
        for number in range(KNOWN_LIMIT + 100):
            rest.choose([f"10.0.{number // 256}.{number % 256}"], dice)
        self.assertEqual(len(rest._standings), KNOWN_LIMIT)

    def test_no_rest(self) -> None:
        """A rest of 0 seconds is none: addresses just take turns."""
        rest = Rest(MemoryReactorClock(), rest_seconds=0)
        dice = Always()
        rest.fail(A)
        self.assertFalse(rest.rests(A))
        chosen = [rest.choose([A, B], dice) for _ in range(4)]
        self.assertEqual(chosen, [A, B, A, B])

    @readable
    @given(
        st.lists(
            st.tuples(st.sampled_from("+-c"), st.sampled_from([A, B, C])), max_size=30
        ),
        st.lists(st.sampled_from([A, B, C]), min_size=1, unique=True),
        st.integers(0, 9),
    )
    def test_rested_only_without_others(
        self, history: list[tuple[str, str]], addresses: list[str], seed: int
    ) -> None:
        """One that rests is chosen only when all do; what is chosen is on offer."""
        clock = MemoryReactorClock()
        rest = Rest(clock)
        dice = Random(seed)
        for what, address in history:
            clock.advance(13)
            if what == "c":
                rest.choose([address], dice)
            else:
                (rest.clear if what == "+" else rest.fail)(address)
        awake = [each for each in addresses if not rest.rests(each)]
        self.assertIn(rest.choose(addresses, dice), awake or addresses)


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
