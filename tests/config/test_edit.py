"""Changing settings where they stand, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.edit import Page, Written
from mcmtpush.config.tokens import Faults, Kind, read_tokens
from tests.support.case import TestCase, readable


def find(page: Page, option: str) -> Written:
    """The setting of an option that stands once."""
    (token,) = (t for t in read_tokens(page.text, Faults("")) if t.text == option)
    return page.setting(token.line, token.column)


class EditCase(TestCase):
    """A text before and after."""

    def removed(self, text: str, option: str = "b", *added: str) -> str:
        """Without a setting, perhaps with others instead."""
        page = Page(text)
        setting = find(page, option)
        page.remove(setting)
        for line in added:
            page.add(setting, line)
        return page.edited()

    def added(self, text: str, *lines: str, option: str = "b") -> str:
        """With settings behind one."""
        page = Page(text)
        for line in lines:
            page.add(find(page, option), line)
        return page.edited()


class ExtentTests(EditCase):
    """Where a setting begins and ends."""

    def test_shapes(self) -> None:
        """Words, quotes with escapes, lists and dictionaries, over several lines."""
        for value, words in (
            ("7", ["7"]),
            ("/a/b", ["/a/b"]),
            ('"x \\" y"', ['x " y']),
            ("'a c'", ["a c"]),
            ("( a 'd' # no )\n  \"c\" )", ["a", "d", "c"]),
            ('[ "k" = v ]', ["k", "v"]),
            ("[::1]:2525", ["[::1]:2525"]),
        ):
            page = Page(f"a = 1 b = {value} c = 2")
            setting = find(page, "b")
            self.assertEqual([word.text for word in setting.words], words)
            self.assertEqual(page.text[setting.start : setting.end], f"b = {value}")

    def test_without_equals(self) -> None:
        """A dictionary may stand without the sign."""
        page = Page("b [ k = v ]")
        self.assertEqual(find(page, "b").end, len(page.text))


class ChangeTests(EditCase):
    """One change at a time, and several."""

    def test_replace(self) -> None:
        """One word of a list, quotes and all."""
        page = Page("b = ( one 'two' \"three\" )  # two\n")
        for word, text in zip(find(page, "b").words[1:], ("2", '"3"'), strict=True):
            page.replace(word, text)
        self.assertEqual(page.edited(), 'b = ( one 2 "3" )  # two\n')

    def test_remove(self) -> None:
        """The line goes with it, and its comment, unless it holds something else."""
        for text, expected in (
            ("a = 1\n  b = 2   # gone\nc = 3\n", "a = 1\nc = 3\n"),
            ("a = 1\r\nb = (\r\n 2 )\r\nc = 3\r\n", "a = 1\r\nc = 3\r\n"),
            ("d { a = 1 b = 2 c = 3 }", "d { a = 1 c = 3 }"),
            ("d { b = 2 }", "d { }"),
            ("b = 2", ""),
            ("b = 2\n", ""),
        ):
            self.assertEqual(self.removed(text), expected, text)

    def test_add(self) -> None:
        """Behind the line with its indent, or on the line when that goes on."""
        for text, expected in (
            ("d {\n\tb = 2 # why\n}\n", "d {\n\tb = 2 # why\n\tx = 1\n\ty = 2\n}\n"),
            ("b = 2", "b = 2\nx = 1\ny = 2"),
            ("b = 2\r\nc = 3", "b = 2\r\nx = 1\r\ny = 2\r\nc = 3"),
            ("d { b = 2 }", "d { b = 2 x = 1 y = 2 }"),
            ("b = 2 c = 3 # why", "b = 2 x = 1 y = 2 c = 3 # why"),
            ("  b = (\n    2 )\n", "  b = (\n    2 )\n    x = 1\n    y = 2\n"),
        ):
            found = self.added(text, "x = 1", "y = 2", "x = 1")
            self.assertEqual(found, expected, text)

    def test_exchange(self) -> None:
        """What is removed makes room for what is added."""
        for text, expected in (
            ("d {\n  b = 2 # why\n}", "d {\n  x = 1\n  y = 2 # why\n}"),
            ("d { b = 2 c = 3 }", "d { x = 1 y = 2 c = 3 }"),
        ):
            self.assertEqual(self.removed(text, "b", "x = 1", "y = 2"), expected)

    def test_removed_words_are_not_replaced(self) -> None:
        """What is gone is gone."""
        page = Page("a = 1 b = 2 c = 3")
        setting = find(page, "b")
        page.replace(setting.words[0], "7")
        page.remove(setting)
        self.assertEqual(page.edited(), "a = 1 c = 3")


_GAPS = st.sampled_from([" ", "\n", "\n  ", " # c\n", "\t/* b = 9 */ "])
_VALUES = st.sampled_from(["7", '"q"', "( x 'y' )", "'l'", "( 'z'\n )", '[ "k" = v ]'])


class PropertyTests(TestCase):
    """Whatever is changed, the other settings stay."""

    @readable
    @given(
        st.lists(st.tuples(_GAPS, _VALUES, _GAPS), min_size=1, max_size=5),
        st.data(),
    )
    def test_others_stay(
        self, written: list[tuple[str, str, str]], data: st.DataObject
    ) -> None:
        """After any mix of changes the words are what was asked for, in order."""
        names = [f"n{number}" for number in range(len(written))]
        page = Page(
            "".join(
                f"{before}{name} = {value}{after}"
                for name, (before, value, after) in zip(names, written, strict=True)
            )
        )
        wanted: list[str] = []
        for name, (_, value, _) in zip(names, written, strict=True):
            setting = find(page, name)
            words = [word.text for word in setting.words]
            change = data.draw(st.sampled_from(["keep", "replace", "remove"]))
            if change == "replace":
                page.replace(setting.words[0], '"new"')
                words[0] = "new"
            elif change == "remove":
                page.remove(setting)
            if change != "remove":
                wanted += [name, *words]
            if data.draw(st.booleans()):
                page.add(setting, f"added_{name} = 1")
                wanted += [f"added_{name}", "1"]
            self.assertIn(value[0], page.text[setting.start : setting.end])
        tokens = read_tokens(page.edited(), faults := Faults(""))
        self.assertEqual(faults.errors, [])
        found = [t.text for t in tokens if t.kind in {Kind.WORD, Kind.STRING}]
        self.assertEqual(found, wanted)
