"""The value of an option as words: a scalar, a list or a dictionary.

A list or dictionary that is never closed ends where the next item seems to begin.
"""

from __future__ import annotations

from mcmtpush.config.cursor import Cursor
from mcmtpush.config.grammar import Pairs, Value, Words
from mcmtpush.config.tokens import Kind, Token, shown


class ValueReader:
    """Reads values where `cursor` stands."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def read(self, name: Token, equals: Token) -> Value | None:
        """Behind the `=` of an option; None where it was left out."""
        token = self._cursor.peek()
        if token.is_mark("("):
            return self.read_list()
        if token.is_mark("["):
            return self.read_dict()
        if token.is_scalar and not self._cursor.begins_item(equals):
            return self._cursor.take()
        self._cursor.fault(f"option {shown(name.text)} has no value", name)
        return None

    def read_list(self) -> Words:
        """In parentheses."""
        opened = self._cursor.take()
        items: list[Token] = []
        inner = 0
        while not self._cursor.peek().is_mark(")]") or inner:
            token = self._cursor.peek()
            if self._ends_early(opened, items):
                return Words(tuple(items), opened.line, opened.column)
            self._cursor.take()
            if token.is_scalar:
                items.append(token)
            elif token.is_mark("="):
                self._cursor.fault(
                    'a value that contains "=" must stand in quotes', token
                )
            elif not token.is_mark(","):
                inner += 1 if token.is_mark("([") else -1
                self._cursor.fault("a list holds single values only", token)
        self._closing(")", opened)
        return Words(tuple(items), opened.line, opened.column)

    def _ends_early(self, opened: Token, items: list[Token]) -> bool:
        """Whether what comes next shows that a list was never closed.

        A name that began a line is then given back: it belongs to the next item.
        """
        token = self._cursor.peek()
        name = self._cursor.go_back(opened) if token.is_mark("={[") else None
        if name is not None:
            items[:] = [
                i for i in items if (i.line, i.column) < (name.line, name.column)
            ]
        elif not token.is_mark("{}") and token.kind is not Kind.END:
            return False
        self._cursor.fault('a "(" that is never closed', opened)
        return True

    def read_dict(self) -> Pairs:
        """In brackets."""
        opened = self._cursor.take()
        items: list[tuple[Token, Token]] = []
        while not self._cursor.peek().is_mark(")]"):
            key = self._cursor.peek()
            if self._ends_dict(opened):
                self._cursor.fault('a "[" that is never closed', opened)
                return Pairs(tuple(items), opened.line, opened.column)
            self._cursor.take()
            if key.is_scalar:
                items.extend(self._pair(key))
            elif not key.is_mark(","):
                text = shown(key.text)
                self._cursor.fault(
                    f'{text} where a key belongs, as in [ key = "a" ]', key
                )
        self._closing("]", opened)
        return Pairs(tuple(items), opened.line, opened.column)

    def _ends_dict(self, opened: Token) -> bool:
        key = self._cursor.peek()
        if key.is_mark("{}") or key.kind is Kind.END:
            return True
        lost = key.kind is Kind.WORD and key.first and key.line > opened.line
        return lost and not self._cursor.peek(1).is_mark("=],")

    def _pair(self, key: Token) -> list[tuple[Token, Token]]:
        if self._cursor.peek().is_mark("=") and self._cursor.peek(1).is_scalar:
            self._cursor.take()
            return [(key, self._cursor.take())]
        self._cursor.fault(
            f'key {shown(key.text)} has no value, as in [ key = "a" ]', key
        )
        if self._cursor.peek().is_mark("="):
            self._cursor.take()
        return []

    def _closing(self, wanted: str, opened: Token) -> None:
        token = self._cursor.take()
        if token.text != wanted:
            self._cursor.fault(
                f'"{token.text}" closes the "{opened.text}" of line {opened.line}: '
                f'write "{wanted}"',
                token,
            )
