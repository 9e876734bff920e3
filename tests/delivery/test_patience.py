"""How long contact may fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.patience import GAP_SECONDS, Patience
from tests.support.case import TestCase, readable


class PatienceTests(TestCase):
    def test_ends(self) -> None:
        """It ends with the first failure that late, and begins anew."""
        patience = Patience(100)
        found = [patience.fail(now) for now in (0, 60, 99, 100, 160, 220, 259)]
        self.assertEqual(found, [False] * 3 + [True] + [False] * 3)
        self.assertTrue(patience.fail(260))

    def test_contact(self) -> None:
        """Contact makes up for everything before it."""
        patience = Patience(100)
        patience.fail(0)
        patience.clear()
        self.assertEqual([patience.fail(now) for now in (99, 198)], [False, False])
        self.assertTrue(patience.fail(199))

    def test_never(self) -> None:
        """0 is never."""
        patience = Patience(0)
        self.assertFalse(any(patience.fail(now) for now in range(0, 10**6, 500)))

    def test_long_pause(self) -> None:
        """When nobody tried for long, nobody failed for long."""
        patience = Patience(900)
        patience.fail(0)
        self.assertFalse(patience.fail(GAP_SECONDS + 1))
        self.assertFalse(patience.fail(1200))
        self.assertTrue(patience.fail(GAP_SECONDS + 901))

    @readable
    @given(st.lists(st.floats(0.1, 120), max_size=60), st.integers(1, 1000))
    def test_never_early(self, gaps: list[float], seconds: int) -> None:
        """Between two ends, failures in a row span at least so many seconds."""
        patience, now, since = Patience(seconds), 0.0, None
        for gap in gaps:
            now += gap
            since = now if since is None else since
            if patience.fail(now):
                self.assertGreaterEqual(now - since, seconds)
                since = None
            else:
                self.assertLess(now - since, seconds)
