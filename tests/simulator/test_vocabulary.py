"""The words of scripts, held against the values they make."""

from __future__ import annotations

from attrs import fields
from h2.errors import ErrorCodes

from mcmtpush.simulator.script import Action, Answer, Http2, Rule, Script
from mcmtpush.simulator.vocabulary import (
    ACTIONS,
    ANSWER,
    ERROR_CODES,
    HTTP2,
    NEEDED,
    ONLY_FOR,
    RULE,
    SCRIPT,
    speakers,
)
from tests.support.case import TestCase


class TableTests(TestCase):
    def test_every_attribute_has_one_name(self) -> None:
        """And every name its attribute."""
        for table, made, elsewhere in (
            (ANSWER, Answer, set()),
            (RULE, Rule, {"answer"}),
            (HTTP2, Http2, set()),
            (SCRIPT, Script, {"answer", "http2", "rules"}),
        ):
            named = [attribute for attribute, _ in table.values()]
            self.assertEqual(len(set(named)), len(named))
            known = {field.name for field in fields(made)}
            self.assertEqual({*named, *elsewhere}, known)

    def test_every_action_has_its_word(self) -> None:
        """And whoever names actions names some that there are."""
        self.assertEqual(set(ACTIONS), {action.value for action in Action})
        for actions in ONLY_FOR.values():
            self.assertLessEqual(set(actions), ACTIONS.keys())
        for action, name in NEEDED.items():
            self.assertIn(action, ONLY_FOR[name])

    def test_error_codes(self) -> None:
        """They are those of HTTP/2."""
        self.assertEqual(ERROR_CODES, {code.name: code.value for code in ErrorCodes})


class SpeakerTests(TestCase):
    def test_names_decide(self) -> None:
        """Some are understood over HTTP/2 only."""
        self.assertEqual(speakers({"do": "close"}), {"apn", "apn2"})
        self.assertEqual(speakers({"do": "limit"}), {"apn2"})
        self.assertEqual(speakers({"do": "close", "topic": "a"}), {"apn2"})
        self.assertEqual(speakers({"do": ["x"]}), {"apn", "apn2"})
