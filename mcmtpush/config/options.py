"""The option table and the scope table: every name the language knows.

One table feeds the reading, the look-up, `explain` and the reference pages.
What an option means is the business of whoever uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from mcmtpush.config.tables.declaration import Option, ScopeKind
from mcmtpush.config.tables.foreign import FOREIGN_KINDS
from mcmtpush.config.tables.process import CLASHES, PROCESS_TABLE
from mcmtpush.config.tables.receiving import RECEIVING_TABLE
from mcmtpush.config.tables.scopes import SCOPE_KINDS
from mcmtpush.config.tables.sending import SENDING_TABLE


__all__ = [
    "ALIASES",
    "OPTIONS",
    "SCOPES",
    "Option",
    "ScopeKind",
    "find_option",
    "nearest",
    "options_of",
    "scopes_of",
]

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        **{
            option.name: option
            for option in (*SENDING_TABLE, *RECEIVING_TABLE, *PROCESS_TABLE)
        },
        **CLASHES,
    }
)
"""By lower-case name, or `module.name` where a module's option has a namesake."""

SCOPES: Mapping[str, ScopeKind] = MappingProxyType(
    {kind.name: kind for kind in (*SCOPE_KINDS, *FOREIGN_KINDS)}
)
"""By lower-case name; `global` is the root."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {"max_resident_active_queue_size": "max_resident_active_queue"}
)
"""Other spellings of option names."""


def find_option(name: str, kind: str) -> Option | None:
    """The option of that name (any case) as seen from a scope kind.

    It may still not be valid there: see `Option.scopes`.
    """
    lower = name.lower()
    lower = ALIASES.get(lower, lower)
    return OPTIONS.get(f"{kind}.{lower}") or OPTIONS.get(lower)


def options_of(kind: str) -> list[str]:
    """The names of the options that are valid in a scope kind, sorted."""
    return sorted({o.name for o in OPTIONS.values() if kind in o.scopes})


def scopes_of(kind: str) -> list[str]:
    """The names of the scope kinds that may stand in a scope kind, sorted."""
    return sorted(k.name for k in SCOPES.values() if kind in k.stands_in)


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known name most like this one, if any is at least so like it (0 to 1)."""
    return next(iter(get_close_matches(name.lower(), list(known), 1, likeness)), None)
