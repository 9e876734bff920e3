"""When rules happen: scope, counting, spans; chance is in the tests of verdicts."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.occasion import ConnectionOccasions, Occasions
from mcmtpush.simulator.script import Action, Rule, Script
from tests.support.case import TestCase, readable


@frozen
class Asked:
    """Something that rules may look at."""

    token: bytes = b"t"
    identifier: int = 1
    topic: str | None = None
    push_type: str | None = None


def is_behind(rule: Rule) -> bool:
    return rule.action is Action.STALL


def occasions(*rules: Rule, protocol: str = "apn2") -> Occasions:
    return Occasions(Script(rules=rules), Random(0), protocol, is_behind)


def happens(connection: ConnectionOccasions, asked: Any = Asked()) -> bool:
    """Whether any rule happens on the next frame."""
    connection.count()
    return connection.find(asked) is not None


class ScopeTests(TestCase):
    def test_protocols(self) -> None:
        """A rule speaks to the halves it names, and keeps its place."""
        rules = (
            Rule(action=Action.REFUSE, every=1, protocols=frozenset({"apn"})),
            Rule(action=Action.CLOSE, every=1),
        )
        for protocol, place in (("apn", 0), ("apn2", 1)):
            connection = occasions(*rules, protocol=protocol).connect()
            connection.count()
            self.assertEqual(connection.find(Asked()), (place, rules[place]))

    def test_topics_and_push_types(self) -> None:
        """Only requests of these; what has none is not concerned."""
        for rule, asked in (
            (Rule(action=Action.CLOSE, every=1, topic="a.b"), Asked(topic="a.b")),
            (
                Rule(action=Action.CLOSE, every=1, push_type="mdm"),
                Asked(push_type="mdm"),
            ),
        ):
            connection = occasions(rule).connect()
            self.assertTrue(happens(connection, asked))
            self.assertFalse(happens(connection, Asked("x")))  # type: ignore[arg-type]
            self.assertFalse(happens(connection, object()))


class SpanTests(TestCase):
    def run_of(self, count: int, **rule: Any) -> list[int]:
        """The numbers of the frames on which a rule happens, of so many."""
        connection = occasions(Rule(action=Action.REFUSE, **rule)).connect()
        return [n for n in range(1, count + 1) if happens(connection)]

    def test_after(self) -> None:
        """So many in a row, on each connection or once on the server."""
        for counting in ("connection", "server"):
            run = self.run_of(9, after=2, span=3, counting=counting)
            self.assertEqual(run, [3, 4, 5])

    def test_every(self) -> None:
        """The multiple, and those behind it."""
        self.assertEqual(self.run_of(12, every=5, span=2), [5, 6, 10, 11])

    @readable
    @given(st.integers(1, 9), st.integers(1, 9))
    def test_every_starts_with_the_multiple(self, every: int, span: int) -> None:
        """Each multiple begins a run that the next one cuts off."""
        run = self.run_of(40, every=every, span=span)
        expected = [n for n in range(every, 41) if n % every < span]
        self.assertEqual(run, expected)

    def test_times_ends_it(self) -> None:
        """A rule that may happen twice happens no more often."""
        self.assertEqual(self.run_of(9, after=2, span=5, times=2), [3, 4])


class BehindTests(TestCase):
    def test_after_counts_first(self) -> None:
        """A rule that acts behind a frame is not found on it."""
        rule = Rule(action=Action.STALL, after=1)
        connection = occasions(rule).connect()
        self.assertIsNone(connection.find_behind())
        self.assertFalse(happens(connection))
        self.assertEqual(connection.find_behind(), (0, rule))
        connection.count()
        self.assertIsNone(connection.find_behind())
