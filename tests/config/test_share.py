"""One object for each definition."""

from __future__ import annotations

from mcmtpush.config.options import OPTIONS
from mcmtpush.config.scopes import Resolved, resolve
from mcmtpush.config.share import Shares
from mcmtpush.config.tree import Place, Setting
from mcmtpush.config.units import Throttle
from tests.config.samples import tree
from tests.support.case import TestCase


BEFORE = """
outbound_throttle_messages = 5
domain "E.com" { outbound_throttle_messages = 5 scope_max_outbound_connections = 7 }
"""
AFTER = """
# moved
domain "e.com" { scope_max_outbound_connections = 8 outbound_throttle_messages = 6 }
outbound_throttle_messages = 5
"""


def found(name: str, value: object) -> Resolved:
    """As if a stanza had said so."""
    setting = Setting(OPTIONS[name], value, Place("gw.conf", 1, 1))
    return Resolved(value, setting, None)


class SharesTests(TestCase):
    def test_by_identity(self) -> None:
        """Equal definitions are different ones; asking again changes nothing."""
        shares = Shares()
        one = found("outbound_throttle_messages", Throttle(5, 60))
        two = found("outbound_throttle_messages", Throttle(5, 60))
        first = shares.throttle(one)
        assert first is not None
        self.assertEqual((first.count, first.per_seconds), (5, 60.0))
        self.assertIs(shares.throttle(one), first)
        self.assertIsNot(shares.throttle(two), first)

    def test_limits(self) -> None:
        """So with numbers, of which 0 is one."""
        shares = Shares()
        none = found("scope_max_outbound_connections", 0)
        limit = shares.limit(none)
        assert limit is not None
        self.assertEqual(limit.count, 0)
        self.assertIs(shares.limit(none), limit)

    def test_read_again(self) -> None:
        """A definition is known again by its stanza, whatever its value and place."""
        rates, limits = [], []
        for text in (BEFORE, AFTER):
            root, shares = tree(text), Shares()
            (domain,) = root.children
            rate, limit = (
                OPTIONS["outbound_throttle_messages"],
                OPTIONS["scope_max_outbound_connections"],
            )
            for scope in (root, domain):
                rates.append(shares.throttle(resolve(rate, [scope])))
            limits.append(shares.limit(resolve(limit, [domain])))
        before, before_near, after, after_near = rates
        self.assertEqual(before, after)
        self.assertNotEqual(before, before_near)
        self.assertNotEqual(before_near, after_near)
        assert before_near and after_near and limits[0] and limits[1]
        self.assertEqual(before_near.definition, after_near.definition)
        self.assertEqual(limits[0].definition, limits[1].definition)
        self.assertNotEqual(limits[0].definition, before_near.definition)
        self.assertEqual([each.count for each in limits if each], [7, 8])

    def test_nothing(self) -> None:
        """Defaults, a rate of 0 and negative numbers are no limits."""
        shares = Shares()
        self.assertIsNone(shares.throttle(Resolved(None, None, None)))
        self.assertIsNone(shares.limit(Resolved(20000, None, None)))
        self.assertIsNone(
            shares.throttle(found("outbound_throttle_messages", Throttle(0, 9)))
        )
        self.assertIsNone(shares.limit(found("scope_max_outbound_connections", -1)))
