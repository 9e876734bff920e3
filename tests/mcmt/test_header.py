"""Headers are cut as Python's email parser cuts them, or refused."""

from __future__ import annotations

from email import message_from_bytes
from email.headerregistry import HeaderRegistry
from email.message import Message

from hypothesis import assume, example, given
from hypothesis import strategies as st

from mcmtpush.mcmt.header import (
    boundary_of,
    field_values,
    media_type,
    read_header,
    sole_value,
    top_header,
    without_comments,
)
from tests.mcmt.message import answer_to, seen_fields, their_fields
from tests.support.case import TestCase, readable


REGISTRY = HeaderRegistry()
PIECES = st.lists(
    st.sampled_from(
        [b"A", b"b-C", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"{", b'"', b"From "]
    )
    | st.sampled_from(
        [b"\r\n\r\n", b"A: 1\r\n", b"a: 2\n", b" more\r\n", b"From x\r\n", b"\xff"]
    ),
    max_size=12,
).map(b"".join)
BLANKS = st.sampled_from(["", " ", "\t", "  "])
PARAMETERS = st.lists(
    st.tuples(
        BLANKS,
        st.sampled_from(
            ["boundary=b", 'boundary="b c"', "BOUNDARY=b=c", 'boundary="\\"b"']
        )
        | st.sampled_from(["boundary = b", 'boundary="=_?b"', "boundary=", "boundary"])
        | st.sampled_from(
            ["x=y", 'x="; boundary=z"', 'x=""', "", "x", 'x="y"z', "(c)"]
        ),
        st.sampled_from(["", "", "", "", " ", "(a(b);)", '"', "(", "\\"]),
    ).map("".join),
    min_size=1,
    max_size=4,
).map(";".join)
CONTENT_TYPES = st.tuples(
    st.sampled_from(["", "", "(c)", " ", "(;)"]),
    st.sampled_from(["multipart/mixed", "Multipart / MIXED", "A/b", "a/b/c"]),
    BLANKS,
    PARAMETERS.map(";".__add__),
).map("".join)


def read(content: bytes, limit: int = 65536) -> tuple[bytes, int]:
    return read_header(content, 0, len(content), where="here", limit=limit)


class ReadHeaderTests(TestCase):
    def test_stops_behind_the_empty_line(self) -> None:
        """The header keeps its line ends; the offset is the body's first byte."""
        self.assertEqual(read(b"A: 1\r\n b\r\n\r\nbody"), (b"A: 1\r\n b\r\n", 12))
        self.assertEqual(read(b"A: 1\n\nbody"), (b"A: 1\n", 6))
        self.assertEqual(read(b"\r\nbody"), (b"", 2))

    def test_looks_at_nothing_outside_its_span(self) -> None:
        """What stands before the start or from the stop on does not matter."""
        content = b"###A: 1\r\n\r\nbody"
        self.assertEqual(
            read_header(content, 3, 11, where="here"), (b"A: 1\r\n", len(content) - 4)
        )
        self.assertEqual(
            answer_to(lambda: read_header(content, 3, 9, where="here")),
            "550 5.6.0 here: the empty line after it is missing",
        )

    def test_an_envelope_line_may_come_first(self) -> None:
        """A Unix mailbox's From line is no field and no fault, but only on top."""
        self.assertEqual(read(b"From me\r\nA: 1\r\n\r\n")[1], 17)
        self.assertIn("line 2:", answer_to(lambda: read(b"A: 1\nFrom me\n\n")))

    def test_names_the_line_that_is_no_field(self) -> None:
        """Blanks before the colon, no name and no colon are not fields."""
        for line in (b"A : 1", b": 1", b"word", b"\xc3\xa9: 1"):
            content = b"A: 1\r\n b\r\n" + line + b"\r\n\r\n"
            self.assertEqual(
                answer_to(lambda content=content: read(content)),
                "550 5.6.0 here, line 3: neither a field nor the empty line after them",
            )
        self.assertIn("line 1:", answer_to(lambda: read(b" A: 1\r\n\r\n")))

    def test_sees_json_that_came_too_early(self) -> None:
        """A line with a brace means that the empty line was forgotten."""
        for json in (b"{\r\n}\r\n", b'{"a":1}', b'{"a":\r\n1}'):
            self.assertEqual(
                answer_to(lambda json=json: read(b"A: 1\r\n" + json)),
                "550 5.6.0 here, line 2: an empty line must stand before the JSON",
            )
        self.assertIn("line 1:", answer_to(lambda: read(b"{}\r\n")))

    def test_refuses_what_is_longer_than_its_limit(self) -> None:
        """The limit counts bytes of fields; exactly the limit is accepted."""
        content = b"A: 1\r\nB: 2\r\n\r\nbody"
        self.assertEqual(read(content, 12)[1], 14)
        for limit in (0, 1, 11):
            self.assertEqual(
                answer_to(lambda limit=limit: read(content, limit)),
                f"550 5.6.0 here: longer than {limit} bytes",
            )

    def test_refuses_a_bare_carriage_return(self) -> None:
        """Some readers would see a line end there and others would not."""
        self.assertEqual(
            answer_to(lambda: read(b"A: 1\rB: 2\r\n\r\n")),
            "550 5.6.0 here: a carriage return without its line feed",
        )

    @readable
    @given(PIECES, st.sampled_from([b"", b"\r\n\r\nbody"]))
    def test_agrees_with_the_standard_library(self, start: bytes, rest: bytes) -> None:
        """Same fields, same body, wherever both find no fault."""
        content = start + rest
        theirs = message_from_bytes(content)
        assume(not theirs.defects)
        try:
            header, body = read(content)
        except Exception:  # noqa: BLE001 - any refusal; what else, the others say
            return
        payload = theirs._payload
        self.assertEqual(content[body:].decode("ascii", "surrogateescape"), payload)
        self.assertEqual(seen_fields(theirs, header), their_fields(theirs))


class FieldTests(TestCase):
    def test_values_are_unfolded_and_in_order(self) -> None:
        """Names ignore case; a name inside a value or a longer name is not one."""
        block = b"x-A: 1\r\nA: 2 a: 3\r\n\ta: 4\r\na:\r\nB: 5\r\n"
        self.assertEqual(field_values(block, b"a:"), [b"2 a: 3\ta: 4", b""])
        self.assertEqual(field_values(block, b"b:"), [b"5"])
        self.assertEqual(field_values(block, b"c:"), [])

    def test_sole_value_refuses_a_second_one(self) -> None:
        """Which one counts would be a guess."""
        self.assertIsNone(sole_value(b"B: 1\r\n", b"a:", where="here"))
        self.assertEqual(sole_value(b"A: 1\r\n", b"a:", where="here"), b"1")
        self.assertEqual(
            answer_to(lambda: sole_value(b"A-B: 1\na-b: 1\n", b"a-b:", where="here")),
            "550 5.6.0 here: A-B stands there twice",
        )

    def test_top_header_ends_with_the_last_field(self) -> None:
        """It is for a first look: no fault is found, and 64 KiB are enough."""
        self.assertEqual(top_header(b"A: 1\r\nno field\r\nB: 2\r\n"), b"A: 1\r\n")
        self.assertEqual(top_header(b"A: 1\r\n" + b"B: 2\r\n" * 20000)[:6], b"A: 1\r\n")
        self.assertLessEqual(len(top_header(b"B: 2\r\n" * 20000)), 65536)


class ContentTypeTests(TestCase):
    def test_comments_nest_and_respect_quotes(self) -> None:
        """A parenthesis in a quoted string is text; in a comment all is comment."""
        self.assertEqual(without_comments(b'a(b(c\\))"d)e'), b"a e")
        self.assertEqual(without_comments(b'"a(b)"(")c'), b'"a(b)" c')
        self.assertEqual(without_comments(b"a(b"), b"a")

    def test_media_type_ignores_case_blanks_and_comments(self) -> None:
        """As RFC 2045 allows them."""
        for value in (b"A/b", b" a/B ;c=d", b"a / b", b"(x) a/b (y);", b"a(;)/b"):
            self.assertEqual(media_type(value), b"a/b")

    def test_boundary_in_its_usual_dresses(self) -> None:
        """Quoted or not, first or last parameter, folded, with comments."""
        for value in (
            b"m/x; boundary=b=b",
            b'm/x;boundary="b=b"',
            b'm/x; boundary="b=b "',
            b"m/x ; a=b; Boundary = b=b ; c",
            b'm/x; a="; boundary=c"; boundary="b=b"',
            b"m/x; boundary=b=b; boundary=other",
            b'm/x; (boundary=c) boundary="b=b" (d)',
            b'm/x; boundary="b\\=b"',
            b"m/x;\tboundary=b=b;",
        ):
            self.assertEqual(boundary_of(value), b"b=b", value)

    def test_no_usable_boundary(self) -> None:
        """Absent, empty, broken or not printable ASCII."""
        for value in (
            b"",
            b"m/x",
            b"m/x; boundary",
            b"m/x; boundary=",
            b'm/x; boundary=""',
            b'm/x; boundary=" "',
            b'm/x; boundary="b',
            b'm/x; boundary="b"c',
            b"m/x; boundary=b c",
            b"m/x; boundary=\xc3\xa9",
            b'm/x; boundary="\x01"',
            b"m/x; boundary*=us-ascii''b",
        ):
            self.assertIsNone(boundary_of(value), value)

    @readable
    @given(CONTENT_TYPES)
    @example('multipart/mixed;boundary="b\\\\c"')
    @example('multipart/mixed;boundary=";\tboundary=b"')
    def test_agrees_with_the_standard_library(self, value: str) -> None:
        """Where its two readers are of one mind, so are we, if it can be used."""
        try:
            modern = REGISTRY("Content-Type", value)
        except Exception:  # noqa: BLE001 - it stumbles over some of these
            return
        old = Message()
        old["Content-Type"] = value
        if modern.defects or old.get_boundary() != modern.params.get("boundary"):
            return
        self.assertEqual(media_type(value.encode()).decode(), modern.content_type)
        boundary = old.get_boundary() or ""
        usable = boundary.isascii() and boundary.isprintable()
        expected = boundary.encode() if boundary and usable else None
        self.assertEqual(boundary_of(value.encode()), expected)

    @readable
    @given(st.sampled_from(["b", "=_b", "a'()+_,-./:=?b", "0 1", "x" * 70]))
    def test_finds_every_lawful_boundary_in_quotes(self, boundary: str) -> None:
        """All characters that RFC 2046 allows."""
        value = f'multipart/mixed; charset=x; boundary="{boundary}"'
        self.assertEqual(boundary_of(value.encode()), boundary.encode())

    def test_long_values_take_no_long_time(self) -> None:
        """Unclosed quotes and comments by the thousand are read in one pass."""
        for hostile in (b'"\\' * 30000, b"(\\" * 30000, b"((" * 30000, b"; a=" * 20000):
            self.assertIsNone(boundary_of(b"m/x;" + hostile))
            self.assertIsNone(boundary_of(b"m/x;(c)" + hostile))
