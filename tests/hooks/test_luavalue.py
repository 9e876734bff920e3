"""JSON values to Lua and back, through a real interpreter."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lupa import lua51

from mcmtpush.hooks.api import Headers
from mcmtpush.hooks.jsonvalue import write_value
from mcmtpush.hooks.luavalue import NULL, HeadersView, JsonView, shown, taken
from tests.hooks.test_jsonvalue import TEXTS, VALUES
from tests.support.case import TestCase, readable


KIND = lua51.lua_type
LUA = lua51.LuaRuntime(unpack_returned_tuples=True, overflow_handler=float)
# As `sandbox.lua` has it; `bound.lua` says why.
LUA.execute("collectgarbage('stop')")
SAME = LUA.eval("function(value) return value end")
PUT = LUA.eval("function(view, key, value) view[key] = value end")
GET = LUA.eval("function(view, key) return view[key] end")

WHOLE = st.integers(-(2**53), 2**53)
LEAVES = (
    st.booleans() | WHOLE | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)
"""What a table can hold: no nulls, and no array that is empty."""


def table(value: Any) -> Any:
    """A Python value as Lua tables all the way down."""
    if isinstance(value, list):
        made = LUA.table()
        for at, item in enumerate(value, 1):
            made[at] = table(item)
        return made
    if isinstance(value, dict):
        made = LUA.table()
        for key, item in value.items():
            made[key] = table(item)
        return made
    return value


def alike(one: Any, other: Any) -> bool:
    """Equal, as Lua has one kind of number; zero has one sign in JSON's eyes."""
    return write_value(_plain(one)) == write_value(_plain(other))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return float(value) + 0.0 if type(value) in (int, float) else value


class RoundTripTests(TestCase):
    """Nothing is lost."""

    @readable
    @given(NESTED)
    def test_tables(self, value: Any) -> None:
        """A table that holds a JSON value becomes that value."""
        self.assertTrue(alike(taken(SAME(table(value)), KIND), value))

    @readable
    @given(VALUES)
    def test_shared(self, value: Any) -> None:
        """What is read and assigned is the very same."""
        view = JsonView({"a": value, "b": 1}, KIND)
        LUA.eval("function(j) if j.a ~= nil then j.b = j.a else j.b = nil end end")(
            view
        )
        if value is None:
            self.assertEqual(view.value, {"a": None})
        elif isinstance(value, dict | list):
            self.assertIs(view.value["b"], value)
        else:
            self.assertTrue(alike(view.value["b"], value) or abs(value) > 2**53)
        self.assertIs(view.value["a"], value)

    @readable
    @given(st.dictionaries(TEXTS, VALUES), TEXTS, LEAVES)
    def test_untouched(self, value: dict[str, Any], key: str, item: Any) -> None:
        """Everything but the key that was set stays as it was, in its order."""
        view = JsonView(dict(value), KIND)
        PUT(view, key, item)
        self.assertTrue(alike(view.value.pop(key), item))
        value.pop(key, None)
        self.assertEqual(list(view.value.items()), list(value.items()))

    @readable
    @given(st.lists(VALUES, min_size=1))
    def test_arrays(self, items: list[Any]) -> None:
        """Counted from 1; nothing is before and behind them."""
        view = JsonView(items, KIND)
        for at in range(len(items)):
            found = GET(view, at + 1)
            expected = shown(items[at], KIND)
            if isinstance(expected, JsonView):
                self.assertIs(found.value, items[at])
            elif type(expected) is int:
                self.assertEqual(found, int(float(expected)))
            else:
                self.assertEqual(found, expected)
        for at in (0, -1, len(items) + 1):
            self.assertIsNone(GET(view, at))


_CHANGING = """
local n = 0
local t = setmetatable({}, {__tostring = function() n = n + 1 return "t" .. n end})
t.t = t
j.a = t
"""
"""A table that calls itself otherwise each time."""


class RuleTests(TestCase):
    """As Momentum's json has them, and what it does not say."""

    def assign(self, lua: str, value: Any = None) -> Any:
        """What `j` is after this was run."""
        view = JsonView({} if value is None else value, KIND)
        LUA.eval(f"function(j, null) {lua} end")(view, NULL)
        return view.value

    def test_arrays_and_objects(self) -> None:
        """Something at 1 makes an array."""
        for lua, expected in (
            ("j.a = {1, 2}", {"a": [1, 2]}),
            ("j.a = {}", {"a": {}}),
            ("j.a = {[2] = 'x'}", {"a": {"2": "x"}}),
            ("j.a = {[1.5] = 'x'}", {"a": {"1.5": "x"}}),
            ("j.a = {x = {1, {y = 2.5}}}", {"a": {"x": [1, {"y": 2.5}]}}),
            ("j.a = {1, null, 3}", {"a": [1, None, 3]}),
            ("j.a = null", {"a": None}),
            ("j[7] = true", {"7": True}),
            ("j.a = 'Gr\u00fc\u00dfe \U0001f600'", {"a": "Gr\u00fc\u00dfe \U0001f600"}),
        ):
            self.assertEqual(self.assign(lua), expected, lua)

    def test_in_place(self) -> None:
        """Assigning nil takes away; the place behind the last one appends."""
        for lua, value, expected in (
            ("j.a = nil", {"a": 1, "b": 2}, {"b": 2}),
            ("j.z = nil", {"a": 1}, {"a": 1}),
            ("j[3] = 'c'", ["a", "b"], ["a", "b", "c"]),
            ("j[2] = null", ["a", "b"], ["a", None]),
            ("j[2] = nil", ["a", "b"], ["a"]),
            ("j[3] = nil", ["a", "b"], ["a", "b"]),
        ):
            self.assertEqual(self.assign(lua, value), expected, lua)

    def test_refused(self) -> None:
        """In the line that does it."""
        for lua, value, reason in (
            ("j.a = print", {}, "a function is no JSON value"),
            ("j.a = coroutine.create(loadstring(''))", {}, "is no JSON value"),
            ("local t = {} t.t = t j.a = t", {}, "a table that holds itself"),
            ("local t = {} t[1], t[2] = t, t j.a = t", {}, "a table that holds itself"),
            (_CHANGING, {}, "a table that holds itself"),
            (
                "local t = {} for i = 1, 70 do t = {t} end j.a = t",
                {},
                "more than 64 levels",
            ),
            (
                "local t = {} for i = 1, 50 do t = {t, t} end j.a = t",
                {},
                "more than 10000 values",
            ),
            ("j.a = {1, nil, 3}", {}, "an array with holes"),
            ("j.a = {1, x = 2}", {}, "an array with holes"),
            ("j.a = {[true] = 2}", {}, "a key of an object"),
            ("j.a = {[{}] = 2}", {}, "a key of an object"),
            ("j[4] = 1", ["a"], "an array of 1 has no place 4"),
            ("j[1] = nil", ["a", "b"], "nil in the middle"),
            ("j.x = 1", ["a"], "indexed by whole numbers"),
        ):
            with self.assertRaisesRegex(ValueError, reason, msg=lua):
                self.assign(lua, value)

    def test_text(self) -> None:
        """`tostring`."""
        view = JsonView({"a": [1, None, "\u00e9"]}, KIND)
        text = LUA.eval("tostring")(view)
        self.assertEqual(text, '{"a":[1,null,"\u00e9"]}')
        self.assertEqual(LUA.eval("tostring")(NULL), "null")

    def test_headers(self) -> None:
        """By name in any case; nil takes out."""
        headers = Headers({"apns-topic": "t"})
        view = HeadersView(headers)
        self.assertEqual(GET(view, "Apns-Topic"), "t")
        self.assertIsNone(GET(view, "apns-id"))
        PUT(view, "apns-priority", 5)
        PUT(view, "APNS-topic", None)
        PUT(view, "apns-id", None)
        self.assertEqual(dict(headers), {"apns-priority": "5"})
        self.assertEqual((len(view), view.keys()), (1, ["apns-priority"]))
