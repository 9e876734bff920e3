"""Replies of mail servers, whole, in crumbs and out of hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.mail.reply import LINE_LIMIT, LINES_LIMIT, Reply, ReplyReader
from mcmtpush.errors import RemoteProtocolError
from tests.support.case import TestCase, readable


def read_all(chunks: list[bytes]) -> tuple[list[Reply], str]:
    """The replies, and the fault that ended it."""
    reader, found = ReplyReader(), []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (reply := reader.read()) is not None:
                found.append(reply)
    except RemoteProtocolError as error:
        return found, str(error)
    return found, ""


class ReplyTests(TestCase):
    def test_one_line(self) -> None:
        """Code and text; the text may be missing, and so may the CR."""
        found, fault = read_all([b"250 2.1.0 Ok\r\n354\r\n221 bye\n"])
        self.assertEqual(
            [(each.code, each.text) for each in found],
            [(250, "2.1.0 Ok"), (354, ""), (221, "bye")],
        )
        self.assertEqual(fault, "")

    def test_many_lines(self) -> None:
        """Lines are joined; the enhanced code stands there once."""
        found, _ = read_all([b"550-5.1.1 No such user\r\n550-\r\n550 5.1.1 here\r\n"])
        self.assertEqual([each.text for each in found], ["5.1.1 No such user here"])
        self.assertEqual(found[0].lines, ("5.1.1 No such user", "", "5.1.1 here"))

    def test_unprintable(self) -> None:
        """What could disturb a log line is gone."""
        found, _ = read_all([b"550 a\x00\x1bb\rc \xff\r\n"])
        self.assertEqual(found[0].text, "a b c \ufffd")

    def test_limits(self) -> None:
        """A line just below the limit is fine; a longer one is not."""
        fine = b"250 " + b"x" * (LINE_LIMIT - 5) + b"\n"
        self.assertEqual(len(read_all([fine])[0]), 1)
        self.assertIn("a line of more", read_all([b"250 " + b"x" * LINE_LIMIT])[1])
        self.assertIn("a line of more", read_all([b"x" + fine])[1])
        lines = b"250-x\r\n" * LINES_LIMIT
        self.assertIn("more than 128 lines", read_all([lines + b"250 x\r\n"])[1])

    def test_no_reply(self) -> None:
        """Anything else is refused, and what came before counts."""
        for junk in (
            b"\r\n",
            b"25 x\r\n",
            b"2500 x\r\n",
            b"150 x\r\n",
            b"650 x\r\n",
            b"HTTP/1.1 400\r\n",
            b"250-a\r\n251 b\r\n",
            b"250_x\r\n",
        ):
            with self.subTest(junk=junk):
                found, fault = read_all([b"220 hi\r\n" + junk])
                self.assertEqual(found, [Reply(220, ("hi",))])
                self.assertIn("not an SMTP reply", fault)

    def test_pending(self) -> None:
        """It tells whether something unfinished is there."""
        reader = ReplyReader()
        self.assertFalse(reader.pending)
        reader.feed(b"250-a\r\n")
        self.assertIsNone(reader.read())
        self.assertTrue(reader.pending)
        reader.feed(b"250 b\r\n")
        self.assertIsNotNone(reader.read())
        self.assertFalse(reader.pending)

    @readable
    @given(
        st.lists(
            st.sampled_from(
                [b"250 ok\r\n", b"250-a\r\n", b"\r", b"\n", b"5", b"50 ", b"x" * 3000]
            )
            | st.binary(max_size=20),
            max_size=8,
        )
    )
    def test_crumbs(self, parts: list[bytes]) -> None:
        """Byte by byte gives what all at once gives, and nothing else is raised."""
        data = b"".join(parts)
        crumbs = [data[index : index + 1] for index in range(len(data))]
        self.assertEqual(read_all([data]), read_all(crumbs))
