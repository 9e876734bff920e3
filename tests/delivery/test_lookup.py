"""Hosts that are looked up."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    DNSLookupError,
)

from tests.delivery.addressing import HOST, SIX, A, AddressCase, B


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
