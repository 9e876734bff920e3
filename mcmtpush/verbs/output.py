"""How the verbs speak: lines, JSON, and a last word on standard error."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import click


UNUSABLE: Final = 2
"""Exit code for arguments, files and spools that cannot be used."""


UNWRITTEN: Final = 3
"""Exit code when the answer could not be written, whatever was done before."""


class Outspoken(click.Group):
    """What standard output does not take ends every verb with a line, and with 3."""

    def main(self, *words: Any, **options: Any) -> Any:
        """As click does, which writes help and version before any verb."""
        with answering():
            return super().main(*words, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which would end with 1 for a closed pipe."""
        with answering():
            return super().invoke(ctx)


@contextlib.contextmanager
def answering(done: str | None = None) -> Iterator[None]:
    """End the program when standard output fails within; say `done`, if given.

    Nothing is said of a pipe that nobody reads any more, unless something was done.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:  # a file's, not the output's
            raise
        _discard_output()
        trouble = f"cannot write the answer: {error.strerror or error}"
        if done is not None:
            trouble = f"{done}; {trouble}"
        elif error.errno == errno.EPIPE:
            sys.exit(UNWRITTEN)
        leave(trouble, UNWRITTEN)


def _discard_output() -> None:
    """What is still in its buffer would fail again at the interpreter's end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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
