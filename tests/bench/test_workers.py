"""What is pinned aside, and what is shared out."""

from __future__ import annotations

import os

from bench import workers
from tests.support.case import TestCase


class AsideTests(TestCase):
    def test_the_last_core_for_a_while(self) -> None:
        """Whatever goes wrong meanwhile."""
        if not hasattr(os, "sched_getaffinity") or (os.cpu_count() or 1) < 2:
            self.skipTest("one core, or a system that does not pin")
        before = os.sched_getaffinity(0)
        with self.assertRaises(ValueError), workers.aside():
            self.assertEqual(os.sched_getaffinity(0), {max(before)})
            raise ValueError
        self.assertEqual(os.sched_getaffinity(0), before)


class PairTests(TestCase):
    def test_two_against_one(self) -> None:
        """With the same load."""
        two, one = workers.pair(dict, load=3)
        self.assertEqual((two.name, one.name), ("two workers", "one worker"))
        found = [each.run.keywords for each in (two, one)]  # type: ignore[attr-defined]
        self.assertEqual([each["workers"] for each in found], [2, 1])
        self.assertEqual([each["load"] for each in found], [3, 3])
        self.assertEqual(two.missing(), "")
