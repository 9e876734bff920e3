"""Instance names: what each scope kind accepts, and which two are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping

from mcmtpush.config.addresses import parse_listen, parse_peer
from mcmtpush.config.options import ScopeKind
from mcmtpush.config.scopes import is_regex
from mcmtpush.config.tokens import shown
from mcmtpush.config.units import check_regex


_EXAMPLES: Mapping[str, str] = {
    "domain": '"push.example.com"',
    "listen": '"127.0.0.1:2525"',
    "peer": '"192.0.2.0/24"',
}


def sample(kind: ScopeKind) -> str:
    """A stanza of this kind, for messages."""
    if kind.anonymous:
        return f"{kind.name} {{ … }}"
    name = _EXAMPLES.get(kind.name, '"name"')
    return f"{kind.name} {name} {{ … }}"


def instance_key(kind: ScopeKind, name: str | None) -> Hashable:
    """Equal for two names of one and the same instance.

    Raises:
        ValueError: this cannot be the name of such a scope; the text says why.
    """
    if not kind.checked:
        return name
    if kind.anonymous and name is not None:
        raise ValueError(f"scope {kind.name} takes no name: write {sample(kind)}")
    if kind.anonymous:
        return None
    if not name:
        raise ValueError(f"scope {kind.name} needs a name: write {sample(kind)}")
    return _KEYS.get(kind.name, str)(name)


def _domain(name: str) -> str:
    if is_regex(name):
        if len(name) < 3:
            raise ValueError('"//" holds no regular expression')
        check_regex(name[1:-1])
        return name
    if name.startswith("/"):
        raise ValueError(f'{shown(name)}: a regex domain ends with a "/"')
    return _plain(name).lower()


def _binding(name: str) -> str:
    if ":" in name:
        raise ValueError(f"{shown(name)}: the name of a binding holds no colon")
    return _plain(name)


def _plain(name: str) -> str:
    if re.search(r"\s", name):
        raise ValueError(f"{shown(name)}: this name holds no blanks")
    return name


_KEYS: Mapping[str, Callable[[str], Hashable]] = {
    "domain": _domain,
    "binding": _binding,
    "binding_group": _plain,
    "listen": parse_listen,
    "peer": parse_peer,
}
