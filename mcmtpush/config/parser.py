"""Tokens to the tree of `grammar`: options, scopes and includes.

A fault is reported and the reading goes on with what most likely is the next
item, so that one slip neither hides another nor looks like ten.
"""

from __future__ import annotations

from mcmtpush.config.cursor import Cursor
from mcmtpush.config.grammar import (
    DEEPEST,
    DIRECTIVES,
    Assignment,
    Inclusion,
    Item,
    Stanza,
)
from mcmtpush.config.tokens import Faults, Kind, Token, shown
from mcmtpush.config.value import ValueReader


def read_items(tokens: list[Token], faults: Faults) -> tuple[Item, ...]:
    """All items of a file; `tokens` ends with END.  Never raises."""
    return _Parser(Cursor(tokens, faults)).items(0)


class _Parser:
    """The items where `cursor` stands."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._values = ValueReader(cursor)
        self._depth = 0
        self._valued = 0  # the line on which the last option's word ended
        self._unopened = 0  # braces that were found missing

    def items(self, depth: int) -> tuple[Item, ...]:
        """Up to the brace that closes this depth, which is left to be taken."""
        found: list[Item] = []
        self._depth = depth
        while self._cursor.peek().kind is not Kind.END:
            if self._cursor.peek().is_mark("}"):
                if depth:
                    break
                self._closes_nothing(self._cursor.take())
                continue
            item = self._item(self._cursor.take())
            self._depth = depth
            if item is not None:
                found.append(item)
        return tuple(found)

    def _closes_nothing(self, brace: Token) -> None:
        if self._unopened:
            self._unopened -= 1
        else:
            self._cursor.fault('a "}" that closes nothing', brace)

    def _item(self, name: Token) -> Item | None:
        if not name.is_scalar:
            self._stray(name)
            return None
        if name.kind is Kind.STRING:
            self._unexpected(name)
        if name.text.lower() in DIRECTIVES:
            return self._inclusion(name)
        if self._cursor.peek().is_mark("="):
            return self._after_equals(name)
        if self._cursor.peek().is_mark("{"):
            return self._stanza(name, None)
        if self._cursor.peek().is_mark("(["):
            return self._unassigned(name)
        return self._named(name)

    def _after_equals(self, name: Token) -> Item | None:
        equals = self._cursor.take()
        if self._cursor.peek().is_mark("{"):
            return self._stanza(name, None)
        while self._cursor.peek().is_mark("="):
            self._cursor.fault('"=" stands twice', self._cursor.take())
        value = self._values.read(name, equals)
        if isinstance(value, Token):
            self._valued = value.line
        return Assignment(name, value)

    def _unassigned(self, name: Token) -> Assignment:
        """A dictionary needs no `=`; a list does."""
        if self._cursor.peek().is_mark("["):
            return Assignment(name, self._values.read_dict())
        self._cursor.fault(
            f'"=" is missing before the list of {shown(name.text)}', name
        )
        return Assignment(name, self._values.read_list())

    def _named(self, name: Token) -> Item | None:
        instance = self._cursor.peek()
        if instance.is_scalar:
            ahead = 2 if self._cursor.peek(1).is_mark("=") else 1
            if self._cursor.peek(ahead).is_mark("{"):
                for _ in range(ahead):
                    self._cursor.take()
                return self._stanza(name, instance)
        self._unexpected(name)
        return self._recover(name)

    def _inclusion(self, directive: Token) -> Inclusion | None:
        word = directive.text.lower()
        if self._cursor.peek().is_mark("="):
            self._cursor.fault(f'"{word}" takes no "="', self._cursor.take())
        target = self._cursor.peek()
        if not target.is_scalar or self._cursor.begins_item(directive):
            self._cursor.fault(f'"{word}" names no file', directive)
            return None
        return Inclusion(directive, self._cursor.take())

    def _stanza(self, name: Token, instance: Token | None) -> Stanza:
        self._cursor.take()
        self._valued = 0
        if self._depth >= DEEPEST:
            self._cursor.fault(f"scopes stand more than {DEEPEST} levels deep", name)
            self._cursor.skip_block()
            return Stanza(name, instance, ())
        items = self.items(self._depth + 1)
        closed = self._cursor.peek().is_mark("}")
        if closed:
            self._cursor.take()
        else:
            self._cursor.fault(f'the "{{" of {shown(name.text)} is never closed', name)
        return Stanza(name, instance, items, closed)

    # -- after a fault -------------------------------------------------------------

    def _unexpected(self, name: Token) -> None:
        """Say what is wrong with a word that begins no item."""
        text, after = shown(name.text), self._cursor.peek()
        if name.line == self._valued:
            problem = f"{text} behind a value: put values that contain blanks in quotes"
        elif name.kind is Kind.STRING:
            problem = f"{text} in quotes where the name of an option or scope belongs"
        elif after.is_scalar and after.line == name.line:
            problem = (
                f'{text} {shown(after.text)}: "=" is missing between, or "{{" behind'
            )
        else:
            problem = f'{text} alone: an option needs "=" and a value, a scope a "{{"'
        self._cursor.fault(problem, name)

    def _stray(self, token: Token) -> None:
        text = {
            ",": 'a ",": nothing stands between two options',
            "{": 'a "{" without the name of a scope before it',
            "=": 'a "=" without a name; values that contain "=" stand in quotes',
        }
        self._cursor.fault(
            text.get(token.text, f'a "{token.text}" out of place'), token
        )
        if token.is_mark("{"):
            self._cursor.skip_block()
        elif not token.is_mark(","):
            self._cursor.skip_line(token)

    def _recover(self, name: Token) -> Stanza | None:
        """Go to the next item; but a brace opens the scope this was meant to be."""
        instance = self._cursor.peek() if self._cursor.peek().is_scalar else None
        if instance is not None and instance.first:
            return None
        self._cursor.skip_line(name)
        if self._cursor.peek().is_mark("{"):
            return self._stanza(name, instance)
        # Content is indented: then it is likely the brace before it that is missing.
        self._unopened += self._cursor.peek().column > name.column
        return None
