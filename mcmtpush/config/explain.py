"""Where a value comes from: the questions of `mcmtpush explain` and their answers.

Words in, an `Explanation` out, as text or as data for JSON.  It looks up and
shows; it neither reads files nor judges values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

from attrs import define, frozen

from mcmtpush.config.listen import LISTENER
from mcmtpush.config.options import (
    OPTIONS,
    SCOPES,
    Option,
    find_option,
    nearest,
)
from mcmtpush.config.reception import mcmt_reception
from mcmtpush.config.scopes import DEFAULT, Fallback, Resolved, resolve
from mcmtpush.config.tables.declaration import LISTENERS, PATHWAYS
from mcmtpush.config.tables.foreign import is_foreign
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.units import show_value, write_value
from mcmtpush.values import QueueKey


_SENDING: Final = frozenset({"binding_group", "binding", "domain"})
_RECEIVING: Final = LISTENERS | PATHWAYS | {"listen", "peer"}
_HOLDERS: Final = LISTENERS | {"apns_simulator"}
"""The kinds of scope that hold listens."""

_ORDER: Final = ("binding_group", "binding", "domain", "listen", "peer")
_MODULE: Final = re.compile(r"(?P<kind>\w+)(?::(?P<instance>.+))?[.](?P<name>\w+)")


class QueryError(ValueError):
    """A question that has no answer; the text says what to ask instead."""


@define
class Query:
    """Which option, and for whom.  What was not said is None."""

    option: str
    binding_group: str | None = None
    binding: str | None = None
    domain: str | None = None
    listen: str | None = None
    peer: str | None = None

    @property
    def sends(self) -> bool:
        """Whether it names a place of the sending chain."""
        return any((self.binding_group, self.binding, self.domain))


def parse_query(words: Sequence[str]) -> Query:
    """`[binding_group G] [binding B] [domain D | listen ADDR [peer IP]] OPTION`.

    Raises:
        QueryError: the words do not make a question.
    """
    if not words:
        raise QueryError("name an option, such as retry_interval")
    *scopes, option = words
    said: dict[str, str] = {}
    for kind, name in zip(scopes[::2], scopes[1::2], strict=False):
        kind = kind.lower()
        if kind not in _ORDER:
            raise QueryError(f'"{kind}" is none of {", ".join(_ORDER)}')
        if said and _ORDER.index(kind) <= _ORDER.index(list(said)[-1]):
            raise QueryError(f"{kind} stands in the wrong place: {_GRAMMAR}")
        said[kind] = name
    if len(scopes) % 2:
        raise QueryError(f'"{scopes[-1]}" names no instance or no option: {_GRAMMAR}')
    _check_said(said)
    return Query(option, **said)


_GRAMMAR: Final = (
    "the order is [binding_group G] [binding B] [domain D | listen ADDR [peer IP]] "
    "OPTION"
)


def _check_said(said: Mapping[str, str]) -> None:
    if "listen" in said and said.keys() & _SENDING:
        raise QueryError("listen does not go with binding_group, binding or domain")
    if "peer" in said:
        if "listen" not in said:
            raise QueryError("peer needs the listen before it")
        try:
            ip_address(said["peer"])
        except ValueError:
            raise QueryError(f'"{said["peer"]}" is not an IP address') from None
    if not all(said.values()):
        raise QueryError("an instance name is empty")


@frozen
class Explanation:
    """One option with what supplied it and what that shadows."""

    option: Option
    resolved: Resolved

    def text(self) -> str:
        """For people: the value, then a line for each candidate."""
        if self.resolved.setting is None:
            lines = ["  the built-in default"]
        else:
            lines = [f"  set in {_where(self.resolved.scope, self.resolved.setting)}"]
        lines += [
            f"  shadows {self._shown(setting.value)} of {_where(scope, setting)}"
            for scope, setting in self.resolved.shadowed
        ]
        head = f"{self.option.name} = {self._shown(self.resolved.value)}"
        return "\n".join([head, *lines])

    def data(self) -> dict[str, Any]:
        """For JSON: option, value, unit, source, shadowed."""
        setting = self.resolved.setting
        return {
            "option": self.option.name,
            "value": self._plain(self.resolved.value),
            "unit": self.option.unit,
            "source": None if setting is None else _data(self.resolved.scope, setting),
            "shadowed": [
                {**_data(scope, lost), "value": self._plain(lost.value)}
                for scope, lost in self.resolved.shadowed
            ],
        }

    def _shown(self, value: Any) -> str:
        if value is None:
            return "(not set)"
        unit = f" {self.option.unit}" if self.option.unit else ""
        return show_value(self.option, value) + unit

    def _plain(self, value: Any) -> Any:
        """As JSON has it: what JSON has no word for is written as in the file."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return write_value(self.option, value) if self._is_mode else value
        if isinstance(value, Mapping):
            return dict(value)
        return [str(v) for v in value] if isinstance(value, tuple) else str(value)

    @property
    def _is_mode(self) -> bool:
        return self.option.type == "perms"


def _where(scope: Scope | None, setting: Setting) -> str:
    return f"{scope.path() if scope else 'global'} at {setting.place}"


def _data(scope: Scope | None, setting: Setting) -> dict[str, Any]:
    return {
        "scope": scope.path() if scope else "global",
        "file": setting.place.file,
        "line": setting.place.line,
    }


def explain(root: Scope, query: Query) -> Explanation:
    """The answer to a question about a configuration.

    A domain without a binding is one that nobody assigned: it goes by the binding
    "default".  An option of a module may be asked for as `module.option` or
    `module:instance.option`.

    Raises:
        QueryError: there is no such option, or it is not set for what was named.
    """
    module = _MODULE.fullmatch(query.option)
    if module:
        option = _option(module["name"], module["kind"].lower())
        scopes = _modules(root, option, module["kind"].lower(), module["instance"])
        return Explanation(option, resolve(option, scopes))
    option = _option(query.option, "")
    return Explanation(option, resolve(option, _chain(root, query, option)))


def undeclared(root: Scope, query: Query) -> Iterator[str]:
    """What the question names although no stanza does, for a note to the asker."""
    fallback = Fallback(root)
    if query.listen is not None:
        kinds = (fallback.receiving(query.listen, None, kind) for kind in _HOLDERS)
        if not any(scope.kind == "listen" for chain in kinds for scope in chain):
            yield f'listen "{query.listen}"'
    for kind in ("binding_group", "binding"):
        name = getattr(query, kind)
        chain = fallback.sending(_key(root, query))
        if name not in {None, DEFAULT} and all(
            (scope.kind, scope.name) != (kind, name) for scope in chain
        ):
            yield f'{kind} "{name}"'


def overruled(root: Scope, query: Query) -> str | None:
    """What beats the option asked for although it is none, for a note to the asker.

    That is a connection context with a variable `mcmt_reception`.
    """
    if query.option.lower() != "mcmt_reception":
        return None
    found = resolve(
        OPTIONS["context"], _receiving(root, query, OPTIONS["mcmt_reception"])
    )
    word = mcmt_reception(None, found.value or {})
    if word is None or found.setting is None:
        return None
    where = _where(found.scope, found.setting)
    return f'"{word}" holds all the same: it is in the context set in {where}'


def _option(name: str, kind: str) -> Option:
    option = find_option(name, kind)
    if option is not None:
        return option
    if is_foreign(name):
        raise QueryError(f"{name.lower()} has no effect in this version")
    near = nearest(name, OPTIONS)
    hint = f': did you mean "{near}"?' if near else ""
    raise QueryError(f'there is no option "{name}"{hint}')


def _chain(root: Scope, query: Query, option: Option) -> Sequence[Scope]:
    """The scopes to ask: by what was named, else by where the option may stand."""
    sends = bool(option.scopes & _SENDING)
    receives = bool(option.scopes & _RECEIVING)
    everywhere = "global" in option.scopes
    if query.listen is not None:
        if not (receives or everywhere):
            raise _misplaced(option, "a listen")
        return _receiving(root, query, option)
    if query.sends:
        if not (sends or everywhere):
            raise _misplaced(option, "a binding or domain")
        return Fallback(root).sending(_key(root, query))
    if sends:
        return Fallback(root).sending(_key(root, query))
    if receives:
        return _receiving(root, query, option)
    return [root] if everywhere else _modules(root, option, None, None)


def _misplaced(option: Option, where: str) -> QueryError:
    places = ", ".join(sorted(option.scopes))
    return QueryError(f"{option.name} is not set for {where}, but in {places}")


def _receiving(root: Scope, query: Query, option: Option) -> Sequence[Scope]:
    """Through the kind of listener that has this listen, else one that may."""
    fallback = Fallback(root)
    kinds = sorted(_HOLDERS, key=lambda kind: (kind != LISTENER, kind))
    chains = [fallback.receiving(query.listen, query.peer, kind) for kind in kinds]
    for chain in chains:
        if any(scope.kind == "listen" for scope in chain):
            return chain
    fitting = (at for at, kind in enumerate(kinds) if kind in option.scopes)
    return chains[next(fitting, 0)]


def _key(root: Scope, query: Query) -> QueueKey:
    group, binding = query.binding_group, query.binding
    if group is None:
        group = DEFAULT if binding is None else _group_of(root, binding)
    if binding is None:
        binding = DEFAULT if group == DEFAULT else ""
    return QueueKey(group, binding, query.domain or "")


def _group_of(root: Scope, binding: str) -> str:
    """The group of a binding that was named alone."""
    if any(scope.name == binding for scope in root.of_kind("binding")):
        return DEFAULT
    groups = [
        group.name or ""
        for group in root.of_kind("binding_group")
        if any(scope.name == binding for scope in group.of_kind("binding"))
    ]
    if len(groups) > 1:
        raise QueryError(
            f'binding "{binding}" is in the groups {", ".join(groups)}: say which, as '
            f"in binding_group {groups[0]} binding {binding}"
        )
    return groups[0] if groups else DEFAULT


def _modules(
    root: Scope, option: Option, kind: str | None, instance: str | None
) -> Sequence[Scope]:
    """The one stanza of a module; none if there is none."""
    if kind is not None and kind not in option.scopes:
        known = "" if kind in SCOPES else f" (there is no module {kind})"
        raise _misplaced(option, kind + known)
    found = [
        scope
        for scope in root.children
        if scope.kind in ({kind} if kind else option.scopes)
        and (instance is None or scope.name == instance)
    ]
    if len(found) > 1:
        names = [
            f"{s.kind}{':' + s.name if s.name else ''}.{option.name}" for s in found
        ]
        raise QueryError(f"say which {option.name}: {' or '.join(names)}")
    return found
