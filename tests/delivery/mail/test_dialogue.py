"""Conversations with mail servers of every kind, whole and byte by byte."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import (
    Event,
    Over,
    Ready,
    Send,
    Settled,
    Step,
    Terms,
)
from mcmtpush.delivery.mail.transaction import make_transaction
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import Answered, Outcome
from tests.delivery.mail.talk import (
    ALL,
    BUSY,
    CLOSING,
    DATA,
    DOT_HI,
    EHLO,
    EXTENDED,
    GO,
    GONE,
    HELLO,
    HI,
    LINES,
    MAIL,
    N4,
    N5,
    N421,
    NO,
    ONE,
    OPTIONAL,
    PLAIN,
    PROVEN,
    REQUIRED,
    RSET,
    TERMS,
    TWO,
    UNKNOWN,
    A,
    B,
    talk,
)
from tests.support.case import TestCase, readable


# What the server says after its greeting, what one message to two people comes to,
# and what was said by us (without EHLO).
CONVERSATIONS: dict[str, tuple[list[str], tuple[Outcome, ...], list[str]]] = {
    "all is well": (
        [PLAIN, "250", "250", "250", GO, "250 2.0.0 taken"],
        (PROVEN, PROVEN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "one recipient is refused": (
        [PLAIN, "250", N5, "251 will forward", GO, "250 taken"],
        (NO, PROVEN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "both are refused": (
        [PLAIN, "250", N5, N4, "250 reset"],
        (NO, BUSY),
        [MAIL, A, B, RSET],
    ),
    "the sender is refused": ([PLAIN, N5], (NO, NO), [MAIL]),
    "the data is refused": (
        [PLAIN, "250", "250", N5, N4],
        (BUSY, NO),
        [MAIL, A, B, DATA, RSET],
    ),
    "the content is refused": (
        [PLAIN, "250", "250", "250", GO, N5],
        (NO, NO),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "the content is put off": (
        [PLAIN, "250", N5, "250", GO, N4],
        (NO, BUSY),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "gone before MAIL is answered": ([PLAIN], (GONE, GONE), [MAIL]),
    "gone before RCPT is answered": ([PLAIN, "250", N5], (NO, GONE), [MAIL, A, B]),
    "gone before DATA is answered": (
        [PLAIN, "250", "250", N5],
        (GONE, NO),
        [MAIL, A, B, DATA],
    ),
    "gone after the dot": (
        [PLAIN, "250", N5, "250", GO],
        (NO, UNKNOWN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "half an answer after the dot": (
        [PLAIN, "250", "250", "250", GO, "250-2.0.0 tak"],
        (UNKNOWN, UNKNOWN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "rubbish after the dot": (
        [PLAIN, "250", "250", "250", GO, "what?"],
        (UNKNOWN, UNKNOWN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "more data wanted after the dot": (
        [PLAIN, "250", "250", "250", GO, GO],
        (UNKNOWN, UNKNOWN),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "rubbish before the dot": ([PLAIN, "250", "what?"], (GONE, GONE), [MAIL, A]),
    "DATA is taken for a message": (
        [PLAIN, "250", "250", "250", "250 taken"],
        (GONE, GONE),
        [MAIL, A, B, DATA],
    ),
    "closing at MAIL": ([PLAIN, N421], (CLOSING, CLOSING), [MAIL]),
    "closing at RCPT": ([PLAIN, "250", "250", N421], (GONE, CLOSING), [MAIL, A, B]),
    "closing at DATA": (
        [PLAIN, "250", "250", N5, N421],
        (CLOSING, NO),
        [MAIL, A, B, DATA],
    ),
    "closing after the dot": (
        [PLAIN, "250", "250", "250", GO, N421],
        (CLOSING, CLOSING),
        [MAIL, A, B, DATA, DOT_HI],
    ),
    "pipelining, all is well": (
        [EXTENDED, "250\r\n250\r\n250\r\n" + GO, "250 taken"],
        (PROVEN, PROVEN),
        [ALL, DOT_HI],
    ),
    "pipelining, one is refused": (
        [EXTENDED, "250", N5, "250", GO, N4],
        (NO, BUSY),
        [ALL, DOT_HI],
    ),
    "pipelining, nobody is taken": (
        [EXTENDED, "250", N5, N4, "503 no recipients", "250 reset"],
        (NO, BUSY),
        [ALL, RSET],
    ),
    "pipelining, nobody is taken and data wanted": (
        [EXTENDED, "250", N5, N4, GO, "554 no recipients"],
        (NO, BUSY),
        [ALL, ".\r\n"],
    ),
    "pipelining, the sender is refused": (
        [EXTENDED, N5, "503 MAIL?", "503 MAIL?", "503 MAIL?"],
        (NO, NO),
        [ALL],
    ),
    "pipelining, refused sender and taken recipients": (
        [EXTENDED, N5, "250", "250", GO, "250 taken"],
        (NO, NO),
        [ALL, ".\r\n"],
    ),
    "pipelining, closing": ([EXTENDED, "250", N421], (CLOSING, GONE), [ALL]),
    "pipelining, gone": ([EXTENDED, "250", "250", N5], (GONE, NO), [ALL]),
    "pipelining, gone after the dot": (
        [EXTENDED, "250", "250", N5, GO],
        (UNKNOWN, NO),
        [ALL, DOT_HI],
    ),
    "too much is answered": (
        [EXTENDED, "250\r\n250\r\n250\r\n" + GO, "250 taken\r\n250 what else"],
        (PROVEN, PROVEN),
        [ALL, DOT_HI],
    ),
}


class ConversationTests(TestCase):
    def test_conversations(self) -> None:
        """One message to two people, however the server takes it."""
        for name, (lines, outcomes, said) in CONVERSATIONS.items():
            with self.subTest(name):
                course = talk(HELLO, *lines, messages=(TWO,))
                self.assertEqual(course.settled, [outcomes])
                self.assertEqual(course.said, [EHLO, *said])
                self.assertIsNotNone(course.over)

    def test_crumbs(self) -> None:
        """Byte by byte nothing is different."""
        for name, (lines, _, _) in CONVERSATIONS.items():
            with self.subTest(name):
                whole = talk(HELLO, *lines, messages=(TWO,))
                crumbs = talk(HELLO, *lines, messages=(TWO,), crumbs=True)
                self.assertEqual(crumbs.settled, whole.settled)
                self.assertEqual(crumbs.said, whole.said)
                self.assertEqual(crumbs.over, whole.over)

    def test_gone_anywhere(self) -> None:
        """A server that hangs up after any byte leaves one settled transaction."""
        for name, (lines, outcomes, _) in CONVERSATIONS.items():
            data = "\r\n".join([HELLO, *lines]) + "\r\n"
            for length in range(len(data)):
                dialogue, settled, overs = Dialogue(TERMS), 0, 0
                todo: list[Event] = list(dialogue.feed(data[:length].encode()))
                begun = False
                todo += dialogue.lost("gone")
                while todo:
                    event = todo.pop(0)
                    if isinstance(event, Ready) and not begun:
                        begun = True
                        todo += dialogue.begin(TWO)
                    settled += isinstance(event, Settled)
                    overs += isinstance(event, Over)
                self.assertEqual((settled, overs), (int(begun), 1), name)
            self.assertEqual(len(outcomes), 2)

    def test_several_messages(self) -> None:
        """Messages follow one another; RSET only where one was left open."""
        course = talk(
            HELLO, PLAIN, "250", "250", GO, "250 one", "250", N5, "250 reset",
            "250", "250", GO, "250 three", messages=(ONE, ONE, ONE),
        )  # fmt: skip
        self.assertEqual(course.settled, [(PROVEN,), (NO,), (PROVEN,)])
        self.assertEqual(
            course.said,
            [EHLO, *[MAIL, A, DATA, HI], *[MAIL, A, RSET], *[MAIL, A, DATA, HI]],
        )

    def test_reused(self) -> None:
        """A server that had enough of a used connection says nothing of the message."""
        taken = [HELLO, PLAIN, "250", "250", GO, "250 one"]
        course = talk(*taken, N421, messages=(ONE, ONE))
        self.assertEqual(course.settled, [(PROVEN,), (GONE,)])
        self.assertEqual(course.over, Over("closes: 421 4.3.2 bye"))
        course = talk(*taken, N4, messages=(ONE, ONE))
        self.assertEqual(course.settled, [(PROVEN,), (BUSY,)])

    def test_unasked(self) -> None:
        """A word without a question ends it; nothing is begun after that."""
        course = talk(HELLO, PLAIN, N421, messages=())
        self.assertEqual(course.over, Over("said without being asked: 421 4.3.2 bye"))
        course = talk(HELLO, f"{PLAIN}\r\n{N421}", messages=(ONE,))
        self.assertEqual(course.settled, [(GONE,)])

    def test_ahead_of_time(self) -> None:
        """Who answers before it can have the message has not got it."""
        early = "250\r\n250\r\n" + GO + "\r\n250 taken"
        course = talk(HELLO, EXTENDED, early, messages=(ONE,))
        self.assertEqual(course.settled, [(GONE,)])
        self.assertNotIn(HI, course.said)

    def test_before_all_is_sent(self) -> None:
        """An answer before the dot has left: no is no, yes cannot be."""
        begin = [HELLO, PLAIN, "250", "250", GO]
        course = talk(*begin, "552 5.3.4 too big", messages=(ONE,), unsent=True)
        self.assertEqual(course.settled, [(Answered(552, "5.3.4 too big"),)])
        self.assertIn("before the end of data", str(course.over))
        course = talk(*begin, "250 taken", messages=(ONE,), unsent=True)
        self.assertEqual(course.settled, [(GONE,)])
        course = talk(*begin, messages=(ONE,), unsent=True)
        self.assertEqual(course.settled, [(GONE,)])

    def test_objection(self) -> None:
        """What the server cannot take is settled without it, and the next follows."""
        big = make_transaction("s@x", ("a@y",), b"x" * 200)
        course = talk(
            HELLO, EXTENDED, "250", "250", GO, "250 taken", messages=(big, ONE)
        )
        refused = Answered(
            552, "5.3.4 [internal] message too large: the server takes 100"
        )
        self.assertEqual(course.settled, [(refused,), (PROVEN,)])

    def test_eight_bits(self) -> None:
        """8BITMIME is asked for where it is offered and needed."""
        one = make_transaction("s@x", ("a@y",), b"\xe4\r\n")
        course = talk(HELLO, EXTENDED, messages=(one,))
        self.assertEqual(
            course.said[1],
            "MAIL FROM:<s@x> SIZE=3 BODY=8BITMIME\r\n" + A + DATA,
        )

    def test_quit(self) -> None:
        """Goodbye is said when nothing goes on; its answer is the end."""
        dialogue = Dialogue(TERMS)
        dialogue.feed(b"220 hi\r\n")
        self.assertEqual(dialogue.quit(), [])
        dialogue.feed(b"250 mx\r\n")
        self.assertEqual(dialogue.quit(), [Send(b"QUIT\r\n")])
        self.assertIs(dialogue.step, Step.QUIT)
        ended = [Over("closed as agreed", agreed=True)]
        self.assertEqual(dialogue.feed(b"221 bye\r\n"), ended)
        self.assertEqual(dialogue.feed(b"250 more\r\n"), [])
        self.assertEqual(dialogue.lost("gone"), [])

    def test_misuse(self) -> None:
        """A transaction inside another, or before its time, is our bug."""
        dialogue = Dialogue(TERMS)
        with self.assertRaises(LocalProtocolError):
            dialogue.begin(ONE)
        dialogue = Dialogue(TERMS)
        dialogue.feed(b"220 hi\r\n250 mx\r\n"[:8])
        dialogue.feed(b"250 mx\r\n")
        dialogue.begin(ONE)
        with self.assertRaises(LocalProtocolError):
            dialogue.begin(ONE)


class HostileTests(TestCase):
    @readable
    @given(
        st.lists(LINES, max_size=14),
        st.sampled_from([TERMS, OPTIONAL, REQUIRED]),
        st.booleans(),
        st.booleans(),
    )
    def test_anything(
        self, lines: list[str], terms: Terms, crumbs: bool, well: bool
    ) -> None:
        """Nothing a server says raises; every transaction is settled once."""
        start = [HELLO, PLAIN] if well else []
        messages = (TWO, ONE, TWO)
        course: Any = talk(
            *start, *lines, terms=terms, messages=messages, crumbs=crumbs
        )
        begun = min(course.ready, len(messages))
        self.assertEqual(len(course.settled), begun)
        for message, outcomes in zip(messages, course.settled, strict=False):
            self.assertEqual(len(outcomes), len(message.recipients))
        self.assertIsNotNone(course.over)
        sent = "".join(course.said)
        if sent.count(HI) + sent.count(DOT_HI) == 0:
            for outcomes in course.settled:
                self.assertNotIn(PROVEN, outcomes)
                self.assertNotIn(UNKNOWN, outcomes)
