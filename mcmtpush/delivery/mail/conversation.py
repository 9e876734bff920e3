"""A conversation with a mail server: what was sent, what is waited for, what to tell.

Keeps the rules that everything said is bound by: commands are answered in order,
every transaction that was begun gets one `Settled`, and after `Over` nothing comes
any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from mcmtpush.delivery.mail.course import Course
from mcmtpush.delivery.mail.event import (
    Event,
    Over,
    Ready,
    Send,
    Settled,
    Step,
    Terms,
)
from mcmtpush.delivery.mail.reply import Reply, ReplyReader
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import Answered


CLOSING: Final = 421
"""The server says so in answer to anything, and closes."""


class Conversation:
    """One conversation, from the greeting on.

    Attributes:
        terms: how we want to talk.
        reader: of the server's replies.
        phase: what is waited for when every command is answered.
        expected: what was sent and is not answered.
        events: what is to be told to the owner.
        course: the transaction under way.
        unsent: not all that was to be sent has left; then neither has the dot.
        parting: we said goodbye.
        extensions: what EHLO told, by keyword in capitals.
        is_secure: TLS is spoken.
        begun: how many transactions there were.
        heard: how many replies.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.reader = ReplyReader()
        self.phase = Step.GREETING
        self.expected: deque[Step] = deque([Step.GREETING])
        self.events: list[Event] = []
        self.course: Course | None = None
        self.unsent = False
        self.parting = False
        self.extensions: dict[str, str] = {}
        self.is_secure = False
        self.begun = 0
        self.heard = 0

    @property
    def step(self) -> Step:
        """What is waited for now."""
        return self.expected[0] if self.expected else self.phase

    @property
    def under_way(self) -> Course:
        """The transaction; LocalProtocolError without one."""
        if self.course is None:
            raise LocalProtocolError("no transaction is under way")
        return self.course

    def command(self, step: Step, line: bytes) -> None:
        """Send this; its answer is waited for."""
        self.phase = Step.READY
        self.expected.append(step)
        self.events.append(Send(line))

    def rest(self) -> None:
        """Nothing goes on: a transaction may begin."""
        self.phase = Step.READY
        self.events.append(Ready())

    def settle(self) -> None:
        """Tell the outcomes of the transaction; what was answered stands.

        Without an answer a message was not delivered (`Discarded`) as long as its
        final dot has not left, and nobody knows afterwards (`Undecided`).
        """
        course, self.course = self.under_way, None
        self.events.append(Settled(course.outcomes(dot_left=not self.unsent)))

    def end(
        self, reason: str, answer: Answered | None = None, *, tls: bool = False
    ) -> None:
        """It is over, whatever was under way; `answer` and `tls` as in `Over`."""
        if self.phase is Step.OVER:
            return
        self.expected.clear()
        self.phase = Step.OVER
        if self.course is not None:
            self.settle()
        self.events.append(Over(reason, answer, tls, self.parting))


Act = Callable[[Conversation, Reply], None]
"""What follows from a reply."""
