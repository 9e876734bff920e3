"""Changes to the text of a configuration, at the places of its settings.

What is not changed stays as it was written, comments and blanks included.  Knows
words and marks; which options are changed to what is for `config.migration`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from mcmtpush.config.tokens import Faults, Token, read_tokens, span_of


_CLOSING: Final = {"(": ")", "[": "]"}
_REST: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\r?\n|\Z)")
"""What may stand behind the last word of a line."""
_BLANKS: Final = re.compile(r"[ \t]*")
_NEWLINE: Final = re.compile(r"\r?\n")


@frozen(order=True)
class Edit:
    """The text from `start` to `end`, offsets, becomes `text`."""

    start: int
    end: int
    text: str


@frozen
class Written:
    """One `option = value` as it stands: the words of the value, and its extent."""

    words: tuple[Token, ...]
    start: int
    end: int


@define
class Page:
    """One file: where its settings stand, and what becomes of them."""

    text: str
    _tokens: list[Token] = field(init=False)
    _starts: list[int] = field(init=False)
    _replaced: dict[int, Edit] = field(factory=dict, init=False)
    _removed: dict[int, Written] = field(factory=dict, init=False)
    _added: dict[int, list[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = read_tokens(self.text, Faults(""))
        self._starts = [0, *(m.end() for m in re.finditer("\n", self.text))]

    def setting(self, line: int, column: int) -> Written:
        """The setting whose option begins at this place; there is one."""
        at = next(
            index
            for index, token in enumerate(self._tokens)
            if (token.line, token.column) == (line, column)
        )
        value = at + 2 if self._tokens[at + 1].is_mark("=") else at + 1
        closing = _CLOSING.get(self._tokens[value].text)
        end = value
        if closing and self._tokens[value].is_mark("(["):
            while not self._tokens[end].is_mark(closing):
                end += 1
        words = (one for one in self._tokens[value : end + 1] if one.is_scalar)
        return Written(tuple(words), self._span(at)[0], self._span(end)[1])

    def _span(self, index: int) -> tuple[int, int]:
        return self.extent(self._tokens[index])

    def extent(self, token: Token) -> tuple[int, int]:
        """Where a word begins and ends, quotes included."""
        start = self._starts[token.line - 1] + token.column - 1
        return start, span_of(self.text, start)

    def replace(self, token: Token, text: str) -> None:
        """Write something else for one word."""
        start, end = self.extent(token)
        self._replaced[start] = Edit(start, end, text)

    def remove(self, setting: Written) -> None:
        """Take a setting out, its lines with it where nothing else is on them."""
        self._removed[setting.end] = setting

    def add(self, setting: Written, line: str) -> None:
        """Write one more setting behind another, or in the place of a removed one."""
        lines = self._added.setdefault(setting.end, [])
        if line not in lines:
            lines.append(line)

    def edited(self) -> str:
        """The text with everything that was asked for."""
        ends = {**self._removed, **self._added}
        gone = [(each.start, each.end) for each in self._removed.values()]
        edits = [
            edit
            for edit in self._replaced.values()
            if not any(start <= edit.start < end for start, end in gone)
        ]
        text = self.text
        for edit in sorted([*edits, *map(self._around, ends)], reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text

    def _around(self, end: int) -> Edit:
        """What becomes of the setting that ends here and of the place behind it."""
        removed, added = self._removed.get(end), self._added.get(end, ())
        line = self._starts[bisect_right(self._starts, end - 1) - 1]
        rest = _REST.match(self.text, end)
        if removed is not None:
            line = self._starts[bisect_right(self._starts, removed.start) - 1]
            return self._exchange(removed, line, rest, added)
        if rest is None:
            return Edit(end, end, "".join(f" {one}" for one in added))
        margin = self._margin(line)
        text = "".join(margin + one for one in added)
        return Edit(rest.end(), rest.end(), text)

    def _exchange(
        self,
        removed: Written,
        line: int,
        rest: re.Match[str] | None,
        added: Sequence[str],
    ) -> Edit:
        alone = rest is not None and not self.text[line : removed.start].strip()
        if added:
            between = self._margin(line) if alone else " "
            return Edit(removed.start, removed.end, between.join(added))
        if rest is not None and alone:
            return Edit(line, _behind(_NEWLINE, self.text, rest.end()), "")
        return Edit(removed.start, _behind(_BLANKS, self.text, removed.end), "")

    def _margin(self, line: int) -> str:
        """A new line, indented like this one."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return newline + self.text[line : _behind(_BLANKS, self.text, line)]


def _behind(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the pattern ends that may stand at `at`."""
    found = pattern.match(text, at)
    return found.end() if found else at
