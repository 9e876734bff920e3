"""Tests: envelope addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.reception.address import (
    NULL,
    Address,
    check_mail_parameters,
    check_recipient_parameters,
    parse_recipient,
    parse_sender,
)
from tests.support.case import TestCase, readable


class ParseTests(TestCase):
    def test_accepts(self) -> None:
        """Every form of address that the protocol knows is read."""
        for text, expected in {
            b"<4711@apn_example.com>": Address("4711", "apn_example.com"),
            b"<A.b+c@Example.COM>": Address("A.b+c", "Example.COM"),
            b"  <a@b>": Address("a", "b"),
            b"<@relay.example,@other:a@b>": Address("a", "b"),
            b'<"very odd"@b.c>': Address('"very odd"', "b.c"),
            b'<"a\\"<>@b"@c.d>': Address('"a\\"<>@b"', "c.d"),
            b"<a@[192.0.2.1]>": Address("a", "[192.0.2.1]"),
            b"<a@[IPv6:2001:db8::1]>": Address("a", "[IPv6:2001:db8::1]"),
            b"<postmaster>": Address("postmaster", ""),
            b"<!#$%&'*+/=?^_`{|}~-@x>": Address("!#$%&'*+/=?^_`{|}~-", "x"),
        }.items():
            self.assertEqual(parse_sender(b"FROM:" + text), (expected, b""))
            self.assertEqual(parse_recipient(b"to:" + text), (expected, b""))

    def test_refuses(self) -> None:
        """What is no address is a syntax error of its own command."""
        for text in [
            b"",
            b"a@b",
            b"<a@b",
            b"a@b>",
            b"<a@b>x",
            b"<<a@b>>",
            b"<a@b@c>",
            b"<a b@c>",
            b"<a@b..c>",
            b"<a@.b>",
            b"<a@b.>",
            b"<.a@b>",
            b"<a..b@c>",
            b"<@b>",
            b"<a@>",
            b"<a@b c>",
            b'<"a@b>',
            b"<a@[]>",
            b"<a@[192.0.2.256]>",
            b"<a@[IPv6:192.0.2.1]>",
            b"<a@[2001:db8::1]>",
            b"<a@b>\x01",
            b"<a\x01@b>",
        ]:
            with self.assertRaises(MessageRejected) as caught:
                parse_sender(b"FROM:" + text)
            self.assertEqual(str(caught.exception), "501 5.5.2 MAIL FROM syntax error")
            with self.assertRaises(MessageRejected) as caught:
                parse_recipient(b"TO:" + text)
            self.assertEqual(str(caught.exception), "501 5.5.2 RCPT TO syntax error")

    def test_keyword(self) -> None:
        """FROM: belongs to MAIL and TO: to RCPT."""
        self.assertRaises(MessageRejected, parse_sender, b"TO:<a@b>")
        self.assertRaises(MessageRejected, parse_sender, b"FROM <a@b>")
        self.assertRaises(MessageRejected, parse_recipient, b"FROM:<a@b>")

    def test_null_sender(self) -> None:
        """The empty path is a sender and never a recipient."""
        self.assertEqual(parse_sender(b"FROM:<>"), (NULL, b""))
        self.assertEqual(NULL.text, "")
        self.assertRaises(MessageRejected, parse_recipient, b"TO:<>")

    def test_not_ascii(self) -> None:
        """Bytes beyond ASCII have an answer that names them."""
        with self.assertRaises(MessageRejected) as caught:
            parse_sender("FROM:<jürgen@b>".encode())
        self.assertEqual(
            (caught.exception.code, caught.exception.enhanced), (553, "5.6.7")
        )
        with self.assertRaises(MessageRejected) as caught:
            parse_recipient(b"TO:<\xff@b>")
        self.assertEqual(
            (caught.exception.code, caught.exception.enhanced), (553, "5.6.7")
        )

    def test_too_long(self) -> None:
        """Addresses and domains beyond their limits are refused as that."""
        with self.assertRaises(MessageRejected) as caught:
            parse_sender(b"FROM:<" + b"a" * 600 + b"@b>")
        self.assertEqual(caught.exception.enhanced, "5.1.7")
        with self.assertRaises(MessageRejected) as caught:
            parse_recipient(b"TO:<a@" + b"b" * 256 + b">")
        self.assertEqual(caught.exception.enhanced, "5.1.3")
        self.assertEqual(
            parse_sender(b"FROM:<" + b"a" * 200 + b"@b>")[0].local, "a" * 200
        )

    def test_parameters_are_cut_off(self) -> None:
        """What follows the path is handed back as it came."""
        self.assertEqual(
            parse_sender(b"FROM:<a@b>  SIZE=1 BODY=7BIT"),
            (Address("a", "b"), b"SIZE=1 BODY=7BIT"),
        )

    @readable
    @given(st.binary(max_size=60))
    def test_nothing_else_is_raised(self, junk: bytes) -> None:
        """Any bytes are an address or a refusal."""
        for parse, keyword in ((parse_sender, b"FROM:"), (parse_recipient, b"TO:")):
            for text in (junk, keyword + junk, keyword + b"<" + junk + b">"):
                try:
                    address, _ = parse(text)
                except MessageRejected as refused:
                    self.assertIn(refused.code, {501, 553})
                else:
                    self.assertTrue(address.text.isascii())


class ParametersTests(TestCase):
    def test_known(self) -> None:
        """SIZE below the limit and the two body types are obeyed."""
        check_mail_parameters(b"SIZE=1000", 1000)
        check_mail_parameters(b"size=0 body=8bitmime", 1000)
        check_mail_parameters(b"BODY=7BIT", 1000)

    def test_size(self) -> None:
        """A size beyond the limit, no number, or said twice is refused."""
        for text, answer in {
            b"SIZE=1001": "552 5.3.4 message size limit exceeded",
            b"SIZE=": "501 5.5.4 SIZE needs a number, once",
            b"SIZE=-1": "501 5.5.4 SIZE needs a number, once",
            b"SIZE=1 SIZE=1": "501 5.5.4 SIZE needs a number, once",
            b"SIZE=" + b"9" * 1900: "552 5.3.4 message size limit exceeded",
        }.items():
            with self.assertRaises(MessageRejected) as caught:
                check_mail_parameters(text, 1000)
            self.assertEqual(str(caught.exception), answer)

    def test_unknown(self) -> None:
        """Any other parameter is refused by name."""
        for text in (b"SMTPUTF8", b"BODY=BINARYMIME", b"RET=HDRS", b"AUTH=<>"):
            with self.assertRaises(MessageRejected) as caught:
                check_mail_parameters(text, 1000)
            self.assertEqual(
                str(caught.exception),
                f"555 5.5.4 parameter {text.decode()} is not supported",
            )
        with self.assertRaises(MessageRejected) as caught:
            check_recipient_parameters(b"NOTIFY=NEVER")
        self.assertEqual(caught.exception.code, 555)
