"""Tokens to a tree of words: options, scopes and includes, nothing looked up.

    file    := { item }
    item    := include | option | scope
    include := ( "include" | "readonly_include" ) scalar
    option  := NAME "=" value | NAME dict
    scope   := NAME [ scalar ] [ "=" ] "{" { item } "}"
    value   := scalar | list | dict
    list    := "(" { scalar [ "," ] } ")"
    dict    := "[" { scalar "=" scalar [ "," ] } "]"

A fault is reported and the reading goes on with what most likely is the next
item, so that one slip neither hides another nor looks like ten.
"""

from __future__ import annotations

import re

from attrs import frozen

from mcmtpush.config.tokens import Faults, Kind, Token, shown


DEEPEST = 50
"""Levels of scopes; real configurations have three or four."""

DIRECTIVES = frozenset({"include", "readonly_include"})

_NAME = re.compile(r"\w+")


@frozen
class Words:
    """A list as written."""

    items: tuple[Token, ...]
    line: int
    column: int


@frozen
class Pairs:
    """A dictionary as written, in order, keys possibly repeated."""

    items: tuple[tuple[Token, Token], ...]
    line: int
    column: int


Value = Token | Words | Pairs


@frozen
class Assignment:
    """`name = value`; the value is None where it was left out, which is a fault."""

    name: Token
    value: Value | None


@frozen
class Inclusion:
    """`include target`; either directive."""

    directive: Token
    target: Token


@frozen
class Stanza:
    """`name instance { items }`.

    `closed` is False when its brace was never closed, that is, when its items may
    belong elsewhere.
    """

    name: Token
    instance: Token | None
    items: tuple[Item, ...]
    closed: bool = True


Item = Assignment | Inclusion | Stanza


def read_items(tokens: list[Token], faults: Faults) -> tuple[Item, ...]:
    """All items of a file; `tokens` ends with END.  Never raises."""
    return _Parser(tokens, faults).items(0)


def _line_starts(tokens: list[Token]) -> list[int]:
    """For each token, which one is the first of its line."""
    starts: list[int] = []
    for index, token in enumerate(tokens):
        starts.append(index if token.first or not starts else starts[-1])
    return starts


class _Parser:
    """One walk through the tokens of one file."""

    def __init__(self, tokens: list[Token], faults: Faults) -> None:
        self._tokens = tokens
        self._faults = faults
        self._at = 0
        self._depth = 0
        self._valued = 0  # the line on which the last option's word ended
        self._line_starts = _line_starts(tokens)
        self._unopened = 0  # braces that were found missing

    # -- tokens --------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _fault(self, message: str, token: Token | Words | Pairs) -> None:
        self._faults.add(message, token.line, token.column)

    # -- items ---------------------------------------------------------------------

    def items(self, depth: int) -> tuple[Item, ...]:
        """Up to the brace that closes this depth, which is left to be taken."""
        found: list[Item] = []
        self._depth = depth
        while self._peek().kind is not Kind.END:
            if self._peek().is_mark("}"):
                if depth:
                    break
                self._closes_nothing(self._take())
                continue
            item = self._item(self._take())
            self._depth = depth
            if item is not None:
                found.append(item)
        return tuple(found)

    def _closes_nothing(self, brace: Token) -> None:
        if self._unopened:
            self._unopened -= 1
        else:
            self._fault('a "}" that closes nothing', brace)

    def _item(self, name: Token) -> Item | None:
        if not name.is_scalar:
            self._stray(name)
            return None
        if name.kind is Kind.STRING:
            self._unexpected(name)
        if name.text.lower() in DIRECTIVES:
            return self._inclusion(name)
        if self._peek().is_mark("="):
            return self._after_equals(name)
        if self._peek().is_mark("{"):
            return self._stanza(name, None)
        if self._peek().is_mark("(["):
            return self._unassigned(name)
        return self._named(name)

    def _after_equals(self, name: Token) -> Item | None:
        equals = self._take()
        if self._peek().is_mark("{"):
            return self._stanza(name, None)
        while self._peek().is_mark("="):
            self._fault('"=" stands twice', self._take())
        return Assignment(name, self._value(name, equals))

    def _unassigned(self, name: Token) -> Assignment:
        """A dictionary needs no `=`; a list does."""
        if self._peek().is_mark("["):
            return Assignment(name, self._dict())
        self._fault(f'"=" is missing before the list of {shown(name.text)}', name)
        return Assignment(name, self._list())

    def _named(self, name: Token) -> Item | None:
        instance = self._peek()
        if instance.is_scalar:
            ahead = 2 if self._peek(1).is_mark("=") else 1
            if self._peek(ahead).is_mark("{"):
                self._at += ahead
                return self._stanza(name, instance)
        self._unexpected(name)
        return self._recover(name)

    def _inclusion(self, directive: Token) -> Inclusion | None:
        word = directive.text.lower()
        if self._peek().is_mark("="):
            self._fault(f'"{word}" takes no "="', self._take())
        target = self._peek()
        if not target.is_scalar or self._begins_item(directive):
            self._fault(f'"{word}" names no file', directive)
            return None
        return Inclusion(directive, self._take())

    def _stanza(self, name: Token, instance: Token | None) -> Stanza:
        self._take()
        self._valued = 0
        if self._depth >= DEEPEST:
            self._fault(f"scopes stand more than {DEEPEST} levels deep", name)
            self._skip_block()
            return Stanza(name, instance, ())
        items = self.items(self._depth + 1)
        closed = self._peek().is_mark("}")
        if closed:
            self._take()
        else:
            self._fault(f'the "{{" of {shown(name.text)} is never closed', name)
        return Stanza(name, instance, items, closed)

    # -- values --------------------------------------------------------------------

    def _value(self, name: Token, equals: Token) -> Value | None:
        token = self._peek()
        if token.is_mark("("):
            return self._list()
        if token.is_mark("["):
            return self._dict()
        if token.is_scalar and not self._begins_item(equals):
            self._valued = token.line
            return self._take()
        self._fault(f"option {shown(name.text)} has no value", name)
        return None

    def _begins_item(self, before: Token) -> bool:
        """Whether the next word is rather the name of the next item."""
        word, after = self._peek(), self._peek(1)
        if word.kind is not Kind.WORD or word.line == before.line:
            return False
        if after.is_scalar and after.line == word.line:
            name = after.kind is Kind.WORD and _NAME.fullmatch(after.text)
            return not name and self._peek(2).is_mark("{")
        return after.is_mark("={")

    def _list(self) -> Words:
        opened = self._take()
        items: list[Token] = []
        inner = 0
        while not self._peek().is_mark(")]") or inner:
            token = self._peek()
            if self._ends_early(opened, items):
                return Words(tuple(items), opened.line, opened.column)
            self._take()
            if token.is_scalar:
                items.append(token)
            elif token.is_mark("="):
                self._fault('a value that contains "=" must stand in quotes', token)
            elif not token.is_mark(","):
                inner += 1 if token.is_mark("([") else -1
                self._fault("a list holds single values only", token)
        self._closing(")", opened)
        return Words(tuple(items), opened.line, opened.column)

    def _ends_early(self, opened: Token, items: list[Token]) -> bool:
        """Whether what comes next shows that a list was never closed.

        A name that began a line is then given back: it belongs to the next item.
        """
        token = self._peek()
        start = self._line_start(opened) if token.is_mark("={[") else None
        if start is not None:
            self._at = start
            name = self._tokens[start]
            items[:] = [
                i for i in items if (i.line, i.column) < (name.line, name.column)
            ]
        elif not token.is_mark("{}") and token.kind is not Kind.END:
            return False
        self._fault('a "(" that is never closed', opened)
        return True

    def _line_start(self, opened: Token) -> int | None:
        at = self._line_starts[self._at - 1]
        token = self._tokens[at]
        is_name = token.kind is Kind.WORD and _NAME.fullmatch(token.text) is not None
        return at if is_name and token.line > opened.line else None

    def _dict(self) -> Pairs:
        opened = self._take()
        items: list[tuple[Token, Token]] = []
        while not self._peek().is_mark(")]"):
            key = self._peek()
            if self._ends_dict(opened):
                self._fault('a "[" that is never closed', opened)
                return Pairs(tuple(items), opened.line, opened.column)
            self._take()
            if key.is_scalar:
                items.extend(self._pair(key))
            elif not key.is_mark(","):
                text = shown(key.text)
                self._fault(f'{text} where a key belongs, as in [ key = "a" ]', key)
        self._closing("]", opened)
        return Pairs(tuple(items), opened.line, opened.column)

    def _ends_dict(self, opened: Token) -> bool:
        key = self._peek()
        if key.is_mark("{}") or key.kind is Kind.END:
            return True
        lost = key.kind is Kind.WORD and key.first and key.line > opened.line
        return lost and not self._peek(1).is_mark("=],")

    def _pair(self, key: Token) -> list[tuple[Token, Token]]:
        if self._peek().is_mark("=") and self._peek(1).is_scalar:
            self._take()
            return [(key, self._take())]
        self._fault(f'key {shown(key.text)} has no value, as in [ key = "a" ]', key)
        if self._peek().is_mark("="):
            self._take()
        return []

    def _closing(self, wanted: str, opened: Token) -> None:
        token = self._take()
        if token.text != wanted:
            self._fault(
                f'"{token.text}" closes the "{opened.text}" of line {opened.line}: '
                f'write "{wanted}"',
                token,
            )

    # -- after a fault -------------------------------------------------------------

    def _unexpected(self, name: Token) -> None:
        """Say what is wrong with a word that begins no item."""
        text, after = shown(name.text), self._peek()
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
        self._fault(problem, name)

    def _stray(self, token: Token) -> None:
        text = {
            ",": 'a ",": nothing stands between two options',
            "{": 'a "{" without the name of a scope before it',
            "=": 'a "=" without a name; values that contain "=" stand in quotes',
        }
        self._fault(text.get(token.text, f'a "{token.text}" out of place'), token)
        if token.is_mark("{"):
            self._skip_block()
        elif not token.is_mark(","):
            self._skip_line(token)

    def _recover(self, name: Token) -> Stanza | None:
        """Go to the next item; but a brace opens the scope this was meant to be."""
        instance = self._peek() if self._peek().is_scalar else None
        if instance is not None and instance.first:
            return None
        self._skip_line(name)
        if self._peek().is_mark("{"):
            return self._stanza(name, instance)
        # Content is indented: then it is likely the brace before it that is missing.
        self._unopened += self._peek().column > name.column
        return None

    def _skip_line(self, start: Token) -> None:
        """To a brace, or a word or `=` that begins a later line."""
        while not self._peek().is_mark("{}") and self._peek().kind is not Kind.END:
            token = self._peek()
            begins = token.kind is Kind.WORD or token.is_mark("=")
            if token.first and begins and token.line > start.line:
                return
            self._take()

    def _skip_block(self) -> None:
        """Behind the brace that closes the one just taken."""
        depth = 1
        while depth and self._peek().kind is not Kind.END:
            token = self._take()
            depth += token.is_mark("{") - token.is_mark("}")
