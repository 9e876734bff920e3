"""The push part: where its fields may stand and what they may say."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.pushpart import read_push_part
from mcmtpush.values import PushPart
from tests.mcmt.message import answer_to
from tests.support.case import TestCase, readable


JSON = b'{"aps":{"alert":"hi"}}'


class FieldPlaceTests(TestCase):
    def test_inner_header(self) -> None:
        """The documented form: fields, an empty line, JSON."""
        self.assertEqual(
            read_push_part(
                b"X-Device-Token: abCD\r\nReturn-Path: <a@b.c>\r\n"
                b"Content-Transfer-Encoding: 8bit\r\n\r\n" + JSON
            ),
            PushPart("abCD", JSON, "a@b.c"),
        )

    def test_names_in_any_case_and_folded(self) -> None:
        """A folded token keeps its blanks; delivery ignores them."""
        self.assertEqual(
            read_push_part(
                b"x-DEVICE-token: ab\r\n cd\r\n\tef\r\nRETURN-path:\r\n <a@b.c>\r\n\r\n"
                + JSON
            ),
            PushPart("ab cd ef", JSON, "a@b.c"),
        )

    def test_fields_among_the_parts_own(self) -> None:
        """Then the body is the JSON."""
        header = b"Content-Type: x\r\nX-Device-Token: ab\r\nReturn-Path: a@b.c\r\n"
        self.assertEqual(read_push_part(JSON, header), PushPart("ab", JSON, "a@b.c"))

    def test_the_inner_header_goes_before_the_parts_own(self) -> None:
        """Field by field."""
        self.assertEqual(
            read_push_part(
                b"X-Device-Token: inner\r\n\r\n" + JSON,
                b"X-Device-Token: outer\r\nReturn-Path: <o@b.c>\r\n",
            ),
            PushPart("inner", JSON, "o@b.c"),
        )

    def test_no_header_at_all(self) -> None:
        """The token then comes from elsewhere; an empty inner header is the same."""
        for body in (
            JSON,
            b"\r\n" + JSON,
            b"\r\n\r\n \r\n" + JSON,
            b"\xef\xbb\xbf" + JSON,
        ):
            self.assertEqual(read_push_part(body), PushPart("", JSON, None))

    def test_line_feeds_alone_will_do(self) -> None:
        """In both headers."""
        self.assertEqual(
            read_push_part(b"X-Device-Token: ab\n\n" + JSON, b"Return-Path: <>\n"),
            PushPart("ab", JSON, ""),
        )

    def test_unknown_fields_mean_nothing(self) -> None:
        """And need not be known."""
        body = b"X-Other: {\r\nX-Device-Token: ab\r\nSubject: x\r\n\r\n" + JSON
        self.assertEqual(read_push_part(body).token, "ab")


class NativeFieldTests(TestCase):
    """Fields for the HTTP/2 interface."""

    def test_every_one(self) -> None:
        """Names lose their `X-` and their case; an empty field says nothing."""
        part = read_push_part(
            b"X-Device-Token: ab\r\nX-APNs-ID: 1\r\nX-Apns-Expiration: 0\r\n"
            b"x-apns-priority: 5\r\nX-APNs-Topic: com.example.app\r\n"
            b"X-APNs-Push-Type:\r\n alert\r\nX-APNs-Collapse-ID: scores\r\n"
            b"X-APNs-Channel-ID: \r\nX-Token-Registered-At: 1700000000\r\n\r\n" + JSON
        )
        self.assertEqual(
            part.headers,
            {
                "apns-id": "1",
                "apns-expiration": "0",
                "apns-priority": "5",
                "apns-topic": "com.example.app",
                "apns-push-type": "alert",
                "apns-collapse-id": "scores",
                "token-registered-at": "1700000000",
            },
        )

    def test_among_the_parts_own(self) -> None:
        """The inner header goes first, field by field."""
        part = read_push_part(
            b"X-APNs-Topic: inner\r\n\r\n" + JSON,
            b"X-APNs-Topic: outer\r\nX-APNs-Priority: 5\r\n",
        )
        self.assertEqual(part.headers, {"apns-topic": "inner", "apns-priority": "5"})

    def test_refuses_what_no_request_can_say(self) -> None:
        """A field twice, and text that is not ASCII."""
        for fields, text in (
            (b"X-APNs-Topic: a\r\nX-APNs-Topic: b\r\n", "X-Apns-Topic stands"),
            ("X-APNs-Topic: \u00e4\r\n".encode(), "X-Apns-Topic is not printable"),
        ):
            body = fields + b"\r\n" + JSON
            self.assertIn(text, answer_to(lambda body=body: read_push_part(body)))


class FieldValueTests(TestCase):
    def test_return_paths(self) -> None:
        """Brackets go; empty brackets are the null sender, an empty field is none."""
        for written, path in (
            (b"<a@b.c>", "a@b.c"),
            (b"< a@b.c >", "a@b.c"),
            (b"a@b.c", "a@b.c"),
            (b"<>", ""),
            (b"", None),
        ):
            part = read_push_part(b"Return-Path: %s\r\n\r\n" % written + JSON)
            self.assertEqual(part.return_path, path)

    def test_refuses_a_return_path_that_is_not_one_address(self) -> None:
        """It becomes an envelope sender one day."""
        for written in (b"Me <a@b.c>", b"<a@b.c", b"a@b.c d@e.f", b"<<a@b.c>>", b"<"):
            self.assertEqual(
                answer_to(
                    lambda w=written: read_push_part(b"Return-Path: %s\r\n\r\n{}" % w)
                ),
                "550 5.6.0 the push part: Return-Path is not one address",
            )

    def test_any_printable_token_is_accepted(self) -> None:
        """Whether it is one is found out at delivery."""
        for token in ("", "xyz", "ab" * 400, "grün"):
            body = b"X-Device-Token: %s\r\n\r\n" % token.encode() + JSON
            self.assertEqual(read_push_part(body).token, token)

    def test_refuses_tokens_that_no_log_can_hold(self) -> None:
        """Control characters and broken UTF-8; the answer does not repeat them."""
        for token in (b"a\x1bb", b"a\x7f", b"\xff", "a\u2028b".encode(), b"\xc2\x9b"):
            self.assertEqual(
                answer_to(
                    lambda t=token: read_push_part(b"X-Device-Token: %s\r\n\r\n{}" % t)
                ),
                "550 5.6.0 the push part: X-Device-Token is not printable UTF-8 text",
            )

    def test_refuses_a_second_token(self) -> None:
        """Nobody else's telephone."""
        self.assertEqual(
            answer_to(
                lambda: read_push_part(b"X-Device-Token: ab\r\n" * 2 + b"\r\n{}")
            ),
            "550 5.6.0 the push part: X-Device-Token stands there twice",
        )


class EncodingTests(TestCase):
    def test_json_in_every_encoding(self) -> None:
        """Declared in the inner header, or in the part's own for the JSON."""
        json = '{"a":"é=1"}'.encode()
        for name, coded in (
            (b"base64", base64.encodebytes(json)),
            (b"quoted-printable", quopri.encodestring(json)),
            (b"8bit", json),
            (b"binary", json),
            (b"7bit", json),
        ):
            field = b"Content-Transfer-Encoding: %s\r\n" % name
            token = b"X-Device-Token: ab\r\n"
            for body, header in (
                (token + field + b"\r\n" + coded, b""),
                (token + b"\r\n" + coded, field),
                (coded, token + field),
                (token + field + b"\r\n" + coded, field),
            ):
                self.assertEqual(read_push_part(body, header), PushPart("ab", json))

    def test_the_whole_body_encoded(self) -> None:
        """As mail libraries do it when told to encode the part."""
        body = b"X-Device-Token: ab\r\n\r\n" + JSON
        for name, coded in (
            (b"base64", base64.encodebytes(body)),
            (b"quoted-printable", quopri.encodestring(b"\r\n" + body)),
        ):
            header = b"Content-Transfer-Encoding: %s\r\n" % name
            self.assertEqual(read_push_part(coded, header), PushPart("ab", JSON))

    def test_the_inner_encoding_goes_first(self) -> None:
        """A part's own base64 is overruled by an inner 7bit."""
        self.assertEqual(
            read_push_part(
                b"Content-Transfer-Encoding: 7bit\r\n\r\n" + JSON,
                b"Content-Transfer-Encoding: base64\r\n",
            ).payload,
            JSON,
        )

    def test_broken_encodings(self) -> None:
        """The answer says which and where."""
        for name, coded, answer in (
            (
                "base64",
                "e3?0",
                (
                    "5.6.0 the push part: the base64 is broken:"
                    " its line 1 holds a character that is not base64"
                ),
            ),
            ("base64", "", "5.6.1 the push part: the JSON is missing"),
            ("base64", "/w==", "5.6.1 the push part: byte 0 of the JSON is not UTF-8"),
            (
                "quoted-printable",
                "{=}",
                "5.6.0 the push part: the quoted-printable is broken at its line 1",
            ),
            (
                "rot13",
                "{}",
                "5.6.1 the push part: an unknown Content-Transfer-Encoding",
            ),
        ):
            body = f"Content-Transfer-Encoding: {name}\r\n\r\n{coded}".encode()
            self.assertEqual(
                answer_to(lambda body=body: read_push_part(body)), f"550 {answer}"
            )


class BrokenTests(TestCase):
    def test_a_forgotten_empty_line(self) -> None:
        """Before the JSON, in either header, however the JSON is laid out."""
        for json in (b'{"a":1}', b'{"a":\r\n1}', b'{\r\n"a":1}\r\n'):
            self.assertEqual(
                answer_to(lambda j=json: read_push_part(b"X-Device-Token: a\r\n" + j)),
                "550 5.6.0 inner header of the push part, line 2:"
                " an empty line must stand before the JSON",
            )
        header = b'Content-Type: x\r\nX-Device-Token: a\r\n{"aps":{}}\r\n'
        self.assertEqual(
            answer_to(lambda: read_push_part(b"", header)),
            "550 5.6.0 header of the push part, line 3:"
            " an empty line must stand before the JSON",
        )
        inner = b'X-Device-Token: a\r\n{"aps":{}}\r\n\r\n{}'
        self.assertIn("line 2:", answer_to(lambda: read_push_part(inner)))

    def test_neither_fields_nor_json(self) -> None:
        """The reader of the answer is pointed at the first character."""
        self.assertIn(
            "550 5.6.1 the push part: the JSON is broken at its line 1, column 1: ",
            answer_to(lambda: read_push_part(b"Hello")),
        )

    def test_an_inner_header_over_its_limit(self) -> None:
        """Bounded like every header."""
        self.assertEqual(
            answer_to(lambda: read_push_part(b"A: 1\r\n\r\n{}", header_bytes=5)),
            "550 5.6.0 inner header of the push part: longer than 5 bytes",
        )

    def test_every_truncation_is_refused(self) -> None:
        """No prefix of a part passes for a shorter part."""
        part = b"X-Device-Token: ab\r\nReturn-Path: <a@b>\r\n\r\n" + JSON
        for length in range(len(part)):
            text = answer_to(lambda n=length: read_push_part(part[:n]))
            self.assertRegex(text, r"\A550 5\.6\.[01] (inner header of )?the push part")

    @readable
    @given(st.binary(max_size=40), st.binary(max_size=40))
    def test_garbage_is_read_or_refused(self, body: bytes, header: bytes) -> None:
        """Nothing but MessageRejected comes out, and never the sender's words."""
        try:
            part = read_push_part(body, header)
        except MessageRejected as error:
            self.assertTrue(str(error).isascii())
        else:
            self.assertEqual(part.payload[:1], b"{")

    @readable
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"X-Device-Token: ab",
                    b"Return-Path: <>",
                    b"\r\n",
                    b"\n",
                    b"{}",
                    b"\r",
                ]
            )
            | st.sampled_from(
                [b"Content-Transfer-Encoding: ", b"base64", b"e30=", b" ", b"=7B}"]
            )
            | st.sampled_from(
                [b"quoted-printable", b'{"a":1,}', b"\xef\xbb\xbf", b":", b"\r\n\r\n"]
            ),
            max_size=12,
        )
    )
    def test_near_misses_are_read_or_refused(self, pieces: list[bytes]) -> None:
        """Same, with bytes that look more like a part."""
        body = b"".join(pieces)
        try:
            part = read_push_part(body)
        except MessageRejected:
            return
        self.assertEqual(read_push_part(part.payload).payload, part.payload)
