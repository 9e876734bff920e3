"""The grammar: a file as a tree of words, nothing looked up.

    file    := { item }
    item    := include | option | scope
    include := ( "include" | "readonly_include" ) scalar
    option  := NAME "=" value | NAME dict
    scope   := NAME [ scalar ] [ "=" ] "{" { item } "}"
    value   := scalar | list | dict
    list    := "(" { scalar [ "," ] } ")"
    dict    := "[" { scalar "=" scalar [ "," ] } "]"

`parser` makes the tree.
"""

from __future__ import annotations

from attrs import frozen

from mcmtpush.config.tokens import Token


DEEPEST = 50
"""Levels of scopes; real configurations have three or four."""

DIRECTIVES = frozenset({"include", "readonly_include"})


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
