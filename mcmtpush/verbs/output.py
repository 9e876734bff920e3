"""How the verbs speak: lines, JSON, and a last word on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

import click


UNUSABLE: Final = 2
"""Exit code for arguments, files and spools that cannot be used."""


def parsed(parse: Callable[[str], Any]) -> Callable[[object, object, Any], Any]:
    """A callback of click that takes a parser's ValueError for its own."""

    def callback(_context: object, _parameter: object, value: str | None) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def printable(text: str) -> str:
    """On one line, and without orders to the terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)


def print_json(data: Any) -> None:
    """As people and programs can read it."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def leave(text: str, code: int) -> NoReturn:
    """Say why, and end the program."""
    click.echo(f"mcmtpush: {text}", err=True)
    sys.exit(code)
