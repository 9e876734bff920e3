"""What parents and workers say, and what becomes of anything else."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import RemoteProtocolError
from mcmtpush.intercom import (
    LONGEST_TEXT,
    ORDERS,
    REPORT_LIMIT,
    REPORTS,
    Answered,
    Begin,
    Counted,
    Declined,
    Ear,
    Emptied,
    Failed,
    Follow,
    Lines,
    Obey,
    Ready,
    Resume,
    Said,
    Stop,
    Word,
    cut,
    write,
)
from tests.support.case import TestCase, readable


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_COUNTS = st.dictionaries(_TEXT, st.integers(0, 2**53), max_size=3)
_WORDS: st.SearchStrategy[Word] = st.one_of(
    st.builds(
        Begin,
        *[st.integers(1, 99), st.integers(1, 99), st.booleans()],
        *[st.integers(3, 99), st.integers(0, 99), st.lists(_TEXT, max_size=2)],
        *[st.dictionaries(_TEXT, st.integers(3, 99), max_size=3)],
        *[_TEXT, _TEXT],
    ),
    st.builds(Follow, _TEXT),
    st.builds(Stop, st.booleans()),
    st.builds(Obey, _TEXT, _TEXT),
    st.builds(Failed, _TEXT),
    st.builds(Said, _TEXT, _TEXT, _TEXT),
    st.builds(Counted, _COUNTS),
    st.builds(Answered, _TEXT, st.one_of(st.none(), _COUNTS)),
    st.sampled_from([Resume(), Ready(), Emptied(), Declined()]),
)
_ALL: Any = (*ORDERS, *REPORTS)


def heard(ear: Ear, data: bytes, sizes: list[int]) -> list[Word]:
    """What an ear makes of data that comes in pieces."""
    words: list[Word] = []
    for size in sizes:
        words += ear.feed(data[:size])
        data = data[size:]
    return words + ear.feed(data)


class WordTests(TestCase):
    @readable
    @given(st.lists(_WORDS, max_size=5), st.lists(st.integers(0, 40), max_size=9))
    def test_every_word_arrives(self, words: list[Word], sizes: list[int]) -> None:
        """In order, however its bytes come."""
        data = b"".join(map(write, words))
        self.assertEqual(heard(Ear(_ALL, REPORT_LIMIT), data, sizes), words)

    @readable
    @given(st.binary(max_size=60), st.lists(_WORDS, max_size=2))
    def test_anything_else(self, data: bytes, words: list[Word]) -> None:
        """Is a fault of the other side, or not complete yet; never another error."""
        ear = Ear(_ALL, REPORT_LIMIT)
        ear.feed(b"".join(map(write, words)))
        with contextlib.suppress(RemoteProtocolError):
            ear.feed(data)

    def test_what_is_no_word(self) -> None:
        """Each is told from what may become one."""
        for data in (
            *[b"x", b"01:", b":", b"-1:", b"12345678901", b"2:[]x", b"0:,", b"2:{},"],
            *[b'7:["Odd"],', b'11:["Ready",1],', b'8:["Stop"],', b'1:",', b"3:[1],"],
            *[b"9999999999:", write(Stop(True)), b'11:[["Ready"]],'],
        ):
            with self.assertRaises(RemoteProtocolError, msg=data):
                Ear(REPORTS, REPORT_LIMIT).feed(data)
        for data in (b"", b"0", b"1", b"12:", b"1234567890"):
            self.assertEqual(Ear(REPORTS, REPORT_LIMIT).feed(data), [])

    def test_too_long(self) -> None:
        """The length alone says so: nothing is kept that long."""
        with self.assertRaisesRegex(RemoteProtocolError, "a word of 101 bytes"):
            Ear(REPORTS, 100).feed(b"101:")

    def test_the_longest_text_fits(self) -> None:
        """Whatever its characters take in JSON."""
        for one in ("a", "\0", "\U0001f600", "\ud800", '"'):
            text = cut(one * (LONGEST_TEXT + 7))
            self.assertIn("[7 characters more]", text)
            word = Said("info", "-", text)
            self.assertEqual(Ear(REPORTS, REPORT_LIMIT).feed(write(word)), [word])


class LineTests(TestCase):
    @readable
    @given(st.lists(st.binary(max_size=30), max_size=6))
    def test_nothing_is_lost_or_kept(self, pieces: list[bytes]) -> None:
        """Of bytes that are text; and no more is kept than the longest line."""
        lines, made = Lines(8), []
        for piece in pieces:
            made += lines.feed(piece)
            self.assertLessEqual(len(lines._rest), 8)
        made += lines.end()
        self.assertTrue(all(len(line) <= 8 for line in made))
        data = b"".join(pieces)
        if data.isalnum():
            self.assertEqual("".join(made), data.decode())

    def test_lines(self) -> None:
        """Torn ones come together; long ones in pieces; empty ones not at all."""
        lines = Lines(4)
        self.assertEqual(lines.feed(b"ab"), [])
        self.assertEqual(lines.feed(b"c\n\ndefghi\nj\xff"), ["abc", "defg", "hi"])
        self.assertEqual(lines.end(), ["j\ufffd"])
        self.assertEqual(lines.end(), [])
