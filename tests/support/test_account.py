"""The books beside a connection find what does not add up."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from tests.support.account import Account
from tests.support.apple import BINARY, HTTP2
from tests.support.case import TestCase
from tests.support.pipe import Pipe


class AccountTests(TestCase):
    """One connection that carried two messages, and what may be wrong with it."""

    def setUp(self) -> None:
        self.pipe = Pipe(Path(self.mktemp()).absolute())
        self.addCleanup(self.pipe.close)
        self.pipe.delivering = evolve(self.pipe.delivering, routes=(HTTP2,))

    def deliver(self) -> Account:
        self.pipe.inject()
        self.pipe.inject(token="no token")
        self.pipe.run(2)
        (account,) = self.pipe.accounts
        return account

    def test_adds_up(self) -> None:
        """Two were given, one was sent and accepted, one was not even sent."""
        account = self.deliver()
        account.check()
        self.assertEqual((account.given, account.unsent), (2, 1))
        self.assertEqual(dict(account.outcomes), {"Accepted": 1, "Refused": 1})

    def test_does_not_add_up(self) -> None:
        """One that never came back, one that came twice, and one that was not sent."""
        account = self.deliver()
        account.given += 1
        self.assertRaises(AssertionError, account.check)
        account.given -= 1
        account.outcomes["Accepted"] += 1
        self.assertRaises(AssertionError, account.check)
        account.outcomes["Accepted"] -= 1
        account.unsent += 1
        self.assertRaises(AssertionError, account.check)

    def test_ways(self) -> None:
        """A host that refuses is left for the next; which was asked is known."""
        behind = evolve(BINARY, preference=1)
        self.pipe.delivering = evolve(self.pipe.delivering, routes=(HTTP2, behind))
        self.pipe.ways[HTTP2.host] = "refuses"
        self.pipe.inject()
        self.pipe.run(5)
        self.assertEqual(self.pipe.asked, [HTTP2, behind])
        self.assertEqual(len(self.pipe.windows), 1)
