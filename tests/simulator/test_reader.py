"""Scripts: text to values, and faults told so that they can be mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import ConfigErrors
from mcmtpush.simulator.reader import read_script
from mcmtpush.simulator.script import Action, Answer, Http2, Rule, Script
from mcmtpush.simulator.vocabulary import ANSWER, HTTP2, RULE, SCRIPT
from tests.support.case import TestCase, readable


FULL = b"""
{
  "seed": 7,
  "linger": 1,
  "simple_payload_limit": 2048,
  "zero_for_empty_token": true,
  "answer": {"delay": 0.5, "gap": 0.1},
  "rules": [
    {"do": "refuse", "status": 8, "every": 10, "counting": "server"},
    {"do": "refuse", "status": 8, "token": "FFff00", "pieces": [1, 2, 3]},
    {"do": "refuse", "status": 1, "chance": 0.25, "times": 3, "end": "reset"},
    {"do": "shutdown", "after": 20, "behind": 3, "connection": [2, 4]},
    {"do": "close", "after": 0, "connection": 1, "delay": 0},
    {"do": "reset", "identifier": 77},
    {"do": "stall", "after": 5, "seconds": 2.5},
    {"do": "refuse", "status": 255, "after": 9, "answer_identifier": 0}
  ]
}
"""


def faults_of(content: Any) -> list[str]:
    """The lines that a script is answered with."""
    try:
        read_script(orjson.dumps(content), "s.json")
    except ConfigErrors as errors:
        return [error.message for error in errors.errors]
    return []


def rule_faults(**rule: Any) -> list[str]:
    """The lines that one rule is answered with."""
    return faults_of({"rules": [rule]})


class DocumentationTests(TestCase):
    def test_the_example_is_a_script(self) -> None:
        """The scripts in the reference are some, and use every action."""
        page = Path(__file__).parents[2] / "docs" / "reference" / "simulator.md"
        examples = page.read_text().split("```json\n")[1:]
        scripts = [read_script(text.split("```")[0].encode()) for text in examples]
        used = {rule.action for script in scripts for rule in script.rules}
        self.assertEqual(used, set(Action))

    def test_every_name_is_documented(self) -> None:
        """The reference has a row for every name of the format."""
        page = Path(__file__).parents[2] / "docs" / "reference" / "simulator.md"
        text = page.read_text()
        names = {*SCRIPT, *RULE, *ANSWER, *HTTP2} - {"do", "seconds", "status"}
        missing = {name for name in names if f"\n| `{name}` |" not in text}
        self.assertEqual(missing, set())


class ReadScriptTests(TestCase):
    def test_nothing_is_the_default(self) -> None:
        """An empty object makes no faults of its own."""
        self.assertEqual(read_script(b"{}"), Script())

    def test_everything(self) -> None:
        """Every name of the format arrives where it belongs."""
        shared = Answer(delay_seconds=0.5, gap_seconds=0.1)
        refuse = Action.REFUSE
        expected = Script(
            seed=7,
            linger_seconds=1.0,
            simple_payload_limit=2048,
            zero_for_empty_token=True,
            answer=shared,
            rules=(
                Rule(
                    action=refuse, status=8, every=10, counting="server", answer=shared
                ),
                Rule(
                    action=refuse,
                    status=8,
                    token=b"\xff\xff\x00",
                    answer=Answer(0.5, 0, (1, 2, 3), 0.1),
                ),
                Rule(
                    action=refuse,
                    status=1,
                    chance=0.25,
                    times=3,
                    answer=Answer(0.5, 0, (6,), 0.1, reset=True),
                ),
                Rule(
                    action=Action.SHUTDOWN,
                    after=20,
                    connections=frozenset({2, 4}),
                    answer=Answer(0.5, 3, (6,), 0.1),
                ),
                Rule(
                    action=Action.CLOSE,
                    after=0,
                    connections=frozenset({1}),
                    answer=Answer(0.0, 0, (6,), 0.1),
                ),
                Rule(action=Action.RESET, identifier=77, answer=shared),
                Rule(action=Action.STALL, after=5, seconds=2.5, answer=shared),
                Rule(
                    action=refuse,
                    status=255,
                    after=9,
                    answer=Answer(0.5, 0, (6,), 0.1, identifier=0),
                ),
            ),
        )
        self.assertEqual(read_script(FULL), expected)

    def test_behind_without_delay_is_bounded(self) -> None:
        """Waiting for frames that may never come ends after five seconds."""
        script = read_script(b'{"rules": [{"do": "close", "every": 2, "behind": 3}]}')
        self.assertEqual(script.rules[0].answer, Answer(delay_seconds=5.0, behind=3))

    def test_broken_json_has_its_place(self) -> None:
        """What is no JSON is told with line and column."""
        with self.assertRaises(ConfigErrors) as caught:
            read_script(b'{\n  "seed": }', "s.json")
        (error,) = caught.exception.errors
        self.assertEqual((error.file, error.line), ("s.json", 2))
        self.assertTrue(str(error).startswith("s.json:2:"))

    def test_wrong_shapes(self) -> None:
        """A script is an object, its answer too, its rules a list of objects."""
        self.assertEqual(faults_of([]), ["the script: is to be an object"])
        self.assertEqual(faults_of({"answer": 1}), ["answer: is to be an object"])
        self.assertEqual(faults_of({"rules": {}}), ["rules: is to be a list of rules"])
        self.assertEqual(faults_of({"rules": [1]}), ["rules[0]: is to be an object"])

    def test_unknown_names(self) -> None:
        """A name that does not exist is refused, with the nearest that does."""
        self.assertEqual(
            faults_of({"sead": 1, "xyzzy": 1}),
            ["sead: unknown name, did you mean seed?", "xyzzy: unknown name"],
        )
        self.assertEqual(
            faults_of({"answer": {"delai": 1}}),
            ["answer.delai: unknown name, did you mean delay?"],
        )
        self.assertEqual(
            rule_faults(do="close", after=1, dealy=3),
            ["rules[0].dealy: unknown name, did you mean delay?"],
        )

    def test_all_faults_at_once(self) -> None:
        """One reading tells everything that is wrong."""
        found = faults_of(
            {"seed": "x", "rules": [{"do": "close"}, {"do": "stall", "every": 0}]}
        )
        self.assertEqual(
            found,
            [
                (
                    'seed: "x" is no use here, '
                    "give a whole number from 0 to 9007199254740991"
                ),
                (
                    "rules[0]: needs exactly one of every, after, token, identifier, "
                    "chance; there is none"
                ),
                (
                    "rules[1].every: 0 is no use here, "
                    "give a whole number from 1 to 2147483648"
                ),
            ],
        )

    def test_wrong_values(self) -> None:
        """Each value is checked, and the answer says what could stand there."""
        wrong: list[tuple[str, Any, str]] = [
            ("status", 256, "give a whole number from 0 to 255"),
            ("status", True, "give a whole number from 0 to 255"),
            ("status", 8.0, "give a whole number from 0 to 255"),
            ("do", "explode", "give one of refuse, shutdown, close, reset, stall"),
            ("counting", 1, "give one of connection, server"),
            ("connection", 0, "give the number of a connection, from 1, or a list"),
            ("connection", [], "give the number of a connection, from 1, or a list"),
            ("times", 0, "give a whole number from 1 to"),
            ("delay", -1, "give a number from 0 to 3600"),
            ("pieces", [4, 3], "give a list of sizes that add up to at most 6"),
            ("pieces", [0], "give a list of sizes that add up to at most 6"),
            ("pieces", 6, "give a list of sizes that add up to at most 6"),
            ("end", "fin", "give one of close, reset"),
        ]
        for name, value, text in wrong:
            rule = {"do": "refuse", "status": 8, "every": 2, name: value}
            self.assertIn(text, " ".join(rule_faults(**rule)))
        for name, value in (("token", "xyz"), ("token", ""), ("token", 5)):
            text = " ".join(rule_faults(do="close", **{name: value}))
            self.assertIn("the first bytes of a token, or all", text)
        for value in (-0.1, 1.1, "x"):
            text = " ".join(rule_faults(do="close", chance=value))
            self.assertIn("give a number from 0 to 1", text)
        self.assertIn("256 or 2048", faults_of({"simple_payload_limit": 512})[0])
        self.assertIn("true or false", faults_of({"zero_for_empty_token": 1})[0])

    def test_reasons(self) -> None:
        """A reason that Apple does not have needs a status of its own."""
        self.assertEqual(
            rule_faults(do="refuse", every=2, reason="BadDevicetoken"),
            [
                (
                    "rules[0].reason: is no reason of Apple's, did you mean "
                    "BadDeviceToken? (add http_status to send it)"
                )
            ],
        )
        own = {"do": "refuse", "every": 2, "reason": "Own", "http_status": 418}
        self.assertEqual(rule_faults(**own), [])

    def test_http2(self) -> None:
        """How the HTTP/2 half behaves is read as well."""
        content = {"streams": 5, "latency": 1, "channels": {"a.b": {"dHN0": 1}}}
        script = read_script(orjson.dumps({"http2": content}))
        expected = Http2(streams=5, latency_seconds=1, channels={"a.b": {"dHN0": 1}})
        self.assertEqual(script.http2, expected)
        for name, value, text in (
            ("streams", -1, "give a whole number from 0"),
            ("violation", "x", "give one of refuse, goaway, allow"),
            ("environment", "", "give one of development, production"),
            ("channels", {"a": {"b": 2}}, "with 0 or 1"),
            ("stream", 1, "did you mean streams?"),
        ):
            (line,) = faults_of({"http2": {name: value}})
            self.assertTrue(line.startswith(f"http2.{name}: "), line)
            self.assertIn(text, line)

    def test_who_a_rule_speaks_to(self) -> None:
        """Names of HTTP/2 make a rule its own; a status beside them does not."""
        both, own = {"apn", "apn2"}, {"apn2"}
        for rule, protocols in (
            ({"do": "refuse", "status": 8}, both),
            ({"do": "refuse", "status": 8, "reason": "Unregistered"}, both),
            ({"do": "refuse", "status": 8, "split": [1]}, own),
            ({"do": "refuse", "reason": "Unregistered"}, own),
            ({"do": "close", "protocol": "apn"}, {"apn"}),
            ({"do": "close", "protocol": "apn2"}, own),
            ({"do": "close", "topic": "a.b"}, own),
            ({"do": "ignore"}, own),
            ({"do": "stall"}, both),
        ):
            script = read_script(orjson.dumps({"rules": [{**rule, "every": 2}]}))
            self.assertEqual(script.rules[0].protocols, protocols, rule)

    def test_error_codes(self) -> None:
        """Codes are numbers or names."""
        for value, code in (("CANCEL", 8), (0, 0), (77, 77)):
            rule = {"do": "reset_stream", "every": 2, "code": value}
            script = read_script(orjson.dumps({"rules": [rule]}))
            self.assertEqual(script.rules[0].code, code)
        text = " ".join(rule_faults(do="reset_stream", every=2, code="NOPE"))
        self.assertIn("or one of NO_ERROR, PROTOCOL_ERROR", text)

    def test_rules_that_make_no_sense(self) -> None:
        """Names that do not go together are told apart."""
        self.assertEqual(
            rule_faults(do="refuse", status=8, every=2, token="ff"),
            [
                (
                    "rules[0]: needs exactly one of every, after, token, identifier, "
                    "chance; there is every and token"
                )
            ],
        )
        self.assertEqual(
            rule_faults(do="refuse", every=2),
            ["rules[0]: refuses without a status, add status"],
        )
        self.assertEqual(
            rule_faults(do="refuse", every=2, status=10),
            ["rules[0].status: 10 names the last good frame, use do = shutdown for it"],
        )
        self.assertEqual(
            rule_faults(do="close", every=2, status=8),
            ["rules[0].status: goes with do = refuse only"],
        )
        self.assertEqual(
            rule_faults(do="close", every=2, pieces=[3]),
            ["rules[0].pieces: goes with do = refuse or shutdown only"],
        )
        self.assertEqual(
            rule_faults(do="reset", every=2, seconds=3),
            ["rules[0].seconds: goes with do = stall or withhold only"],
        )
        self.assertEqual(
            rule_faults(do="close", token="ff", counting="server"),
            ["rules[0].counting: goes with every or after only"],
        )
        self.assertEqual(
            rule_faults(do="close", token="ff", span=2),
            ["rules[0].span: goes with every or after only"],
        )
        self.assertEqual(
            rule_faults(do="limit", every=2),
            ["rules[0]: says nothing without streams, add streams"],
        )
        self.assertEqual(
            rule_faults(do="ignore", every=2, protocol="apn"),
            ["rules[0].protocol: the rule has names that only apn2 understands"],
        )
        self.assertEqual(
            rule_faults(do="shutdown", every=2, split=[1]),
            ["rules[0].split: goes with do = refuse or accept only"],
        )
        self.assertEqual(rule_faults(every=2), ["rules[0]: says nothing to do, add do"])

    @readable
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 300) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            *("rules", "answer", "http2", "do", "status", "every"),
                            *("token", "pieces", "reason", "split", "streams"),
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=8,
        )
    )
    def test_never_raises_anything_else(self, content: Any) -> None:
        """Any JSON is a script or a list of faults."""
        faults_of(content)
        faults_of({"rules": [content]})
        self.assertTrue(faults_of({"rules": content}) or type(content) is list)
