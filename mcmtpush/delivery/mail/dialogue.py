"""The client's side of an SMTP conversation: bytes in, orders and outcomes out.

RFC 5321 with EHLO (or HELO), STARTTLS (3207), PIPELINING (2920), 8BITMIME (6152),
SIZE (1870) and SMTPUTF8 (6531).  Knows no socket, no timer and no queue.

Rules of this file

- What a reply means is `ANSWERS[what was sent, first digit]`; whatever is absent
  there ends the conversation.
- Every transaction that was begun gets one `Settled`, with one outcome a recipient,
  however the conversation goes.
- After `Over` nothing comes any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mcmtpush.delivery.mail.conversation import CLOSING, Act, Conversation
from mcmtpush.delivery.mail.course import Course
from mcmtpush.delivery.mail.event import TLS_FAILED, Event, Over, Ready, Settled, Step
from mcmtpush.delivery.mail.opening import OPENING, say_hello
from mcmtpush.delivery.mail.passage import PASSAGE, send_envelope
from mcmtpush.delivery.mail.reply import Reply
from mcmtpush.delivery.mail.transaction import Transaction
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError


_FINAL: Final = (Settled, Over)
"""What there is to tell of a conversation that the server ends."""


def _goodbye(talk: Conversation, _: Reply) -> None:
    talk.end("closed as agreed")


ANSWERS: Final[Mapping[tuple[Step, int], Act]] = {
    **OPENING,
    **PASSAGE,
    (Step.QUIT, 2): _goodbye,
    (Step.QUIT, 4): _goodbye,
    (Step.QUIT, 5): _goodbye,
}
"""What a reply means: by what was sent and the first digit."""


class Dialogue(Conversation):
    """What happens to a conversation; each call gives what follows, in order."""

    def feed(self, data: bytes, *, unsent: bool = False) -> list[Event]:
        """The server said something.

        `unsent`: not all that was to be sent has left; then neither has the dot.
        """
        self.unsent = unsent
        if self.step is Step.HANDSHAKE:
            self.end("bytes in clear where TLS begins", TLS_FAILED, tls=True)
        elif self.step is not Step.OVER:
            self.reader.feed(data)
            try:
                self._read()
            except RemoteProtocolError as error:
                self.end(str(error))
        return self._told()

    def begin(self, transaction: Transaction) -> list[Event]:
        """Send this; only after `Ready`."""
        if self.course is not None:
            raise LocalProtocolError("a transaction within a transaction")
        self.course = Course(transaction)
        self.begun += 1
        if self.step is Step.OVER:
            self.settle()
        elif self.step is not Step.READY:
            raise LocalProtocolError(f"a transaction at {self.step.value}")
        elif (objection := transaction.objection(self.extensions)) is not None:
            self.course.refuse(objection)
            self.settle()
            self.events.append(Ready())
        else:
            send_envelope(self)
        return self._told()

    def secured(self) -> list[Event]:
        """The TLS handshake is over: begin anew (RFC 3207, 4.2)."""
        if self.phase is Step.HANDSHAKE:
            self.is_secure = True
            self.extensions = {}
            say_hello(self)
        return self._told()

    def quit(self) -> list[Event]:
        """Say goodbye; only when nothing goes on."""
        if self.step is Step.READY:
            self.parting = True
            self.command(Step.QUIT, b"QUIT\r\n")
        return self._told()

    def lost(self, reason: str, *, unsent: bool = False) -> list[Event]:
        """The connection is gone, or given up; `unsent` as in `feed`."""
        self.unsent = unsent
        if self.step is Step.HANDSHAKE:
            self.end(reason, TLS_FAILED, tls=True)
        else:
            self.end(reason)
        return self._told()

    def _told(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def _read(self) -> None:
        while self.phase is not Step.OVER:
            if self.phase is Step.HANDSHAKE:
                if self.reader.pending:
                    self.end("bytes in clear where TLS begins", TLS_FAILED, tls=True)
                return
            reply = self.reader.read()
            if reply is None:
                return
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        self.heard += 1
        if not self.expected:
            self.end(f"said without being asked: {reply.told}")
            return
        step = self.expected.popleft()
        act = ANSWERS.get((step, reply.code // 100))
        if act is None:
            self.expected.appendleft(step)
            self.end(f"answered {step.value} with {reply.told}")
            return
        if reply.code != CLOSING:
            act(self, reply)
            return
        told = len(self.events)
        act(self, reply)
        new = self.events[told:]
        self.events[told:] = [each for each in new if isinstance(each, _FINAL)]
        self.end(f"closes: {reply.told}")
