"""Conversations with mail servers of every kind, whole and byte by byte."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import (
    TLS_FAILED,
    Event,
    Over,
    Ready,
    Send,
    Settled,
    StartTls,
    Step,
    Terms,
)
from mcmtpush.delivery.mail.transaction import Transaction, make_transaction
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import Accepted, Answered, Discarded, Outcome, Undecided
from tests.support.case import TestCase, readable


TERMS = Terms("me.example")
OPTIONAL = Terms("me.example", tls="ifavailable")
REQUIRED = Terms("me.example", tls="required")

HELLO = "220 mx ready"
PLAIN = "250 mx"
EXTENDED = "250-mx at your service\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 8BITMIME"
STARTTLS = "250-mx\r\n250 STARTTLS"
GO = "354 go ahead"

PROVEN = Accepted("proven")
GONE = Discarded()
UNKNOWN = Undecided()

ONE = make_transaction("s@x", ("a@y",), b"hi\r\n")
TWO = make_transaction("s@x", ("a@y", "b@y"), b".hi\r\n")


@define
class Talk:
    """What came of a conversation."""

    said: list[str] = field(factory=list)
    settled: list[tuple[Outcome, ...]] = field(factory=list)
    over: Over | None = None
    ready: int = 0
    events: list[Event] = field(factory=list)


def talk(
    *lines: str,
    terms: Terms = TERMS,
    messages: tuple[Transaction, ...] = (),
    crumbs: bool = False,
    end: str = "gone",
    unsent: bool = False,
) -> Talk:
    """Let a server say each of `lines` in turn, then hang up if `end` says why.

    The line `TLS` is a finished handshake; transactions begin as soon as they may.
    `unsent`: the last thing that was to be sent did not leave.
    """
    course, waiting = Talk(), list(messages)
    dialogue = Dialogue(terms)

    def note(events: list[Event]) -> None:
        for event in events:
            course.events.append(event)
            if isinstance(event, Send):
                course.said.append(event.data.decode())
            elif isinstance(event, Settled):
                course.settled.append(event.outcomes)
            elif isinstance(event, Over):
                assert course.over is None, "over twice"
                course.over = event
            elif isinstance(event, Ready):
                course.ready += 1
                if waiting:
                    note(dialogue.begin(waiting.pop(0)))

    for number, line in enumerate(lines, 1):
        if line == "TLS":
            note(dialogue.secured())
            continue
        data = line.encode() + b"\r\n"
        late = unsent and number == len(lines)
        pieces = [data[i : i + 1] for i in range(len(data))] if crumbs else [data]
        for piece in pieces:
            note(dialogue.feed(piece, unsent=late))
    if end:
        note(dialogue.lost(end, unsent=unsent))
    return course


MAIL = "MAIL FROM:<s@x>\r\n"
A = "RCPT TO:<a@y>\r\n"
B = "RCPT TO:<b@y>\r\n"
DATA = "DATA\r\n"
HI = "hi\r\n.\r\n"
DOT_HI = "..hi\r\n.\r\n"
EHLO = "EHLO me.example\r\n"
HELO = "HELO me.example\r\n"
RSET = "RSET\r\n"
AB = A + B
SIZED = "MAIL FROM:<s@x> SIZE={}\r\n"
ALL = SIZED.format(5) + AB + DATA

BUSY = Answered(450, "4.2.1 busy")
NO = Answered(550, "5.1.1 no such user")
N4, N5 = "450 4.2.1 busy", "550 5.1.1 no such user"
CLOSING = Answered(421, "4.3.2 bye")
N421 = "421 4.3.2 bye"

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


class OpeningTests(TestCase):
    def test_helo(self) -> None:
        """A server that does not know EHLO gets HELO, and no extensions."""
        course = talk(HELLO, "502 what?", "250 mx PIPELINING", "250", messages=(TWO,))
        self.assertEqual(course.said, [EHLO, HELO, MAIL, A])

    def test_helo_only(self) -> None:
        """Where EHLO is not wanted it is not said."""
        course = talk(HELLO, "250 mx", terms=Terms("me", extended=False))
        self.assertEqual((course.said, course.ready), (["HELO me\r\n"], 1))

    def test_unwelcome(self) -> None:
        """No server for us: a word to everybody, and for now whatever it says."""
        busy = Answered(421, "4.7.0 too many")
        for lines, answer in (
            (["421 4.7.0 too many"], busy),
            ([HELLO, "421 4.7.0 too many"], busy),
            ([HELLO, "500 what?", "421 4.7.0 too many"], busy),
            (
                ["554 go away"],
                Answered(
                    450, "4.3.2 [internal] the mail server takes nothing: 554 go away"
                ),
            ),
        ):
            with self.subTest(lines=lines):
                course = talk(*lines, messages=(ONE,))
                over = course.over
                assert over is not None
                self.assertEqual((over.answer, over.tls), (answer, False))
                self.assertEqual((course.ready, course.settled), (0, []))

    def test_no_server(self) -> None:
        """Silence, rubbish and a code that makes no sense are words to nobody."""
        for lines in ([], ["SSH-2.0-OpenSSH"], ["354 go"], [HELLO, "354 go"]):
            with self.subTest(lines=lines):
                over = talk(*lines).over
                assert over is not None
                self.assertIsNone(over.answer)


class TlsTests(TestCase):
    def test_started(self) -> None:
        """After the handshake everything begins anew."""
        for terms in (OPTIONAL, REQUIRED):
            course = talk(
                HELLO, STARTTLS, "220 go", "TLS", EXTENDED, terms=terms,
                messages=(ONE,),
            )  # fmt: skip
            self.assertEqual(
                course.said,
                [EHLO, "STARTTLS\r\n", EHLO, SIZED.format(4) + A + DATA],
            )
            self.assertEqual(course.events.count(StartTls()), 1)

    def test_forgotten(self) -> None:
        """What was offered in clear does not count any more, STARTTLS neither."""
        offered = "250-mx\r\n250-PIPELINING\r\n250 STARTTLS"
        course = talk(
            HELLO, offered, "220 go", "TLS", STARTTLS, terms=REQUIRED, messages=(ONE,)
        )
        self.assertEqual(course.said[2:], [EHLO, MAIL])

    def test_not_wanted(self) -> None:
        """It is not begun unless it is asked for."""
        self.assertEqual(talk(HELLO, STARTTLS).said, [EHLO])

    def test_not_offered(self) -> None:
        """Without it things go on in clear, or not at all if it is required."""
        for lines in ([HELLO, PLAIN], [HELLO, "500 what?", PLAIN]):
            self.assertEqual(talk(*lines, terms=OPTIONAL).ready, 1)
            course = talk(*lines, terms=REQUIRED)
            over = course.over
            assert over is not None
            self.assertEqual(
                (course.ready, over.answer, over.tls), (0, TLS_FAILED, True)
            )

    def test_refused(self) -> None:
        """Offered and refused: in clear only if that may be."""
        strict = Terms("me", tls="ifavailable", fallback=False)
        for terms, ready in ((OPTIONAL, 1), (strict, 0), (REQUIRED, 0)):
            course = talk(HELLO, STARTTLS, "454 no", terms=terms)
            over = course.over
            assert over is not None
            self.assertEqual(course.ready, ready)
            self.assertEqual(over.tls, not ready)

    def test_handshake_fails(self) -> None:
        """A connection that is lost over TLS is known as such."""
        over = talk(HELLO, STARTTLS, "220 go", terms=OPTIONAL, end="bad").over
        self.assertEqual(over, Over("bad", TLS_FAILED, tls=True))

    def test_injected(self) -> None:
        """Replies in clear behind the 220 are not believed, in one piece or two."""
        for extra in ("220 go\r\n250 x", "220 go\r\n2"):
            for crumbs in (False, True):
                course = talk(
                    HELLO, STARTTLS, extra, terms=REQUIRED, crumbs=crumbs, end=""
                )
                over = course.over
                assert over is not None
                self.assertEqual((over.answer, over.tls), (TLS_FAILED, True))
                self.assertEqual(course.said, [EHLO, "STARTTLS\r\n"])


LINES = st.sampled_from(
    [HELLO, PLAIN, EXTENDED, STARTTLS, GO, "250", "251 x", N4, N5, N421, "TLS",
     "503 x", "221 x", "what?", "250-a\r\n250 b", "250\r\n250\r\n354", "299"]
) | st.text(max_size=8)  # fmt: skip


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
