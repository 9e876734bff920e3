"""Writes the pages of the manual that are made from the program's own tables.

    python docs/generate.py

A test compares the pages with what this makes.
"""

# ruff: noqa: INP001 - a program beside the pages, no package

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from mcmtpush.config.options import ALIASES, OPTIONS, SCOPES, Option, ScopeKind
from mcmtpush.config.tables import process, push, receiving, sending
from mcmtpush.config.tables.declaration import LISTENERS, RECEIVING, SENDING
from mcmtpush.config.tables.foreign import FOREIGN_FAMILIES, FOREIGN_OPTIONS
from mcmtpush.config.units import write_value


REFERENCE: Final = Path(__file__).resolve().parent / "reference"

GROUPS: Final[tuple[tuple[str, str, Iterable[Option]], ...]] = (
    ("Sending", "Routing and connections", sending.ROUTING),
    ("Sending", "Apple push over HTTP/2", push.HTTP2),
    ("Sending", "Retries, expiry and bounces", sending.RETRYING),
    ("Sending", "TLS", sending.TLS),
    ("Sending", "Queues in memory", sending.MEMORY),
    ("Sending", "Google notifications", sending.GCM),
    ("Receiving", "Sockets", receiving.SOCKETS),
    ("Receiving", "Sessions and limits", receiving.SESSIONS),
    ("Receiving", "Relaying, TLS and authentication", receiving.TRUST),
    ("Receiving", "Content", receiving.CONTENT),
    ("The process", "General", process.PROCESS),
    ("The process", "Spool and memory", process.SPOOL),
    ("The process", "Rights and diagnostics", process.SAFETY),
    ("Modules", "Options of modules", process.MODULES),
)
"""Part, heading and rows; the options that no group has are namesakes."""

FAMILIES: Final = (
    ("sending", SENDING),
    ("receiving", RECEIVING),
    ("listeners", LISTENERS),
)
"""Scopes that often come together."""

COLUMNS: Final = (
    ("Type", "what may be written: see [the language](configuration.md#values)"),
    ("Unit", "what is counted"),
    ("Default", "what holds where nothing is set"),
    ("Scopes", "where the option may stand"),
    (
        "Run time",
        "*yes*: a change holds [with SIGHUP](../howto/changing-the-configuration.md)",
    ),
    ("Acts", "*yes*: this version acts on it; *inert*: it has no effect but a warning"),
)

INTRODUCTION: Final = """\
# Every option

<!-- Made from the tables of mcmtpush/config by docs/generate.py: do not edit. -->

Within each table, the options that this version acts on come first.
In `apn_logger` and `apns_simulator` every change needs a restart.
"""


def options_page() -> str:
    """The whole of `reference/options.md`."""
    return INTRODUCTION + "\n".join([*_legend(), *_options(), *_scopes(), ""])


def _legend() -> Iterator[str]:
    yield from ("", "| Column | |", "|---|---|")
    yield from (_row(*column) for column in COLUMNS)
    yield from ("", "Scopes that come together:", "")
    yield from ("| In the tables | stands for |", "|---|---|")
    yield from (_row(family, _names(sorted(kinds))) for family, kinds in FAMILIES)


def _options() -> Iterator[str]:
    part = ""
    for title, heading, options in (*GROUPS, _namesakes()):
        if title != part:
            yield from ("", f"## {title}")
            part = title
        yield from ("", f"### {heading}", "")
        yield "| Option | Type | Unit | Default | Scopes | Run time | Acts | |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from map(_option, sorted(options, key=_acting_first))
    yield from ("", "## Other spellings", "")
    yield from (f"- `{other}` is `{name}`" for other, name in ALIASES.items())


def _namesakes() -> tuple[str, str, Iterable[Option]]:
    grouped = {id(option) for _, _, options in GROUPS for option in options}
    rest = [option for option in OPTIONS.values() if id(option) not in grouped]
    return "Modules", "Names that mean something else in one module", rest


_KEYS: Final = {id(option): key for key, option in OPTIONS.items()}


def _acting_first(option: Option) -> tuple[bool, str]:
    return not option.implemented, option.name


def _option(option: Option) -> str:
    return _row(
        f"`{_KEYS[id(option)]}`",
        _type(option),
        option.unit or "",
        _default(option),
        _where(option.scopes),
        "yes" if option.dynamic else "no",
        "yes" if option.implemented else "inert",
        option.help,
    )


def _type(option: Option) -> str:
    if not option.choices:
        return option.type
    words = " ".join(f"`{word}`" for word in option.choices)
    return (
        f"{option.type} {words}"
        if option.type == "choice"
        else (f"{option.type} or {words}")
    )


def _default(option: Option) -> str:
    if option.default is None:
        return ""
    if option.choices:
        return f"`{option.default}`"
    return f"`{write_value(option, option.default)}`"


def _where(kinds: Collection[str]) -> str:
    """The scopes by name, families by theirs."""
    left = set(kinds)
    found = []
    for family, members in FAMILIES:
        if members <= set(kinds):
            found.append(family)
            left -= members
    return ", ".join([*found, *sorted(left)])


def _scopes() -> Iterator[str]:
    yield from ("", "## Scopes", "")
    yield "| Scope | | Stands in | Acts | |"
    yield "|---|---|---|---|---|"
    yield from (_scope(kind) for kind in SCOPES.values() if kind.checked)
    yield from ("", "## Modules of Momentum without effect", "")
    yield "Stanzas of these are recognised, may hold anything, and get one warning:"
    yield _names(kind.name for kind in SCOPES.values() if not kind.checked) + "."
    yield from ("", "## Options of Momentum without effect", "")
    yield "Beside the inert ones above these may stand in any scope, with any value;"
    yield "each gets one warning:"
    families = _names(f"{family}…" for family in FOREIGN_FAMILIES)
    yield f"{_names(sorted(FOREIGN_OPTIONS))}, and all that begin with {families}."


def _scope(kind: ScopeKind) -> str:
    return _row(
        f"`{kind.name}`",
        "anonymous" if kind.anonymous else "named",
        _where(kind.stands_in),
        "yes" if kind.implemented else "inert",
        kind.help,
    )


def _row(*cells: str) -> str:
    return "|" + "".join(
        f" {cell.replace('|', chr(92) + '|')} |" if cell else " |" for cell in cells
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES: Final[dict[str, Callable[[], str]]] = {"options.md": options_page}
"""What is written below `reference`."""


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
