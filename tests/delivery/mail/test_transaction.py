"""Commands of a mail transaction and its content on the wire."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mcmtpush.delivery.mail.transaction import (
    encode_content,
    is_sendable,
    make_transaction,
)
from mcmtpush.values import Answered
from tests.support.case import TestCase, readable


def unstuffed(content: bytes) -> bytes:
    """What a strict server reads: lines end in CRLF, one dot alone ends it."""
    lines = content.split(b"\r\n")
    end = lines.index(b".")
    assert lines[end + 1 :] == [b""], "something follows the end of data"
    read = [line[1:] if line.startswith(b".") else line for line in lines[:end]]
    return b"".join(line + b"\r\n" for line in read)


class ContentTests(TestCase):
    def test_dots(self) -> None:
        """A dot that begins a line is doubled, and one ends it all."""
        self.assertEqual(
            encode_content(b".a\r\nb.\r\n.\r\n..\r\n"),
            (b"..a\r\nb.\r\n..\r\n...\r\n.\r\n", 15),
        )

    def test_last_line(self) -> None:
        """A missing end of line is added; no mail is no line."""
        self.assertEqual(encode_content(b"a"), (b"a\r\n.\r\n", 3))
        self.assertEqual(encode_content(b""), (b".\r\n", 0))

    def test_bare_ends(self) -> None:
        """Bare CR and LF become ends of line, so that no server sees one more end."""
        content, size = encode_content(b"a\n.\nMAIL FROM:<x>\r.\r\rb")
        self.assertEqual(content, b"a\r\n..\r\nMAIL FROM:<x>\r\n..\r\n\r\nb\r\n.\r\n")
        self.assertEqual(size, 29)

    @readable
    @given(st.text("ab.\r\n", max_size=40).map(str.encode))
    @example(b"\r\n.\r\n")
    @example(b"\n.\n")
    @example(b".")
    def test_any_content(self, mail: bytes) -> None:
        """Every server, strict or lenient, reads the lines that were there."""
        content, size = encode_content(mail)
        read = unstuffed(content)
        self.assertEqual(len(read), size)
        wanted = mail.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if wanted[-1] == b"":
            wanted.pop()
        self.assertEqual(read.split(b"\r\n")[:-1], wanted)
        self.assertNotRegex(content, rb"(?<!\r)\n|\r(?!\n)")


class CommandTests(TestCase):
    def test_parameters(self) -> None:
        """Only what the server knows is said."""
        eight = make_transaction("a@b", ("c@d",), b"\xe4")
        plain = make_transaction("", ("c@d",), b"x")
        every = {"SIZE": "", "8BITMIME": "", "SMTPUTF8": ""}
        self.assertEqual(eight.mail({}), b"MAIL FROM:<a@b>\r\n")
        self.assertEqual(eight.mail(every), b"MAIL FROM:<a@b> SIZE=3 BODY=8BITMIME\r\n")
        self.assertEqual(plain.mail(every), b"MAIL FROM:<> SIZE=3\r\n")
        self.assertEqual(plain.rcpt(0), b"RCPT TO:<c@d>\r\n")

    def test_utf8(self) -> None:
        """Addresses beyond ASCII need a server that takes them."""
        one = make_transaction("a@b", ("grüße@d",), b"x")
        self.assertEqual(one.mail({"SMTPUTF8": ""}), b"MAIL FROM:<a@b> SMTPUTF8\r\n")
        self.assertEqual(one.rcpt(0), "RCPT TO:<grüße@d>\r\n".encode())
        self.assertIsNone(one.objection({"SMTPUTF8": ""}))
        self.assertEqual(
            one.objection({}),
            Answered(553, "5.6.7 [internal] address is not ASCII, no SMTPUTF8 offered"),
        )

    def test_size(self) -> None:
        """What is larger than the server takes need not be offered."""
        one = make_transaction("a@b", ("c@d",), b"x" * 98)
        for limit in ("100", "0", "", "many", "9" * 30):
            self.assertIsNone(one.objection({"SIZE": limit}), limit)
        self.assertEqual(
            one.objection({"SIZE": "99"}),
            Answered(552, "5.3.4 [internal] message too large: the server takes 99"),
        )

    def test_addresses(self) -> None:
        """What would end a command early is no address."""
        for address in ("", "a@b", '"a b"@c', "grüße@d", "x" * 480):
            self.assertTrue(is_sendable(address), address)
        for address in (
            "a\r\nDATA@b",
            "a\nb",
            "a> SIZE=1",
            "<a@b",
            "a b@c",
            "a\0",
            "x" * 481,
            "\ud800@x",
        ):
            self.assertFalse(is_sendable(address), address)
