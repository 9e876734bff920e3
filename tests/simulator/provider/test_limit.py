"""The stream limit: what is told, and what counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.limit import StreamLimit
from tests.support.case import TestCase, readable


class LimitTests(TestCase):
    def test_first_success(self) -> None:
        """From one to all, once."""
        limit = StreamLimit(1, 1000, 1)
        self.assertEqual((limit.begin(), limit.allowed), (1, 1))
        self.assertEqual((limit.after_success(), limit.allowed), (1000, 1000))
        self.assertIsNone(limit.after_success())

    def test_an_error(self) -> None:
        """Down to one when the client knows it; up at once."""
        limit = StreamLimit(1000, 1000, 1)
        limit.begin()
        limit.acknowledge()
        self.assertEqual((limit.after_error(), limit.allowed), (1, 1000))
        self.assertIsNone(limit.after_error())
        limit.acknowledge()
        self.assertEqual(limit.allowed, 1)
        self.assertEqual((limit.after_success(), limit.allowed), (1000, 1000))

    def test_an_error_before_the_first_success(self) -> None:
        """It raises nothing."""
        limit = StreamLimit(1, 1000, 5)
        limit.begin()
        self.assertIsNone(limit.after_error())

    @readable
    @given(st.lists(st.sampled_from(["good", "bad", "ack", 0, 3, 7])))
    def test_never_less_than_the_client_knows(self, steps: list[str | int]) -> None:
        """Any number that it may still believe in is allowed."""
        limit = StreamLimit(1, 10, 2)
        limit.begin()
        known, underway = 1, [1]
        for step in steps:
            if step == "ack":
                limit.acknowledge()
                known = underway.pop(0) if underway else known
            else:
                said = {"good": limit.after_success, "bad": limit.after_error}.get(
                    str(step), lambda step=step: limit.tell(int(step))
                )()
                underway += [] if said is None else [said]
            self.assertEqual(limit.allowed, max(known, *underway, 0))
            self.assertEqual(limit.told, underway[-1] if underway else known)
