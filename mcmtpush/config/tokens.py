"""Text to tokens: words, quoted strings and marks, each with its place.

Blanks, newlines, `# …` and `/* … */` only separate.  A fault never stops the
reading: the token is mended as far as possible and the reading goes on behind it.
What the tokens mean is the grammar's business, with one exception: the name of a
regex domain is read up to its closing slash.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from enum import Enum, auto

from attrs import define, field, frozen

from mcmtpush.errors import ConfigError


MOST_FAULTS = 50
"""Syntax errors reported of one file: whatever follows is hardly a configuration."""


class Kind(Enum):
    """What a token is; `END` is the last one of a file."""

    WORD = auto()
    STRING = auto()
    MARK = auto()
    END = auto()


@frozen
class Token:
    """One token; `text` of a STRING has its escapes resolved.

    Attributes:
        kind: what it is.
        text: the word, the string without quotes, or one of `{}[]()=,`.
        line, column: where it begins, counted from 1.
        first: whether it is the first token of its line.
    """

    kind: Kind
    text: str
    line: int
    column: int
    first: bool = False

    def is_mark(self, marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind is Kind.MARK and self.text in marks

    @property
    def is_scalar(self) -> bool:
        """Whether it can be a value."""
        return self.kind in {Kind.WORD, Kind.STRING}


@define
class Faults:
    """The syntax errors of one file: the first of each line, and not too many.

    One typo often breaks everything behind it on its line; only the first fault
    says something.
    """

    file: str
    errors: list[ConfigError] = field(factory=list)
    _lines: set[int] = field(factory=set)

    def add(self, message: str, line: int, column: int) -> None:
        """Report one, unless the line or the file has had enough."""
        if line in self._lines or len(self._lines) > MOST_FAULTS:
            return
        self._lines.add(line)
        if len(self._lines) > MOST_FAULTS:
            message = f"more than {MOST_FAULTS} syntax errors: the rest is not reported"
        self.errors.append(ConfigError(message, self.file, line, column))


def printable(text: str) -> str:
    """The text on one line, without anything a terminal might obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def shown(text: str) -> str:
    """A piece of foreign text as it stands in a message: quoted, printable, short."""
    return f'"{printable(text[:60])}…"' if len(text) > 60 else f'"{printable(text)}"'


def decode(data: bytes, faults: Faults) -> str:
    """The text of a file: UTF-8, with or without a byte order mark.

    Invalid bytes and NULs are reported and replaced by U+FFFD.
    """
    lines = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            line = raw.decode(errors="replace")
            column = len(raw[: error.start].decode(errors="replace")) + 1
            byte = f"0x{raw[error.start]:02X}"
            faults.add(
                f"byte {byte} is not UTF-8: save the file as UTF-8", number, column
            )
        if "\0" in line:
            faults.add(
                "a NUL character cannot stand here", number, line.index("\0") + 1
            )
        lines.append(line.replace("\0", "\ufffd"))
    return "\n".join(lines)


def read_tokens(text: str, faults: Faults) -> list[Token]:
    """All tokens of a text, `END` last; never raises."""
    return _Reader(text, faults).read()


def span_of(text: str, start: int) -> int:
    """Where the word, string or mark that begins at `start` ends, as written."""
    for pattern in (_STRING, _LITERAL, _ADDRESS, _BARE):
        found = pattern.match(text, start)
        if found:
            return found.end()
    return start + 1


_BLANKS = re.compile(r"[ \t\r\n\f\v]+|#[^\n]*|/\*.*?\*/", re.DOTALL)
_BARE = re.compile(r'(?:(?!/\*)[^ \t\r\n\f\v{}\[\]()=",#])+')
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_LITERAL = re.compile(r"'([^']*)'")
_REGEX = re.compile(r"/[^\n]+?(?<!\\)/(?=[ \t\r\n\f\v{]|\Z)")
_ADDRESS = re.compile(
    r"\[(?:\*|(?:ipv6:)?[0-9a-f]*:[0-9a-f:.]*|\d+(?:\.\d+){3})\](?::\d+)?",
    re.IGNORECASE,
)
_LINE = re.compile(r"[^\n]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {'"': '"', "\\": "\\", "r": "\r", "n": "\n", "t": "\t"}
_MISLEADING = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f", 'a typographic quote: write "'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "a typographic quote: write '"),
    **dict.fromkeys(
        "\u00a0\u2007\u202f\u200b\ufeff", "an invisible character: remove it"
    ),
}


class _Reader:
    """One walk through one text."""

    def __init__(self, text: str, faults: Faults) -> None:
        self._text = text
        self._faults = faults
        self._at = 0
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self._tokens: list[Token] = []
        self._brackets = 0
        self._last_comment_end = text.rfind("*/")
        self._rules: tuple[tuple[str, Callable[[], None]], ...] = (
            ('"', lambda: self._quoted(_STRING, '"')),
            ("'", lambda: self._quoted(_LITERAL, "'")),
            ("[", self._bracket),
            ("{}]()=,", self._mark),
            ("/", self._slash),
        )

    def read(self) -> list[Token]:
        while self._skip():
            char = self._text[self._at]
            rule = next((r for chars, r in self._rules if char in chars), self._bare)
            rule()
        self._append(Kind.END, "", len(self._text))
        return self._tokens

    def _skip(self) -> bool:
        """Pass what separates; whether anything is left."""
        while blanks := _BLANKS.match(self._text, self._at):
            self._at = blanks.end()
        return self._at < len(self._text)

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def _fault(self, message: str, at: int) -> None:
        self._faults.add(message, *self._place(at))

    def _append(self, kind: Kind, text: str, end: int) -> None:
        line, column = self._place(self._at)
        first = not self._tokens or self._tokens[-1].line != line
        self._tokens.append(Token(kind, text, line, column, first))
        self._at = end

    def _mark(self) -> None:
        char = self._text[self._at]
        if char in "{}":
            self._brackets = 0
        elif char in "([":
            self._brackets += 1
        elif char in ")]":
            self._brackets -= 1
        self._append(Kind.MARK, char, self._at + 1)

    def _bracket(self) -> None:
        address = _ADDRESS.match(self._text, self._at)
        if address:
            self._append(Kind.WORD, address[0], address.end())
        else:
            self._mark()

    def _quoted(self, pattern: re.Pattern[str], quote: str) -> None:
        found = pattern.match(self._text, self._at)
        if found and not self._runs_on(found):
            text = found[1]
            if quote == '"' and "\\" in text:
                text = _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[0]), text)
            self._append(Kind.STRING, text, found.end())
            return
        self._fault(f"a {quote} that is closed neither here nor later", self._at)
        line = _LINE.match(self._text, self._at + 1)
        rest = line[0].rstrip(" \t\r{}()[],") if line else ""
        self._append(Kind.STRING, rest, self._at + 1 + len(rest))

    def _runs_on(self, found: re.Match[str]) -> bool:
        """Whether the closing quote is rather the opening one of a later string."""
        if "\n" not in found[1]:
            return False
        after = self._text[found.end() : found.end() + 1]
        return bool(after) and (after.isalnum() or after in "\"'/:*-_.%<")

    def _slash(self) -> None:
        if self._text.startswith("/*", self._at):
            self._fault('a "/*" without its "*/"', self._at)
            self._at = len(self._text)
            return
        regex = _REGEX.match(self._text, self._at) if self._names_domain() else None
        if regex:
            self._append(Kind.WORD, regex[0], regex.end())
        else:
            self._bare()

    def _names_domain(self) -> bool:
        before = self._tokens[-2:]
        return (
            bool(before)
            and self._brackets <= 0
            and before[-1].kind is Kind.WORD
            and before[-1].text.lower() == "domain"
            and not before[0].is_mark("=")
        )

    def _bare(self) -> None:
        found = _BARE.match(self._text, self._at)
        assert found  # noqa: S101 - every other first character has its own rule
        text = found[0]
        for offset, char in enumerate(text):
            if char in _MISLEADING:
                self._fault(_MISLEADING[char], self._at + offset)
                break
        if text.endswith(";"):
            self._fault('a ";": nothing ends an option', found.end() - 1)
            text = text.rstrip(";")
        if text:
            self._append(Kind.WORD, text, found.end())
        else:
            self._at = found.end()
        self._open_comment(found.end())

    def _open_comment(self, at: int) -> None:
        """A `/*` inside a word that nothing closes is rather part of the word."""
        if self._text.startswith("/*", at) and self._last_comment_end < at + 2:
            self._fault('"/*" opens a comment: put this value in quotes', at)
            line = _LINE.match(self._text, at)
            self._at = line.end() if line else len(self._text)
