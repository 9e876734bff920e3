"""The client's side of an SMTP conversation: bytes in, orders and outcomes out.

RFC 5321 with EHLO (or HELO), STARTTLS (3207), PIPELINING (2920), 8BITMIME (6152),
SIZE (1870) and SMTPUTF8 (6531).  Knows no socket, no timer and no queue.

Rules of this file

- Commands are sent in order and answered in order: `_expected` holds what was sent
  and not answered.  What a reply means is `_answers[what was sent, first digit]`;
  whatever is absent there ends the conversation.
- Every transaction that was begun gets one `Settled`, with one outcome a recipient,
  however the conversation goes.  What the server answered stands.  Without an
  answer a message was not delivered (`Discarded`) as long as its final dot has not
  left, and nobody knows afterwards (`Undecided`).
- After `Over` nothing comes any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from mcmtpush.delivery.mail.course import Course
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
from mcmtpush.delivery.mail.reply import Reply, ReplyReader
from mcmtpush.delivery.mail.transaction import Transaction
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError
from mcmtpush.values import Answered


_CLOSING: Final = 421
"""The server says so in answer to anything, and closes."""

_PERMANENT: Final = 500

_FINAL: Final = (Settled, Over)
"""What there is to tell of a conversation that the server ends."""


class Dialogue:
    """One conversation, from the greeting on.

    Attributes:
        extensions: what EHLO told, by keyword in capitals.
        is_secure: TLS is spoken.
        begun: how many transactions there were.
        heard: how many replies.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._reader = ReplyReader()
        self._step = Step.GREETING
        self._expected: deque[Step] = deque([Step.GREETING])
        self._events: list[Event] = []
        self._course: Course | None = None
        self._unsent = False
        self._parting = False
        self.extensions: dict[str, str] = {}
        self.is_secure = False
        self.begun = 0
        self.heard = 0

    @property
    def step(self) -> Step:
        """What is waited for now."""
        return self._expected[0] if self._expected else self._step

    # -- what happens -------------------------------------------------------------

    def feed(self, data: bytes, *, unsent: bool = False) -> list[Event]:
        """The server said something.

        `unsent`: not all that was to be sent has left; then neither has the dot.
        """
        self._unsent = unsent
        if self.step is Step.HANDSHAKE:
            self._end("bytes in clear where TLS begins", TLS_FAILED, tls=True)
        elif self.step is not Step.OVER:
            self._reader.feed(data)
            try:
                self._read()
            except RemoteProtocolError as error:
                self._end(str(error))
        return self._told()

    def begin(self, transaction: Transaction) -> list[Event]:
        """Send this; only after `Ready`."""
        if self._course is not None:
            raise LocalProtocolError("a transaction within a transaction")
        self._course = Course(transaction)
        self.begun += 1
        if self.step is Step.OVER:
            self._settle()
        elif self.step is not Step.READY:
            raise LocalProtocolError(f"a transaction at {self.step.value}")
        elif (objection := transaction.objection(self.extensions)) is not None:
            self._course.refuse(objection)
            self._settle()
            self._events.append(Ready())
        else:
            self._send_envelope()
        return self._told()

    def secured(self) -> list[Event]:
        """The TLS handshake is over: begin anew (RFC 3207, 4.2)."""
        if self._step is Step.HANDSHAKE:
            self.is_secure = True
            self.extensions = {}
            self._say_hello()
        return self._told()

    def quit(self) -> list[Event]:
        """Say goodbye; only when nothing goes on."""
        if self.step is Step.READY:
            self._parting = True
            self._command(Step.QUIT, b"QUIT\r\n")
        return self._told()

    def lost(self, reason: str, *, unsent: bool = False) -> list[Event]:
        """The connection is gone, or given up; `unsent` as in `feed`."""
        self._unsent = unsent
        if self.step is Step.HANDSHAKE:
            self._end(reason, TLS_FAILED, tls=True)
        else:
            self._end(reason)
        return self._told()

    def _told(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # -- replies ------------------------------------------------------------------

    def _read(self) -> None:
        while self._step is not Step.OVER:
            if self._step is Step.HANDSHAKE:
                if self._reader.pending:
                    self._end("bytes in clear where TLS begins", TLS_FAILED, tls=True)
                return
            reply = self._reader.read()
            if reply is None:
                return
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        self.heard += 1
        if not self._expected:
            self._end(f"said without being asked: {_told(reply)}")
            return
        step = self._expected.popleft()
        act = self._answers.get((step, reply.code // 100))
        if act is None:
            self._expected.appendleft(step)
            self._end(f"answered {step.value} with {_told(reply)}")
            return
        if reply.code != _CLOSING:
            act(self, reply)
            return
        told = len(self._events)
        act(self, reply)
        new = self._events[told:]
        self._events[told:] = [each for each in new if isinstance(each, _FINAL)]
        self._end(f"closes: {_told(reply)}")

    # -- before the first transaction ---------------------------------------------

    def _greeted(self, _: Reply) -> None:
        self._say_hello()

    def _say_hello(self) -> None:
        name = self._terms.hostname.encode("ascii", "replace")
        if self._terms.extended:
            self._command(Step.EHLO, b"EHLO " + name + b"\r\n")
        else:
            self._command(Step.HELO, b"HELO " + name + b"\r\n")

    def _introduced(self, reply: Reply) -> None:
        for line in reply.lines[1:]:
            keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
            self.extensions[keyword.upper()] = parameters.strip()
        if self.is_secure or self._terms.tls == "no":
            self._rest()
        elif "STARTTLS" in self.extensions:
            self._command(Step.STARTTLS, b"STARTTLS\r\n")
        else:
            self._go_in_clear("STARTTLS is not offered", allowed=True)

    def _not_extended(self, _: Reply) -> None:
        name = self._terms.hostname.encode("ascii", "replace")
        self._command(Step.HELO, b"HELO " + name + b"\r\n")

    def _greeted_back(self, _: Reply) -> None:
        if self.is_secure or self._terms.tls == "no":
            self._rest()
        else:
            self._go_in_clear("EHLO is not known", allowed=True)

    def _start_tls(self, _: Reply) -> None:
        self._step = Step.HANDSHAKE
        self._events.append(StartTls())

    def _no_tls(self, reply: Reply) -> None:
        self._go_in_clear(
            f"STARTTLS is refused: {_told(reply)}", allowed=self._terms.fallback
        )

    def _go_in_clear(self, reason: str, *, allowed: bool) -> None:
        if allowed and self._terms.tls != "required":
            self._rest()
        else:
            self._end(reason, TLS_FAILED, tls=True)

    def _unwelcome(self, reply: Reply) -> None:
        """No server for anybody, which says nothing about this very message."""
        text = reply.text
        code = reply.code
        if code >= _PERMANENT:
            code = 450
            text = f"4.3.2 [internal] the mail server takes nothing: {_told(reply)}"
        self._end(f"takes nothing: {_told(reply)}", Answered(code, text))

    def _rest(self) -> None:
        self._step = Step.READY
        self._events.append(Ready())

    # -- a transaction ------------------------------------------------------------

    def _send_envelope(self) -> None:
        course = self._under_way
        transaction = course.transaction
        course.unsent.append((Step.MAIL, transaction.mail(self.extensions)))
        for index in range(len(transaction.recipients)):
            course.unsent.append((Step.RCPT, transaction.rcpt(index)))
        course.unsent.append((Step.DATA, b"DATA\r\n"))
        if "PIPELINING" in self.extensions:
            commands = list(course.unsent)
            course.unsent.clear()
            self._expected.extend(step for step, _ in commands)
            self._events.append(Send(b"".join(line for _, line in commands)))
        else:
            self._proceed()

    def _proceed(self) -> None:
        """Send the next command once the last one is answered, or settle."""
        course = self._under_way
        if self._expected:
            return
        if course.unsent and course.wants(course.unsent[0][0]):
            self._command(*course.unsent.popleft())
        else:
            self._finish()

    def _finish(self) -> None:
        is_open = self._under_way.is_open
        self._settle()
        if is_open:
            self._command(Step.RSET, b"RSET\r\n")
        else:
            self._rest()

    def _sender_taken(self, _: Reply) -> None:
        self._under_way.is_open = True
        self._proceed()

    def _sender_refused(self, reply: Reply) -> None:
        # A server that was used before and says 421 here had enough of the
        # connection, not of the message.
        if reply.code != _CLOSING or self.begun == 1:
            self._under_way.refuse(_answer_of(reply))
        self._under_way.unsent.clear()
        self._proceed()

    def _recipient_taken(self, _: Reply) -> None:
        self._under_way.take_recipient()
        self._proceed()

    def _recipient_refused(self, reply: Reply) -> None:
        self._under_way.refuse_recipient(_answer_of(reply))
        self._proceed()

    def _data_wanted(self, _: Reply) -> None:
        course = self._under_way
        if self._reader.pending:
            # Whatever it says of a message it has not got yet is not true.
            self._end("answered before the end of data")
        elif course.taken:
            course.is_written = True
            self._command(Step.CONTENT, course.transaction.content)
        else:
            # It wants a message that nobody is to get (RFC 2920, 3.1).
            self._command(Step.NOTHING, b".\r\n")

    def _data_refused(self, reply: Reply) -> None:
        self._under_way.refuse_taken(_answer_of(reply))
        self._proceed()

    def _delivered(self, reply: Reply) -> None:
        if self._unsent:
            self._end(f"answered before the end of data: {_told(reply)}")
            return
        self._under_way.deliver()
        self._ended_content()

    def _content_refused(self, reply: Reply) -> None:
        self._under_way.refuse_taken(_answer_of(reply))
        if self._unsent:
            self._end(f"answered before the end of data: {_told(reply)}")
        else:
            self._ended_content()

    def _ended_content(self) -> None:
        self._under_way.is_open = False
        self._finish()

    def _nothing_ended(self, _: Reply) -> None:
        self._ended_content()

    def _reset(self, _: Reply) -> None:
        self._rest()

    def _not_reset(self, reply: Reply) -> None:
        self._end(f"does not reset: {_told(reply)}")

    def _goodbye(self, _: Reply) -> None:
        self._end("closed as agreed")

    # -- inside -------------------------------------------------------------------

    @property
    def _under_way(self) -> Course:
        if self._course is None:
            raise LocalProtocolError("no transaction is under way")
        return self._course

    def _command(self, step: Step, line: bytes) -> None:
        self._step = Step.READY
        self._expected.append(step)
        self._events.append(Send(line))

    def _settle(self) -> None:
        course, self._course = self._under_way, None
        self._events.append(Settled(course.outcomes(dot_left=not self._unsent)))

    def _end(
        self, reason: str, answer: Answered | None = None, *, tls: bool = False
    ) -> None:
        if self._step is Step.OVER:
            return
        self._expected.clear()
        self._step = Step.OVER
        if self._course is not None:
            self._settle()
        self._events.append(Over(reason, answer, tls, self._parting))

    _answers: ClassVar[Mapping[tuple[Step, int], _Act]] = {
        (Step.GREETING, 2): _greeted,
        (Step.GREETING, 4): _unwelcome,
        (Step.GREETING, 5): _unwelcome,
        (Step.EHLO, 2): _introduced,
        (Step.EHLO, 4): _unwelcome,
        (Step.EHLO, 5): _not_extended,
        (Step.HELO, 2): _greeted_back,
        (Step.HELO, 4): _unwelcome,
        (Step.HELO, 5): _unwelcome,
        (Step.STARTTLS, 2): _start_tls,
        (Step.STARTTLS, 4): _no_tls,
        (Step.STARTTLS, 5): _no_tls,
        (Step.MAIL, 2): _sender_taken,
        (Step.MAIL, 4): _sender_refused,
        (Step.MAIL, 5): _sender_refused,
        (Step.RCPT, 2): _recipient_taken,
        (Step.RCPT, 4): _recipient_refused,
        (Step.RCPT, 5): _recipient_refused,
        (Step.DATA, 3): _data_wanted,
        (Step.DATA, 4): _data_refused,
        (Step.DATA, 5): _data_refused,
        (Step.CONTENT, 2): _delivered,
        (Step.CONTENT, 4): _content_refused,
        (Step.CONTENT, 5): _content_refused,
        (Step.NOTHING, 2): _nothing_ended,
        (Step.NOTHING, 4): _nothing_ended,
        (Step.NOTHING, 5): _nothing_ended,
        (Step.RSET, 2): _reset,
        (Step.RSET, 4): _not_reset,
        (Step.RSET, 5): _not_reset,
        (Step.QUIT, 2): _goodbye,
        (Step.QUIT, 4): _goodbye,
        (Step.QUIT, 5): _goodbye,
    }
    """What a reply means: by what was sent and the first digit."""


def _told(reply: Reply) -> str:
    return f"{reply.code} {reply.text}".rstrip()


def _answer_of(reply: Reply) -> Answered:
    return Answered(reply.code, reply.text)


_Act = Callable[[Dialogue, Reply], None]
