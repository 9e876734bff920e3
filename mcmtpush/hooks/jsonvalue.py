"""JSON values that policy made: checked more strictly than the writer does.

Knows values and bytes, no message and no language.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import orjson
from attrs import define


DEEPEST: Final = 64
"""Levels; the payload of a push has a handful."""

MOST: Final = 10_000
"""Values in one; Apple takes 4096 bytes."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_PLAIN: Final = frozenset({str, bool, type(None)})


def write_payload(value: object) -> bytes:
    """The payload that `value` is, compact UTF-8.

    Raises:
        ValueError: it is no JSON object; the text says what is in the way, and where.
    """
    if type(value) is not dict:
        raise ValueError("the payload is not an object")
    return write_value(value)


def write_value(value: object) -> bytes:
    """Any JSON value, compact UTF-8; raises ValueError."""
    _Check().check(value, "json", 0)
    try:
        return orjson.dumps(value)
    except TypeError as error:  # half of a surrogate pair
        raise ValueError(f"it cannot be written: {error}") from error


def read_value(text: str) -> Any:
    """The value that a text holds; raises ValueError."""
    return orjson.loads(text)


@define
class _Check:
    """One walk through a value: values may share others, but are counted each time."""

    count: int = 0

    def check(self, value: object, path: str, depth: int) -> None:
        self.count += 1
        if self.count > MOST:
            raise ValueError(f"more than {MOST} values")
        kind = type(value)
        if kind in _PLAIN:
            return
        if depth > DEEPEST:
            text = f"more than {DEEPEST} levels, or a value that holds itself"
            raise ValueError(text)
        if kind is dict:
            self._check_object(value, path, depth)
        elif kind in (list, tuple):
            for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
                self.check(item, f"{path}[{index}]", depth + 1)
        elif not _is_number(value):
            raise ValueError(f"{path[:200]} is no JSON value: {kind.__name__}")

    def _check_object(self, value: Any, path: str, depth: int) -> None:
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"{path[:200]} has a key that is not a string")
            self.check(item, f"{path}.{key}", depth + 1)


def _is_number(value: object) -> bool:
    if type(value) is int:
        return _SMALLEST <= value <= _LARGEST
    return type(value) is float and isfinite(value)
