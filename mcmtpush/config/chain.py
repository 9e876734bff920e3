"""Look-ups within one chain of scopes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mcmtpush.config.options import OPTIONS
from mcmtpush.config.scopes import resolve
from mcmtpush.config.tree import Scope


Chain = tuple[Scope, ...]
"""The scopes asked, nearest first.  A view says what holds for its chain, no more."""

Ask = Callable[[str], Any]
"""Option name in, value out, within one chain of scopes."""


def asking(chain: Iterable[Scope]) -> Ask:
    """Asks these, nearest first; the option's own default where none has it."""
    scopes = tuple(chain)
    return lambda name: resolve(OPTIONS[name], scopes).value


def unless(value: str | None, word: str) -> str | None:
    """The value, or None where it is the word that stands for nothing."""
    return None if value == word else value
