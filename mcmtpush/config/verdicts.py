"""What is said about a name that is unknown, misplaced or without effect.

The texts only; `config.merge` knows where and when.
"""

from __future__ import annotations

from mcmtpush.config.instances import sample
from mcmtpush.config.options import (
    ALIASES,
    SCOPES,
    find_option,
    nearest,
    options_of,
    scopes_of,
)
from mcmtpush.config.tables.declaration import BINDINGS, Option, ScopeKind
from mcmtpush.config.tokens import shown
from mcmtpush.config.tree import Scope
from mcmtpush.config.units import example


def whereabouts(scope: Scope) -> str:
    """A scope as messages name it."""
    if scope.parent is None:
        return "the global scope"
    return scope.kind if scope.name is None else f"{scope.kind} {shown(scope.name)}"


def unknown_option(name: str, scope: Scope) -> str:
    """No option has this name."""
    kind = SCOPES.get(name.lower())
    if kind is not None and kind.name != "global":
        return f"{kind.name} is a scope, not an option: write {sample(kind)}"
    close = nearest(name, options_of(scope.kind))
    hint = f": did you mean {close}?" if close else ""
    return f"unknown option {shown(name)} in {whereabouts(scope)}{hint}"


def unknown_scope(name: str, scope: Scope) -> str:
    """No scope or module has this name."""
    option = find_option(name, scope.kind)
    if option is not None:
        text = f"{option.name} is an option, not a scope: write {example(option)}"
        return text if scope.kind in option.scopes else misplaced_option(option, scope)
    close = nearest(name, scopes_of(scope.kind))
    hint = f": did you mean {close}?" if close else ""
    return f"unknown scope {shown(name)} in {whereabouts(scope)}{hint}"


def misplaced_option(option: Option, scope: Scope) -> str:
    """The option is valid elsewhere."""
    places = ", ".join(sorted(option.scopes))
    close = nearest(option.name, options_of(scope.kind), 0.8)
    hint = f"; did you mean {close}?" if close else ""
    where = whereabouts(scope)
    return f"option {option.name} cannot stand in {where}, only in {places}{hint}"


def misplaced_scope(kind: ScopeKind, scope: Scope) -> str:
    """The scope is valid elsewhere."""
    places = ", ".join(sorted(kind.stands_in))
    return f"scope {kind.name} cannot stand in {whereabouts(scope)}, only in {places}"


def inert_scope(kind: ScopeKind) -> str:
    """The original acts on it, this version does not."""
    tail = "" if kind.checked else "; its content is not checked"
    return f"{kind.name} has no effect in this version{tail}"


def inert_option(option: Option) -> str:
    """The original acts on it, this version does not."""
    return f"option {option.name} has no effect in this version"


def foreign_option(name: str) -> str:
    """The original has such an option, this version does not."""
    text = f"option {name.lower()} has no effect in this version"
    return f"{text}; its value is not checked"


def remarks(option: Option, name: str, scope: Scope) -> list[str]:
    """Warnings about the place and the spelling of an option that is valid there."""
    found = []
    if name.lower() in ALIASES:
        found.append(f"{name.lower()} is another spelling: write {option.name}")
    container = scope.parent.kind if scope.parent is not None else "global"
    within = scope.kind == "domain" and container in BINDINGS
    if within and container not in option.scopes:
        found.append(
            f"option {option.name} is ignored in a domain inside a {container}: "
            "it holds in top-level domains and in the global scope"
        )
    place = f"{container} {scope.kind}" if within else scope.kind
    if (option.name, place) in _UNDOCUMENTED:
        found.append(
            f"option {option.name} in {_UNDOCUMENTED[option.name, place]} goes beyond "
            "the documented language; it is honoured here"
        )
    return found


_UNDOCUMENTED = {
    ("apn_expiry", "binding domain"): "a domain inside a binding",
    ("delivery_response_timeout", "binding_group"): "a binding_group",
}
