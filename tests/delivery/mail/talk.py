"""A dialogue for tests, with servers that speak from lists."""

from __future__ import annotations

from attrs import define, field
from hypothesis import strategies as st

from mcmtpush.delivery.mail.dialogue import Dialogue
from mcmtpush.delivery.mail.event import (
    Event,
    Over,
    Ready,
    Send,
    Settled,
    Terms,
)
from mcmtpush.delivery.mail.transaction import Transaction, make_transaction
from mcmtpush.values import Accepted, Answered, Discarded, Outcome, Undecided


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

LINES = st.sampled_from(
    [HELLO, PLAIN, EXTENDED, STARTTLS, GO, "250", "251 x", N4, N5, N421, "TLS",
     "503 x", "221 x", "what?", "250-a\r\n250 b", "250\r\n250\r\n354", "299"]
) | st.text(max_size=8)  # fmt: skip
