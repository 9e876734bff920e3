"""One walk through the tokens of one file, and the ways on after a fault."""

from __future__ import annotations

import re
from typing import Protocol

from mcmtpush.config.tokens import Faults, Kind, Token


_NAME = re.compile(r"\w+")


class Placed(Protocol):
    """Whatever has a place in the file."""

    @property
    def line(self) -> int:
        """From 1."""

    @property
    def column(self) -> int:
        """From 1."""


class Cursor:
    """Where the reading is.  `tokens` ends with END, which is never passed."""

    def __init__(self, tokens: list[Token], faults: Faults) -> None:
        self._tokens = tokens
        self._faults = faults
        self._at = 0
        self._line_starts = _line_starts(tokens)

    def peek(self, ahead: int = 0) -> Token:
        """The next one, or one further ahead."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next one, and go on behind it."""
        token = self.peek()
        self._at += 1
        return token

    def fault(self, message: str, token: Placed) -> None:
        """Report what is wrong here."""
        self._faults.add(message, token.line, token.column)

    def begins_item(self, before: Token) -> bool:
        """Whether the next word is rather the name of the next item."""
        word, after = self.peek(), self.peek(1)
        if word.kind is not Kind.WORD or word.line == before.line:
            return False
        if after.is_scalar and after.line == word.line:
            name = after.kind is Kind.WORD and _NAME.fullmatch(after.text)
            return not name and self.peek(2).is_mark("{")
        return after.is_mark("={")

    def go_back(self, opened: Token) -> Token | None:
        """To the name that began the line of the token just taken, and return it.

        None, and nothing is done, unless that is a name on a line behind `opened`.
        """
        at = self._line_starts[self._at - 1]
        token = self._tokens[at]
        is_name = token.kind is Kind.WORD and _NAME.fullmatch(token.text) is not None
        if not is_name or token.line <= opened.line:
            return None
        self._at = at
        return token

    def skip_line(self, start: Token) -> None:
        """To a brace, or a word or `=` that begins a later line."""
        while not self.peek().is_mark("{}") and self.peek().kind is not Kind.END:
            token = self.peek()
            begins = token.kind is Kind.WORD or token.is_mark("=")
            if token.first and begins and token.line > start.line:
                return
            self.take()

    def skip_block(self) -> None:
        """Behind the brace that closes the one just taken."""
        depth = 1
        while depth and self.peek().kind is not Kind.END:
            token = self.take()
            depth += token.is_mark("{") - token.is_mark("}")


def _line_starts(tokens: list[Token]) -> list[int]:
    """For each token, which one is the first of its line."""
    starts: list[int] = []
    for index, token in enumerate(tokens):
        starts.append(index if token.first or not starts else starts[-1])
    return starts
