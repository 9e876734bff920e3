"""JSON values as Lua sees them, and Lua values as JSON.

A JSON object or array is shown as it is and not copied: what nobody touches keeps
its order, its nulls and its large numbers.  Rules, as Momentum's `json` has them:

- a table with something at 1 is an array, and has no holes; any other is an object,
  whose keys become strings;
- an object or array that is assigned is shared, a table is copied;
- reading a null gives nil, as reading nothing does; assigning nil takes away, and
  `json.null` writes a null;
- functions and the like raise, and so does a table that holds itself.

Knows no Lua runtime: what kind of thing a value is, is asked of `kind`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import define

from mcmtpush.hooks.header import Headers
from mcmtpush.hooks.jsonvalue import DEEPEST, MOST, write_value


Kind = Callable[[object], str | None]
"""lupa's `lua_type`: "table", "function" …, None for a value of this program."""


class Null:
    """What `json.null` is."""

    def __str__(self) -> str:
        return "null"


NULL: Final = Null()

_PLAIN: Final = frozenset({str, bool, int, float})


class JsonView:
    """A JSON object or array, indexed by Lua; `value` is the dict or list."""

    __slots__ = ("_kind", "value")

    def __init__(self, value: dict[str, Any] | list[Any], kind: Kind) -> None:
        self.value: Any = value
        self._kind = kind

    def __getitem__(self, key: object) -> object:
        value = self.value
        if type(value) is dict:
            return shown(value.get(_key(key)), self._kind)
        at = _index(key)
        return shown(value[at - 1], self._kind) if 1 <= at <= len(value) else None

    def __setitem__(self, key: object, given: object) -> None:
        value = self.value
        if isinstance(value, list):
            self._put(_index(key), given)
        elif given is None:
            value.pop(_key(key), None)
        else:
            value[_key(key)] = taken(given, self._kind)

    def _put(self, at: int, given: object) -> None:
        items = self.value
        if not 1 <= at <= len(items) + 1:
            raise ValueError(f"an array of {len(items)} has no place {at}")
        if given is None:
            if at < len(items):
                raise ValueError("nil in the middle of an array; write json.null")
            del items[at - 1 :]
        else:
            items[at - 1 : at] = [taken(given, self._kind)]

    def __len__(self) -> int:
        return len(self.value)

    def __str__(self) -> str:
        return write_value(self.value).decode()

    def keys(self) -> list[object]:
        """As `pairs` goes through it."""
        if isinstance(self.value, dict):
            return list(self.value)
        return list(range(1, len(self.value) + 1))


class HeadersView:
    """`req.headers` as Lua indexes it: nil for what is not there, and to take out."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str | None:
        return self._headers.get(name)

    def __setitem__(self, name: str, value: str | float | None) -> None:
        if value is None:
            self._headers.fields.pop(name.lower(), None)
        else:
            self._headers[name] = value

    def __len__(self) -> int:
        return len(self._headers)

    def keys(self) -> list[object]:
        """As `pairs` goes through it."""
        return list(self._headers)


def shown(value: object, kind: Kind) -> object:
    """A JSON value as Lua reads it."""
    if type(value) is dict or type(value) is list:
        return JsonView(value, kind)
    return value


def taken(given: object, kind: Kind) -> object:
    """A value that Lua assigned, as JSON; raises ValueError."""
    if type(given) in _PLAIN:
        return given
    return _Taking(kind).take(given, ())


@define
class _Taking:
    kind: Kind
    count: int = 0

    def take(self, given: object, above: tuple[str, ...]) -> object:
        self.count += 1
        if self.count > MOST:
            raise ValueError(f"more than {MOST} values")
        if isinstance(given, JsonView):
            return given.value
        if given is NULL or given is None:
            return None
        if type(given) in _PLAIN:
            return given
        kind = self.kind(given)
        if kind != "table":
            raise ValueError(f"a {kind or 'value of the program'} is no JSON value")
        return self._table(given, above)

    def _table(self, table: Any, above: tuple[str, ...]) -> object:
        # lupa makes a new object each time; its repr holds the table's address.
        me = repr(table)
        if me in above or len(above) >= DEEPEST:
            raise ValueError(
                f"a table that holds itself, or more than {DEEPEST} levels"
            )
        path = (*above, me)
        pairs = list(table.items())
        if any(isinstance(key, bool) for key, _ in pairs):
            raise ValueError("a key of an object is a text or a number")
        items = {key: self.take(value, path) for key, value in pairs}
        if 1 not in items:
            return {_key(key): value for key, value in items.items()}
        if any(at not in items for at in range(1, len(items) + 1)):
            raise ValueError("an array with holes, or with keys that are no numbers")
        return [items[at] for at in range(1, len(items) + 1)]


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | float) and not isinstance(key, bool):
        return str(int(key)) if key == int(key) else str(key)
    raise ValueError("a key of an object is a text or a number")


def _index(key: object) -> int:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    raise ValueError("an array is indexed by whole numbers, from 1")
