"""Transfer encodings: honoured, and damage is noticed."""

from __future__ import annotations

import binascii
from email.message import Message

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.transfer import decode, read_encoding
from tests.mcmt.message import answer_to
from tests.support.case import TestCase, readable


class ReadEncodingTests(TestCase):
    def test_knows_the_five_of_the_standard(self) -> None:
        """Three of them are the bytes themselves; case and comments do not matter."""
        for value, encoding in (
            (b"7bit", "identity"),
            (b"8BIT", "identity"),
            (b" binary ", "identity"),
            (b"Base64 (of course)", "base64"),
            (b"\r\n quoted-PRINTABLE", "quoted-printable"),
        ):
            block = b"Content-Transfer-Encoding:" + value + b"\r\n"
            self.assertEqual(read_encoding(block, where="here"), encoding)
        self.assertIsNone(read_encoding(b"A: 1\r\n", where="here"))

    def test_refuses_others(self) -> None:
        """An unknown one, none named, or two."""
        for value in (b"uuencode", b"", b"7bit 8bit"):
            block = b"Content-Transfer-Encoding:" + value + b"\r\n"
            self.assertEqual(
                answer_to(lambda block=block: read_encoding(block, where="here")),
                "550 5.6.1 here: an unknown Content-Transfer-Encoding",
            )
        block = b"Content-Transfer-Encoding: 7bit\r\n" * 2
        self.assertEqual(
            answer_to(lambda: read_encoding(block, where="here")),
            "550 5.6.0 here: Content-Transfer-Encoding stands there twice",
        )


class DecodeTests(TestCase):
    def test_identity_and_none_leave_bytes_alone(self) -> None:
        """Whatever they are."""
        self.assertEqual(decode(b"=\xff\r", "identity", where="here"), b"=\xff\r")
        self.assertEqual(decode(b"=\xff\r", None, where="here"), b"=\xff\r")

    def test_base64_with_line_ends_and_blanks(self) -> None:
        """White space is no part of the encoding."""
        self.assertEqual(
            decode(b"\r\nSGVs\r\n bG8=\r\n", "base64", where="here"), b"Hello"
        )
        self.assertEqual(decode(b"", "base64", where="here"), b"")

    def test_refuses_broken_base64(self) -> None:
        """A strange character is placed; for the rest, binascii's reason stands."""
        broken = "550 5.6.0 here: the base64 is broken: "
        for data in (b"SGVs\nbG8!", b"SGVs\r\nbG\xc3\xa9"):
            self.assertEqual(
                answer_to(lambda data=data: decode(data, "base64", where="here")),
                broken + "its line 2 holds a character that is not base64",
            )
        for data in (b"SGVsbG8", b"SGVsbG8==", b"SG=VsbG8", b"====", b"e30=e30="):
            text = answer_to(lambda data=data: decode(data, "base64", where="here"))
            self.assertRegex(text, rf"\A{broken}[a-z0-9 ]+\Z")

    def test_quoted_printable(self) -> None:
        """Escapes of either case, soft line ends of either kind."""
        self.assertEqual(
            decode(b"{=C3=a9=\r\nb=\nc}=3D=20", "quoted-printable", where="here"),
            "{ébc}= ".encode(),
        )

    def test_refuses_broken_quoted_printable(self) -> None:
        """An equals sign must begin an escape or end a line."""
        for data in (
            b"a\r\n=3",
            b"a\n=XY",
            b"a\n= \r\n",
            b"a\n==3D",
            b"a\nb=",
            b"a\n=\r",
        ):
            self.assertEqual(
                answer_to(
                    lambda data=data: decode(data, "quoted-printable", where="x")
                ),
                "550 5.6.0 x: the quoted-printable is broken at its line 2",
            )

    @readable
    @given(st.binary(max_size=80), st.sampled_from(["base64", "quoted-printable"]))
    def test_undoes_the_standard_library(self, data: bytes, encoding: str) -> None:
        """What binascii encodes comes back."""
        coded = (
            binascii.b2a_base64(data)
            if encoding == "base64"
            else binascii.b2a_qp(data, istext=False)
        )
        self.assertEqual(decode(coded, encoding, where="here"), data)

    @readable
    @given(
        st.text(st.sampled_from("=ABCaf019 \t\r\n+/!"), max_size=16),
        st.sampled_from(["base64", "quoted-printable"]),
    )
    def test_agrees_with_the_standard_library(self, text: str, encoding: str) -> None:
        """What is not refused, the email package decodes to the same bytes."""
        theirs = Message()
        theirs["Content-Transfer-Encoding"] = encoding
        theirs.set_payload(text)
        try:
            ours = decode(text.encode(), encoding, where="here")
        except MessageRejected:
            return
        self.assertEqual(ours, theirs.get_payload(decode=True))
