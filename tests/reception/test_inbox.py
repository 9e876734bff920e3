"""Tests: command lines and messages out of a stream of bytes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import MessageRejected
from mcmtpush.reception.inbox import LINE_LIMIT, BodyReader, Inbox
from tests.support.case import TestCase, readable


def lines(data: bytes, size: int) -> list[object]:
    """All lines of a stream that comes in pieces; refusals as text."""
    inbox, found = Inbox(), []
    for at in range(0, len(data), size):
        inbox.feed(data[at : at + size])
        while True:
            try:
                line = inbox.take_line()
            except MessageRejected as refused:
                found.append(str(refused))
            else:
                if line is None:
                    break
                found.append(line)
    return found


class InboxTests(TestCase):
    def test_lines(self) -> None:
        """Lines come out without their ends, the rest waits."""
        inbox = Inbox()
        inbox.feed(b"one\r\n\r\ntw")
        self.assertEqual(inbox.take_line(), b"one")
        self.assertEqual(inbox.take_line(), b"")
        self.assertIsNone(inbox.take_line())
        self.assertTrue(inbox)
        inbox.feed(b"o\r\nrest")
        self.assertEqual(inbox.take_line(), b"two")
        self.assertEqual(inbox.take_all(), b"rest")
        self.assertFalse(inbox)

    def test_bad_lines(self) -> None:
        """Bare line ends, NUL and too long a line are refused, and the next is read."""
        bare = "500 5.5.2 bare CR or LF, commands end with CR LF"
        data = (
            b"lf\na\rb\r\n\na\0b\r\n"
            + b"x" * LINE_LIMIT
            + b"\r\n"
            + b"y" * (LINE_LIMIT - 2)
            + b"\r\nend\r\n"
        )
        expected = [
            bare,
            bare,
            bare,
            "500 5.5.2 NUL byte in command",
            "500 5.5.2 line too long",
            b"y" * (LINE_LIMIT - 2),
            b"end",
        ]
        for size in (len(data), 1, 3, 700):
            self.assertEqual(lines(data, size), expected)

    def test_endless_line(self) -> None:
        """A line without an end is not kept."""
        inbox = Inbox()
        for _ in range(100):
            inbox.feed(b"x" * 1000)
            self.assertIsNone(inbox.take_line())
            self.assertLessEqual(len(inbox._data), LINE_LIMIT + 1000)

    @readable
    @given(st.text("ab\r\n\0", max_size=40).map(str.encode), st.integers(1, 8))
    def test_pieces_do_not_matter(self, data: bytes, size: int) -> None:
        """However the bytes come, the lines are the same."""
        self.assertEqual(lines(data, size), lines(data, max(1, len(data))))


def read(data: bytes, size: int, limit: int) -> tuple[object, bytes]:
    """The content, or the refusal as text, and what stood behind the end."""
    body = BodyReader(limit)
    for at in range(0, len(data), size):
        rest = body.feed(data[at : at + size])
        if rest is not None:
            try:
                return body.content(), rest + data[at + size :]
            except MessageRejected as refused:
                return str(refused), rest + data[at + size :]
    raise AssertionError("no end")


SMUGGLING = "550 5.6.0 line with a lone dot not between two CR LF"
TOO_LARGE = "552 5.3.4 message size limit exceeded"


class BodyReaderTests(TestCase):
    def test_content(self) -> None:
        """The end mark ends, stuffing is undone, the rest is handed back."""
        for data, content, rest in [
            (b".\r\n", b"", b""),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
            (b"..\r\n.\r\n", b".\r\n", b""),
            (b".x\r\n.\r\n", b"x\r\n", b""),
            (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", b""),
            (b"a\r\n\r\n.\r\n.\r\n", b"a\r\n\r\n", b".\r\n"),
            (b"a.\r\n.\r\n", b"a.\r\n", b""),
        ]:
            for size in (1, 2, 3, len(data)):
                self.assertEqual(read(data, size, 100), (content, rest), data)

    def test_smuggling(self) -> None:
        """What others may take for an end refuses the message at its true end."""
        for mark in [
            b"\n.\n",
            b"\n.\r\n",
            b"\r\n.\n",
            b"\n.\r",
            b"\r.\r",
            b"\r\n.\r",
            b"\r.\n",
            b"\r.\r\n",
        ]:
            data = b"a: b\r\n\r\nx" + mark + b"MAIL FROM:<x@y>\r\n.\r\nNOOP\r\n"
            for size in (1, 2, 5, len(data)):
                self.assertEqual(read(data, size, 1000), (SMUGGLING, b"NOOP\r\n"), mark)
        for data in (b".\n\r\n.\r\n", b".\r\r\n.\r\n"):
            self.assertEqual(read(data, len(data), 100), (SMUGGLING, b""))

    def test_limit(self) -> None:
        """The limit counts the content as it is after stuffing was undone."""
        exact = b"..." + b"x" * 6 + b"\r\n..\r\n"
        self.assertEqual(len(exact), 2 + 13)
        for size in (1, 2, 4, 100):
            data = exact + b".\r\n"
            self.assertEqual(read(data, size, 13)[0], b".." + b"x" * 6 + b"\r\n.\r\n")
            self.assertEqual(read(data, size, 12)[0], TOO_LARGE)

    def test_too_large_is_not_kept(self) -> None:
        """Beyond the limit only a few bytes are kept, and the end is still found."""
        body = BodyReader(1000)
        for _ in range(200):
            self.assertIsNone(body.feed(b"x" * 700))
            self.assertLessEqual(len(body._raw), 1710)
        self.assertLessEqual(len(body._raw), 4)
        self.assertIsNone(body.feed(b"\r\n.\r"))
        self.assertEqual(body.feed(b"\nQUIT\r\n"), b"QUIT\r\n")
        with self.assertRaises(MessageRejected) as caught:
            body.content()
        self.assertEqual(str(caught.exception), TOO_LARGE)

    @readable
    @given(
        st.text("a.\r\n", max_size=40).map(str.encode),
        st.integers(1, 9),
        st.integers(0, 30),
    )
    def test_pieces_do_not_matter(self, data: bytes, size: int, limit: int) -> None:
        """However the bytes come, the result is a naive reader's."""
        data += b"\r\n.\r\n"
        result = read(data, size, limit)
        self.assertEqual(result, read(data, len(data), limit))
        raw, _, rest = (b"\r\n" + data).partition(b"\r\n.\r\n")
        content = (raw + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
        self.assertEqual(result[1], rest)
        if len(content) > limit:
            self.assertEqual(result[0], TOO_LARGE)
        elif re.search(rb"[\r\n]\.[\r\n]", raw + b"\r\n"):
            self.assertEqual(result[0], SMUGGLING)
        else:
            self.assertEqual(result[0], content)
