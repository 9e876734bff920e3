"""JSON values that policy made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.hooks.jsonvalue import DEEPEST, read_value, write_payload, write_value
from tests.support.case import TestCase, readable


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda children: st.lists(children) | st.dictionaries(TEXTS, children),
    max_leaves=30,
)


class ValueTests(TestCase):
    """What is JSON is written so that it comes back; nothing else is."""

    @readable
    @given(VALUES)
    def test_round_trip(self, value: Any) -> None:
        """Every JSON value."""
        self.assertEqual(read_value(write_value(value).decode()), value)

    @readable
    @given(st.dictionaries(TEXTS, VALUES))
    def test_payload(self, value: dict[str, Any]) -> None:
        """Every object is a payload, written as one that was injected."""
        self.assertEqual(write_payload(value), orjson.dumps(value))

    def test_no_payload(self) -> None:
        """Only an object is one."""
        for value in (None, [], "{}", 1):
            with self.assertRaisesRegex(ValueError, "not an object"):
                write_payload(value)

    def test_no_json(self) -> None:
        """What the writer would take, or change, and JSON has not."""
        for value in (
            float("nan"),
            float("inf"),
            2**64,
            -(2**63) - 1,
            b"bytes",
            datetime(2026, 1, 1, tzinfo=UTC),
            {1: "a"},
            {"a": {"b": [object()]}},
            print,
            "\ud800",
            {"\ud800": 1},
        ):
            with self.assertRaises(ValueError, msg=repr(value)):
                write_value(value)

    def test_says_where(self) -> None:
        """The place of what is in the way."""
        with self.assertRaisesRegex(
            ValueError, r"json\.aps\[1\] is no JSON value: set"
        ):
            write_payload({"aps": [1, set()]})

    def test_depth(self) -> None:
        """So deep and no deeper; one that holds itself never ends."""
        value: Any = 1
        for _ in range(DEEPEST):
            value = [value]
        self.assertEqual(read_value(write_value(value).decode()), value)
        circle: dict[str, Any] = {}
        circle["a"] = [circle]
        for deep in ([[value]], circle):
            with self.assertRaisesRegex(ValueError, "holds itself"):
                write_value(deep)
