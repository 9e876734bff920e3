"""All files of a configuration to one tree of scopes with typed settings.

Contents of the same scope add up, from whatever file; all definitions of an
option in one scope are kept in reading order.  Every fault of every file is
found in one go.  What the values mean together is the business of `config.lint`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable

from attrs import define, evolve, field, frozen

from mcmtpush.config.grammar import DEEPEST, Assignment, Inclusion, Item, Stanza
from mcmtpush.config.instances import instance_key
from mcmtpush.config.options import (
    SCOPES,
    Option,
    ScopeKind,
    find_option,
    nearest,
    scopes_of,
)
from mcmtpush.config.sources import SourceFault, Sources
from mcmtpush.config.tables.foreign import is_foreign
from mcmtpush.config.tokens import Token, printable
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.config.units import ValueFault, read_value
from mcmtpush.config.verdicts import (
    foreign_option,
    inert_option,
    inert_scope,
    misplaced_option,
    misplaced_scope,
    remarks,
    unknown_option,
    unknown_scope,
)
from mcmtpush.errors import ConfigError, Severity
from mcmtpush.ports import Files


def read_configuration(
    path: str, files: Files, search_path: tuple[str, ...] | None = None
) -> tuple[Scope, list[ConfigError]]:
    """Read a configuration with everything it includes.

    Never raises for bad input: whatever could be understood is in the tree, and
    the errors and warnings come in reading order.

    Args:
        path: the main file; the files it includes are named after it.
        files: what the names mean.
        search_path: folders in which included files are looked for that are not
            beside the file that includes them; None is the folder of the main file.
    """
    reading = _Reading(Sources(files, path, search_path))
    root = Scope("global")
    try:
        reading.read_file(path, root, _Spot(path, ""))
    except SourceFault as fault:
        reading.errors.append(ConfigError(printable(str(fault)), path))
    reading.read_local_changes(root)
    return root, reading.in_order()


@frozen
class _Spot:
    """Where the walk is.

    Attributes:
        file: the file that is read.
        folder: what its relative paths are relative to; absolute.
        depth: scopes and includes around.
        certain: False when a missing brace makes it doubtful what belongs here.
        quiet: inside a scope that has no effect, of which that was said.
        broken: lines with syntax errors: their values are not judged.
    """

    file: str
    folder: str
    depth: int = 0
    certain: bool = True
    quiet: bool = False
    broken: frozenset[int] = frozenset()


@define
class _Reading:
    """One reading of one configuration."""

    sources: Sources
    errors: list[ConfigError] = field(factory=list)
    _local_changes: str = ""  # as named to the user; the setting is absolute
    _warned: set[str] = field(factory=set)
    _instances: dict[tuple[int, str, Hashable], Scope] = field(factory=dict)

    def in_order(self) -> list[ConfigError]:
        """Everything found, once, by file, line and column."""
        order = self.sources.order
        found = {(e.file, e.line, e.column, e.message): e for e in self.errors}
        return sorted(
            found.values(),
            key=lambda e: (order.get(e.file, -1), e.line, e.column),
        )

    # -- files ---------------------------------------------------------------------

    def read_file(self, path: str, scope: Scope, spot: _Spot) -> None:
        """Add a file's content to a scope; raises SourceFault."""
        if spot.depth > DEEPEST:
            raise SourceFault(
                f"scopes and includes stand more than {DEEPEST} levels deep"
            )
        # Only a main file without an absolute path makes abspath ask the system.
        folder = posixpath.abspath(posixpath.dirname(path))
        with self.sources.reading(path) as (items, errors):
            self.errors.extend(errors)
            broken = frozenset(error.line for error in errors)
            spot = evolve(spot, file=path, folder=folder, broken=broken)
            self._fill(scope, items, spot)

    def read_local_changes(self, root: Scope) -> None:
        """The last word: the file that online changes are saved in, if there is one."""
        settings = root.settings.get("local_changes_file")
        if not settings:
            return
        path, place = self._local_changes, settings[-1].place
        try:
            self.sources.files.entries(path)
        except FileNotFoundError:
            return
        except OSError:
            pass  # reading it says why
        if settings[-1].value in {
            posixpath.abspath(known) for known in self.sources.order
        }:
            fault = "local_changes_file must be a file that is not read otherwise"
            self.errors.append(_error(fault, place, "local_changes_file"))
            return
        try:
            self.read_file(path, root, _Spot(path, ""))
        except SourceFault as fault:
            self.errors.append(_error(str(fault), place, "local_changes_file"))

    def _include(self, scope: Scope, item: Inclusion, spot: _Spot) -> None:
        paths: list[str] = []
        if item.target.line in spot.broken:
            return
        try:
            paths = self.sources.locate(item.target.text, spot.file)
        except SourceFault as fault:
            self._fault(str(fault), item.target, spot, item.directive.text.lower())
        for path in paths:
            try:
                self.read_file(path, scope, evolve(spot, depth=spot.depth + 1))
            except SourceFault as fault:
                self._fault(str(fault), item.target, spot, item.directive.text.lower())

    # -- items ---------------------------------------------------------------------

    def _fill(self, scope: Scope, items: tuple[Item, ...], spot: _Spot) -> None:
        for item in items:
            if isinstance(item, Assignment):
                self._set(scope, item, spot)
            elif isinstance(item, Inclusion):
                self._include(scope, item, spot)
            else:
                self._open(scope, item, spot)

    def _set(self, scope: Scope, item: Assignment, spot: _Spot) -> None:
        option = find_option(item.name.text, scope.kind)
        if option is None:
            if item.value is not None:
                self._unknown(scope, item.name, spot)
            return
        if scope.kind not in option.scopes:
            if spot.certain:
                text = misplaced_option(option, scope)
                self._fault(text, item.name, spot, option.name)
            return
        self._remark(option, item.name, scope, spot)
        if item.value is None:
            scope.faulty.add(option.name)
            return
        try:
            value = read_value(option, item.value, spot.folder)
        except ValueFault as fault:
            scope.faulty.add(option.name)
            self._misfit(option, fault, spot)
            return
        place = Place(spot.file, item.name.line, item.name.column)
        scope.settings.setdefault(option.name, []).append(Setting(option, value, place))
        if option.name == "local_changes_file" and isinstance(item.value, Token):
            beside = posixpath.dirname(spot.file)
            self._local_changes = posixpath.normpath(
                posixpath.join(beside, item.value.text)
            )

    def _unknown(self, scope: Scope, name: Token, spot: _Spot) -> None:
        if not is_foreign(name.text):
            self._fault(unknown_option(name.text, scope), name, spot, name.text)
        elif not spot.quiet:
            self._warn_once(foreign_option(name.text), name, spot, name.text.lower())

    def _misfit(self, option: Option, fault: ValueFault, spot: _Spot) -> None:
        for one in (fault, *fault.further):
            if one.line not in spot.broken:
                place = Place(spot.file, one.line, one.column)
                self.errors.append(_error(one.message, place, option.name))

    def _remark(self, option: Option, name: Token, scope: Scope, spot: _Spot) -> None:
        if spot.quiet:
            return
        if not option.implemented:
            self._warn_once(inert_option(option), name, spot, option.name)
            return
        place = Place(spot.file, name.line, name.column)
        for text in remarks(option, name.text, scope):
            self.errors.append(_error(text, place, option.name, "warning"))

    def _open(self, scope: Scope, stanza: Stanza, spot: _Spot) -> None:
        kind = SCOPES.get(stanza.name.text.lower())
        fits = kind is not None and scope.kind in kind.stands_in
        guessed = kind is None or kind.name == "global"
        if not fits:
            self._fault_scope(kind, scope, stanza, spot)
        if guessed:
            close = nearest(stanza.name.text, scopes_of(scope.kind))
            kind = SCOPES[close] if close else None
        if kind is None:
            return
        if spot.depth >= DEEPEST:
            text = f"scopes and includes stand more than {DEEPEST} levels deep"
            self._fault(text, stanza.name, spot, kind.name)
            return
        if not (kind.implemented or spot.quiet or guessed):
            self._warn_once(inert_scope(kind), stanza.name, spot, kind.name)
        if kind.checked:
            child = self._instance(scope, kind, stanza, spot, fits=fits)
            self._fill(
                child,
                stanza.items,
                evolve(
                    spot,
                    depth=spot.depth + 1,
                    certain=stanza.closed,
                    quiet=spot.quiet or not kind.implemented,
                ),
            )
        elif fits:
            self._instance(scope, kind, stanza, spot, fits=True)

    def _fault_scope(
        self, kind: ScopeKind | None, scope: Scope, stanza: Stanza, spot: _Spot
    ) -> None:
        name = stanza.name.text
        if kind is None or kind.name == "global":
            self._fault(unknown_scope(name, scope), stanza.name, spot, name)
        elif spot.certain:
            self._fault(misplaced_scope(kind, scope), stanza.name, spot, kind.name)

    def _instance(
        self, scope: Scope, kind: ScopeKind, stanza: Stanza, spot: _Spot, *, fits: bool
    ) -> Scope:
        """The scope a stanza adds to; one apart from the tree if it is no good."""
        name = stanza.instance.text if stanza.instance else None
        place = Place(spot.file, stanza.name.line, stanza.name.column)
        fresh = Scope(kind.name, name, place, scope)
        try:
            key = instance_key(kind, name)
        except ValueError as error:
            self._fault(str(error), stanza.instance or stanza.name, spot, kind.name)
            return fresh
        if not fits:
            return fresh
        known = self._instances.setdefault((id(scope), kind.name, key), fresh)
        if known is fresh:
            scope.children.append(fresh)
        return known

    # -- findings ------------------------------------------------------------------

    def _fault(self, text: str, token: Token, spot: _Spot, option: str) -> None:
        place = Place(spot.file, token.line, token.column)
        self.errors.append(_error(text, place, option))

    def _warn_once(self, text: str, token: Token, spot: _Spot, option: str) -> None:
        """Each text once, where it came up first."""
        if text not in self._warned:
            self._warned.add(text)
            place = Place(spot.file, token.line, token.column)
            self.errors.append(_error(text, place, option, "warning"))


def _error(
    text: str, place: Place, option: str, severity: Severity = "error"
) -> ConfigError:
    return ConfigError(
        printable(text),
        place.file,
        place.line,
        place.column,
        printable(option),
        severity,
    )
