"""Addresses that failed rest, the others take turns."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock

from mcmtpush.delivery.rest import KNOWN_LIMIT, Rest
from tests.delivery.addressing import A, B, C
from tests.delivery.stage import Always
from tests.support.case import TestCase, readable


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
