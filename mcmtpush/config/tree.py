"""The configuration as a tree of scopes whose settings have types.

`config.parser` makes words, `config.merge` makes this, `config.scopes` looks
values up in it.  Everything keeps the place it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field, frozen

from mcmtpush.config.options import Option


@frozen(order=True)
class Place:
    """Where something stands: a file as named to the user; both count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@frozen
class Setting:
    """One `option = value` of one scope.

    Attributes:
        option: its row in the option table.
        value: typed as `option.type` says; paths are absolute already.
        place: the place of the option's name.
    """

    option: Option
    value: Any
    place: Place


@define(eq=False)
class Scope:
    """One scope instance, all its stanzas together.

    Attributes:
        kind: canonical lower-case name, "global" for the root.
        name: the instance as written, None for an anonymous scope.  A regex
            domain keeps its slashes.
        place: where it was opened first; None for the root.
        parent: the enclosing scope; None for the root.
        settings: by option name, in reading order; the last one holds, the
            others are shadowed.
        children: in order of first opening.
        faulty: names of options that were given with a value that does not fit:
            that they are not set is not the reader's to complain about.
    """

    kind: str
    name: str | None = None
    place: Place | None = None
    parent: Scope | None = None
    settings: dict[str, list[Setting]] = field(factory=dict)
    children: list[Scope] = field(factory=list)
    faulty: set[str] = field(factory=set)

    def of_kind(self, *kinds: str) -> Iterator[Scope]:
        """The children of these kinds, in order."""
        return (child for child in self.children if child.kind in kinds)

    def walk(self) -> Iterator[Scope]:
        """Itself and all that is in it, from top to bottom."""
        yield self
        for child in self.children:
            yield from child.walk()

    def path(self) -> str:
        """For people: `binding_group "g" > domain "e.com"`, or `global`."""
        own = self.kind if self.name is None else f'{self.kind} "{self.name}"'
        if self.parent is None or self.parent.parent is None:
            return own
        return f"{self.parent.path()} > {own}"
