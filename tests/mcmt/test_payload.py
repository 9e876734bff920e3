"""JSON comes out compact and otherwise as it went in; damage is placed."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.payload import read_payload
from tests.mcmt.message import answer_to
from tests.support.case import TestCase, readable


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.text(st.sampled_from('"\\,]}{[ '), max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


def read(data: bytes) -> bytes:
    return read_payload(data, where="here")


def spell(value: Any, blank: str, comma: str) -> str:
    """JSON text with `blank` everywhere it may be and `comma` before a bracket."""
    if isinstance(value, dict):
        pairs = [
            f"{blank}{json.dumps(key)}{blank}:{spell(item, blank, comma)}"
            for key, item in value.items()
        ]
        end = comma if pairs else ""
        return f"{blank}{{{','.join(pairs)}{blank}{end}{blank}}}{blank}"
    if isinstance(value, list):
        items = [spell(item, blank, comma) for item in value]
        end = comma if items else ""
        return f"{blank}[{','.join(items)}{end}{blank}]{blank}"
    return f"{blank}{json.dumps(value)}{blank}"


class ReadPayloadTests(TestCase):
    def test_writes_compact_utf8_in_the_same_order(self) -> None:
        """Blanks go, escapes become letters, keys stay where they were."""
        self.assertEqual(
            read(b' { "z" : 1 , "a" : [ true , null ] ,\r\n"\\u00e9":"\\/" } '),
            '{"z":1,"a":[true,null],"é":"/"}'.encode(),
        )

    def test_the_last_of_two_equal_keys_counts(self) -> None:
        """In the place of the first."""
        self.assertEqual(read(b'{"a":1,"b":2,"a":3}'), b'{"a":3,"b":2}')

    def test_adds_nothing(self) -> None:
        """An object without aps, or with an empty one, stays so."""
        for data in (b"{}", b'{"aps":{}}', b'{"aps":[]}', b'{"aps":{"alert":""}}'):
            self.assertEqual(read(data), data)

    def test_a_badge_in_quotes_becomes_a_number(self) -> None:
        """Only aps.badge, only when it spells a number."""
        for written, becomes in (
            (b'"7"', b"7"),
            (b'" 07 "', b"7"),
            (b'"-1"', b"-1"),
            (b'"1.5"', b"1.5"),
            (b'"nine"', b'"nine"'),
            (b'""', b'""'),
            (b'"1e3"', b'"1e3"'),
            ('"٣"'.encode(), '"٣"'.encode()),
            (b'"9999999999999999999999"', b'"9999999999999999999999"'),
            (b"null", b"null"),
        ):
            data = b'{"aps":{"badge":%s,"x":"1"},"badge":"1"}'
            self.assertEqual(read(data % written), data % becomes)

    def test_tolerates_a_comma_before_a_bracket(self) -> None:
        """As the format's first sample has it; strings are not looked into."""
        self.assertEqual(
            read(b'{"a,}":[1,2 ,\r\n],"b":{"c":"\\",}",},}'),
            b'{"a,}":[1,2],"b":{"c":"\\",}"}}',
        )

    def test_tolerates_a_byte_order_mark(self) -> None:
        """With and without a stray comma."""
        self.assertEqual(read(b'\xef\xbb\xbf{"a":1}'), b'{"a":1}')
        self.assertEqual(read(b'\xef\xbb\xbf{"a":1,}'), b'{"a":1}')

    def test_a_comma_behind_nothing_is_no_trailing_comma(self) -> None:
        """There must be something that it trails."""
        for data in (b"{,}", b'{"a":[,]}', b'{"a":1,,}', b'{"a":1 , ,}', b'{"a":,}'):
            self.assertIn("the JSON is broken", answer_to(lambda data=data: read(data)))

    def test_places_the_fault_as_the_injector_counts(self) -> None:
        """Lines and columns from 1, undisturbed by a comma that was forgiven."""
        for data, line, column in (
            (b'{"a":1,\n "b":x}', 2, 6),
            (b'{"a":[1,],\n "b":x}', 2, 6),
            ('{"é":x}'.encode(), 1, 6),
            (b'{"a":"\n"}', 1, 7),
            (b'{"a":NaN}', 1, 6),
            (b'{"a":"\\ud800"}', 1, 7),
            (b'{"a":1} tail', 1, 9),
            (b'{"a":1e999}', 1, 6),
            (b'{"a":01}', 1, 6),
        ):
            self.assertIn(
                f"550 5.6.1 here: the JSON is broken at its line {line},"
                f" column {column}: ",
                answer_to(lambda data=data: read(data)),
            )

    def test_refuses_what_is_not_utf8(self) -> None:
        """With the offset of the first such byte."""
        for data, offset in ((b'{"a":"\xff"}', 6), (b'{"\xc3\xa9":"\xed\xa0\x80"}', 7)):
            self.assertEqual(
                answer_to(lambda data=data: read(data)),
                f"550 5.6.1 here: byte {offset} of the JSON is not UTF-8",
            )

    def test_refuses_what_is_no_object(self) -> None:
        """Whatever else JSON may be."""
        for data in (b"[]", b"1", b'"{}"', b"null", b"[1,]"):
            self.assertEqual(
                answer_to(lambda data=data: read(data)),
                "550 5.6.1 here: the JSON is not an object",
            )

    def test_refuses_nothing(self) -> None:
        """An empty text, blanks, or a byte order mark alone."""
        for data in (b"", b" \r\n", b"\xef\xbb\xbf"):
            self.assertEqual(
                answer_to(lambda data=data: read(data)),
                "550 5.6.1 here: the JSON is missing",
            )

    def test_refuses_deep_nesting(self) -> None:
        """253 levels inside the object are carried; more are refused, not rounded."""
        fits = b'{"a":' + b"[" * 253 + b"]" * 253 + b"}"
        self.assertEqual(read(fits), fits)
        for depth in (254, 1023, 1024, 100_000):
            deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
            self.assertEqual(
                answer_to(lambda deep=deep: read(deep)),
                "550 5.6.1 here: the JSON is nested too deeply",
            )

    def test_integers_are_exact_or_refused(self) -> None:
        """64 bits, signed or not; a string or a fraction may have more digits."""
        for number in (b"18446744073709551615", b"-9223372036854775808"):
            self.assertEqual(read(b'{"a":%s}' % number), b'{"a":%s}' % number)
        long = b'{"a":"123456789012345678901234567890"}'
        self.assertEqual(read(long), long)
        self.assertEqual(read(b'{"a":0.1000000000000000000000}'), b'{"a":0.1}')
        for number in (
            b"18446744073709551616",
            b"-9223372036854775809",
            b"1" + b"0" * 300,
        ):
            self.assertEqual(
                answer_to(
                    lambda number=number: read(b'{"\xc3\xa9":\n[1,%s]}' % number)
                ),
                "550 5.6.1 here: line 2, column 4 of the JSON: more than 64 bits",
            )

    @readable
    @given(
        OBJECTS, st.sampled_from(["", " ", "\r\n", "\t "]), st.sampled_from(["", ","])
    )
    def test_any_spelling_of_an_object_reads_the_same(
        self, value: dict[str, Any], blank: str, comma: str
    ) -> None:
        """Blanks, escapes and commas before brackets change nothing."""
        if isinstance(value.get("aps"), dict):
            value["aps"].pop("badge", None)
        try:
            expected = orjson.dumps(value)
        except TypeError:
            return
        self.assertEqual(read(spell(value, blank, comma).encode()), expected)

    @readable
    @given(st.text(st.sampled_from('{}[],:"\\ 1eE.-a\n'), max_size=24))
    def test_garbage_is_refused_and_nothing_else_happens(self, text: str) -> None:
        """Any text is read or refused; what is read, is read again the same."""
        try:
            payload = read(text.encode())
        except MessageRejected:
            return
        self.assertEqual(read(payload), payload)

    def test_hostile_text_takes_no_long_time(self) -> None:
        """Commas, blanks and open quotes by the hundred thousand: one pass."""
        for piece in (b'"\\', b",", b", ", b"{", b"[ ,", b'\\"', b"1"):
            self.assertIn("550 5.6.1", answer_to(lambda p=piece: read(p * 100_000)))
