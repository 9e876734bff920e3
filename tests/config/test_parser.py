"""Tokens to items, and how the reading finds its way after a slip."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.grammar import (
    DEEPEST,
    Assignment,
    Inclusion,
    Item,
    Stanza,
    Words,
)
from mcmtpush.config.parser import read_items
from mcmtpush.config.tokens import Faults, Token, read_tokens
from tests.config.samples import SAMPLE
from tests.config.strategies import HOSTILE
from tests.support.case import TestCase, readable


def plain(item: Item) -> Any:
    """An item as tuples, lists and dicts of texts."""
    if isinstance(item, Inclusion):
        return (item.directive.text, item.target.text)
    if isinstance(item, Stanza):
        name = item.instance.text if item.instance else None
        return (item.name.text, name, [plain(inner) for inner in item.items])
    value = item.value
    if value is None:
        return (item.name.text, "=", None)
    if isinstance(value, Token):
        return (item.name.text, "=", value.text)
    if isinstance(value, Words):
        return (item.name.text, "=", [word.text for word in value.items])
    return (item.name.text, "=", {key.text: word.text for key, word in value.items})


def read(text: str) -> tuple[list[Any], list[str]]:
    """Items as `plain` shows them, faults as `line:column: message`."""
    faults = Faults("x")
    items = read_items(read_tokens(text, faults), faults)
    return [plain(i) for i in items], [
        f"{e.line}:{e.column}: {e.message}" for e in faults.errors
    ]


_NAMES = st.text("ab_", min_size=1)
_QUOTED = st.text("a =\n{}()[],;/#*' ").map(lambda text: (f'"{text}"', text))
_BARE = st.text("ab/.:-*'", min_size=1).filter(
    lambda text: "/*" not in text and text[0] != "'"
)
_SCALARS = st.one_of(_QUOTED, _BARE.map(lambda text: (text, text)))
_LISTS = st.lists(_SCALARS).map(
    lambda words: (f"( {' , '.join(w for w, _ in words)} )", [v for _, v in words])
)
_DICTS = st.dictionaries(_NAMES, _SCALARS).map(
    lambda pairs: (
        "[" + " ".join(f'"{key}"={word}' for key, (word, _) in pairs.items()) + " ]",
        {key: value for key, (_, value) in pairs.items()},
    )
)
_OPTIONS = st.tuples(_NAMES, st.one_of(_SCALARS, _LISTS, _DICTS)).map(
    lambda pair: (f"{pair[0]} = {pair[1][0]}", (pair[0], "=", pair[1][1]))
)
_ITEMS = st.recursive(
    _OPTIONS,
    lambda inner: st.tuples(_NAMES, st.none() | _SCALARS, st.lists(inner)).map(
        lambda t: (
            f"{t[0]} {t[1][0] if t[1] else ''} {{ {' '.join(w for w, _ in t[2])} }}",
            (t[0], t[1][1] if t[1] else None, [v for _, v in t[2]]),
        )
    ),
    max_leaves=12,
)


class ProductionTests(TestCase):
    """Every production, in every spelling it has."""

    def test_options(self) -> None:
        """Scalars, lists with and without commas, dictionaries with and without `=`."""
        self.assertEqual(
            read(
                'a = b c="d e" f =\n g h = () i = ( j "k", l,) '
                'm = [ n = o "p" = q ] r [] '
            ),
            (
                [
                    ("a", "=", "b"),
                    ("c", "=", "d e"),
                    ("f", "=", "g"),
                    ("h", "=", []),
                    ("i", "=", ["j", "k", "l"]),
                    ("m", "=", {"n": "o", "p": "q"}),
                    ("r", "=", {}),
                ],
                [],
            ),
        )

    def test_scopes(self) -> None:
        """Named, anonymous, nested, empty, on many lines, with a stray `=`."""
        self.assertEqual(
            read('a{} b "c"\n{ d = {e f = {g=1}} h /i/ { } domain /j k/{} }'),
            (
                [
                    ("a", None, []),
                    (
                        "b",
                        "c",
                        [
                            ("d", None, [("e", "f", [("g", "=", "1")])]),
                            ("h", "/i/", []),
                            ("domain", "/j k/", []),
                        ],
                    ),
                ],
                [],
            ),
        )

    def test_includes(self) -> None:
        """Anywhere, in any case, quoted or not."""
        self.assertEqual(
            read('Include x.conf a { READONLY_include "y z" }'),
            ([("Include", "x.conf"), ("a", None, [("READONLY_include", "y z")])], []),
        )

    def test_the_value_on_the_next_line(self) -> None:
        """A value may stand below its `=`, whatever comes after it."""
        for after in ("\nb = c", "\nd {", "\ne f {", " d { }", " b = ( c )", "}"):
            items, _ = read(f"a =\n  value{after}")
            self.assertEqual(items[0], ("a", "=", "value"), after)

    @readable
    @given(st.lists(_ITEMS))
    def test_what_is_written_is_read(self, written: list[tuple[str, Any]]) -> None:
        """Random trees, rendered, read back the same."""
        text = "\n".join(text for text, _ in written)
        self.assertEqual(read(text), ([value for _, value in written], []))


class RecoveryTests(TestCase):
    """One slip, one fault, and the next item is read."""

    def check(self, text: str, fault: str, items: list[Any] | None = None) -> None:
        """`good = 1` behind the slip must be read, and nothing else reported."""
        found, faults = read(text + "\ngood = 1\n")
        self.assertEqual(faults, [fault])
        self.assertEqual(found[-1], ("good", "=", "1"))
        if items is not None:
            self.assertEqual(found[:-1], items)

    def test_missing_equals(self) -> None:
        """Between a name and its value, or before a list."""
        self.check("a b", '1:1: "a" "b": "=" is missing between, or "{" behind', [])
        self.check("a ( b )", '1:1: "=" is missing before the list of "a"')

    def test_missing_value(self) -> None:
        """At the end of a line, of a scope, before a scope."""
        bare = ("a", "=", None)
        text = 'option "a" has no value'
        self.check("a =", f"1:1: {text}", [bare])
        self.check("s { a = }", f"1:5: {text}", [("s", None, [bare])])
        self.check('a =\nd "x" { }', f"1:1: {text}", [bare, ("d", "x", [])])
        self.check("a =\nd { }", f"1:1: {text}", [bare, ("d", None, [])])

    def test_a_name_alone(self) -> None:
        """Neither option nor scope."""
        text = '"a" alone: an option needs "=" and a value, a scope a "{"'
        self.check("a", f"1:1: {text}", [])
        self.check("s { a }", f"1:5: {text}", [("s", None, [])])

    def test_values_with_blanks(self) -> None:
        """The second word is the one that is reported."""
        text = '1:10: "Doe" behind a value: put values that contain blanks in quotes'
        self.check("a = John Doe", text, [("a", "=", "John")])

    def test_values_with_equals(self) -> None:
        """In a list, over one line or several, and as a value."""
        problem = 'a value that contains "=" must stand in quotes'
        self.check("a = ( x?y=1 )", f"1:10: {problem}", [("a", "=", ["x?y", "1"])])
        self.check("a = (\n x?y=1\n)", f"2:5: {problem}", [("a", "=", ["x?y", "1"])])
        self.check(
            "a = b=c",
            '1:6: a "=" without a name; values that contain "=" stand in quotes',
        )
        self.check("a == b", '1:4: "=" stands twice', [("a", "=", "b")])

    def test_open_lists(self) -> None:
        """A list ends where an option or a scope begins."""
        fault = '1:5: a "(" that is never closed'
        self.check("a = ( b", fault, [("a", "=", ["b"])])
        self.check("a = ( b\nc d { }", fault, [("a", "=", ["b"]), ("c", "d", [])])
        self.check("a = ( b\nc\n{ }", fault, [("a", "=", ["b"]), ("c", None, [])])
        self.check("s { a = (b }", '1:9: a "(" that is never closed')

    def test_open_dictionaries(self) -> None:
        """A dictionary ends where a scope begins or ends."""
        fault = '1:9: a "[" that is never closed'
        self.check("s { a = [ b = c }", fault, [("s", None, [("a", "=", {"b": "c"})])])
        self.check(
            "s { a = [ b = c\n l d { } }",
            fault,
            [("s", None, [("a", "=", {"b": "c"}), ("l", "d", [])])],
        )

    def test_wrong_brackets(self) -> None:
        """They close all the same."""
        self.check("a = ( b ]", '1:9: "]" closes the "(" of line 1: write ")"')
        self.check("a = [ b = c )", '1:13: ")" closes the "[" of line 1: write "]"')
        self.check("a = ( b ( c ) )", "1:9: a list holds single values only")
        self.check("a = ( b [ c ] )", "1:9: a list holds single values only")

    def test_broken_dictionaries(self) -> None:
        """The pair is left out, the rest is kept."""
        missing = 'key "b" has no value, as in [ key = "a" ]'
        self.check("a = [ b c = d ]", f"1:7: {missing}", [("a", "=", {"c": "d"})])
        self.check("a = [ b = ]", f"1:7: {missing}", [("a", "=", {})])
        self.check(
            "a = [ = b = c ]", '1:7: "=" where a key belongs, as in [ key = "a" ]'
        )

    def test_marks_out_of_place(self) -> None:
        """They are passed by."""
        self.check("a = b, c = d", '1:6: a ",": nothing stands between two options')
        self.check("a = b )", '1:7: a ")" out of place', [("a", "=", "b")])
        self.check("{ a = b }", '1:1: a "{" without the name of a scope before it', [])
        self.check("a { } }", '1:7: a "}" that closes nothing', [("a", None, [])])

    def test_quoted_names(self) -> None:
        """A name takes no quotes, but it is clear what is meant."""
        text = '1:1: "a" in quotes where the name of an option or scope belongs'
        self.check('"a" = b', text, [("a", "=", "b")])
        self.check('"a"', text, [])

    def test_broken_scope_headers(self) -> None:
        """A word too many opens the scope; a missing brace costs its other brace."""
        text = '"l" "x": "=" is missing between, or "{" behind'
        self.check("l x y { a = b }", f"1:1: {text}", [("l", "x", [("a", "=", "b")])])
        self.check("s {\nl x\n a = b\n}\n}", f"2:1: {text}")

    def test_strays_behind_another_fault(self) -> None:
        """A brace and an `=` of their own are reported, whatever stands before."""
        missing = '"a" "b": "=" is missing between, or "{" behind'
        nothing = 'a "}" that closes nothing'
        stray = 'a "=" without a name; values that contain "=" stand in quotes'
        for text, faults in (
            ("a b\n}\n}", [f"1:1: {missing}", f"2:1: {nothing}", f"3:1: {nothing}"]),
            ("a b\nc = d\n}", [f"1:1: {missing}", f"3:1: {nothing}"]),
            ("a b\n= c\n}", [f"1:1: {missing}", f"2:1: {stray}", f"3:1: {nothing}"]),
            ("= a\n= b\n}", [f"1:1: {stray}", f"2:1: {stray}", f"3:1: {nothing}"]),
        ):
            items, found = read(text + "\ngood = 1")
            self.assertEqual(found, faults, text)
            self.assertEqual(items[-1], ("good", "=", "1"))

    def test_includes(self) -> None:
        """Without a file, and with an `=`."""
        self.check("include", '1:1: "include" names no file', [])
        self.check("include = x", '1:9: "include" takes no "="', [("include", "x")])

    def test_scopes_that_are_never_closed(self) -> None:
        """Each is named where it was opened, and marked."""
        faults = Faults("x")
        items = read_items(read_tokens("a {\n b c {\n d = e", faults), faults)
        self.assertEqual(
            [f"{e.line}: {e.message}" for e in faults.errors],
            ['2: the "{" of "b" is never closed', '1: the "{" of "a" is never closed'],
        )
        outer = items[0]
        assert isinstance(outer, Stanza)
        self.assertFalse(outer.closed)
        inner = outer.items[0]
        assert isinstance(inner, Stanza)
        self.assertFalse(inner.closed)
        self.assertIsInstance(inner.items[0], Assignment)

    def test_depth_has_an_end(self) -> None:
        """Deep nesting is a fault, not a deep stack."""
        text = "a {\n" * 2000 + "}\n" * 2000
        items, faults = read(f"{text} good = 1")
        self.assertEqual(
            faults, [f"{DEEPEST + 1}:1: scopes stand more than {DEEPEST} levels deep"]
        )
        self.assertEqual(items[-1], ("good", "=", "1"))

    def test_any_one_character_less(self) -> None:
        """No typo in a whole file raises a flood."""
        for at in range(len(SAMPLE)):
            _, faults = read(SAMPLE[:at] + SAMPLE[at + 1 :])
            self.assertLessEqual(len(faults), 3, (SAMPLE[at - 5 : at + 5], faults))

    @readable
    @given(HOSTILE)
    def test_any_text_is_read(self, text: str) -> None:
        """No text raises, and every fault has a place in the text."""
        faults = Faults("x")
        read_items(read_tokens(text, faults), faults)
        lines = text.split("\n")
        for error in faults.errors:
            self.assertLessEqual(1, error.line)
            self.assertLessEqual(error.line, len(lines))
            self.assertLessEqual(error.column, len(lines[error.line - 1]) + 1)
