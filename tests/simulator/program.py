"""The simulator's command line for tests."""

from __future__ import annotations

from typing import Any

from mcmtpush.simulator.options import Options


NOW = 1_700_000_000.0


def complaint(call: Any, *args: Any) -> str:
    """The text of the SystemExit that this ends in."""
    try:
        call(*args)
    except SystemExit as error:
        return str(error.code)
    raise AssertionError("it did not exit")


def parse(*arguments: str) -> Options:
    """The options of this command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options
