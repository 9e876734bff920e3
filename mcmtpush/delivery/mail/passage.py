"""One transaction of a conversation: envelope, content, and what each reply means.

RFC 5321, with PIPELINING (2920).  What the server answered stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mcmtpush.delivery.mail.conversation import CLOSING, Act, Conversation
from mcmtpush.delivery.mail.event import Send, Step
from mcmtpush.delivery.mail.reply import Reply
from mcmtpush.values import Answered


def send_envelope(talk: Conversation) -> None:
    """Of the transaction under way: as one write if the server allows it."""
    course = talk.under_way
    transaction = course.transaction
    course.unsent.append((Step.MAIL, transaction.mail(talk.extensions)))
    for index in range(len(transaction.recipients)):
        course.unsent.append((Step.RCPT, transaction.rcpt(index)))
    course.unsent.append((Step.DATA, b"DATA\r\n"))
    if "PIPELINING" in talk.extensions:
        commands = list(course.unsent)
        course.unsent.clear()
        talk.expected.extend(step for step, _ in commands)
        talk.events.append(Send(b"".join(line for _, line in commands)))
    else:
        _proceed(talk)


def _proceed(talk: Conversation) -> None:
    """Send the next command once the last one is answered, or settle."""
    course = talk.under_way
    if talk.expected:
        return
    if course.unsent and course.wants(course.unsent[0][0]):
        talk.command(*course.unsent.popleft())
    else:
        _finish(talk)


def _finish(talk: Conversation) -> None:
    is_open = talk.under_way.is_open
    talk.settle()
    if is_open:
        talk.command(Step.RSET, b"RSET\r\n")
    else:
        talk.rest()


def _sender_taken(talk: Conversation, _: Reply) -> None:
    talk.under_way.is_open = True
    _proceed(talk)


def _sender_refused(talk: Conversation, reply: Reply) -> None:
    # A server that was used before and says 421 here had enough of the
    # connection, not of the message.
    if reply.code != CLOSING or talk.begun == 1:
        talk.under_way.refuse(_answer_of(reply))
    talk.under_way.unsent.clear()
    _proceed(talk)


def _recipient_taken(talk: Conversation, _: Reply) -> None:
    talk.under_way.take_recipient()
    _proceed(talk)


def _recipient_refused(talk: Conversation, reply: Reply) -> None:
    talk.under_way.refuse_recipient(_answer_of(reply))
    _proceed(talk)


def _data_wanted(talk: Conversation, _: Reply) -> None:
    course = talk.under_way
    if talk.reader.pending:
        # Whatever it says of a message it has not got yet is not true.
        talk.end("answered before the end of data")
    elif course.taken:
        course.is_written = True
        talk.command(Step.CONTENT, course.transaction.content)
    else:
        # It wants a message that nobody is to get (RFC 2920, 3.1).
        talk.command(Step.NOTHING, b".\r\n")


def _data_refused(talk: Conversation, reply: Reply) -> None:
    talk.under_way.refuse_taken(_answer_of(reply))
    _proceed(talk)


def _delivered(talk: Conversation, reply: Reply) -> None:
    if talk.unsent:
        talk.end(f"answered before the end of data: {reply.told}")
        return
    talk.under_way.deliver()
    _ended_content(talk)


def _content_refused(talk: Conversation, reply: Reply) -> None:
    talk.under_way.refuse_taken(_answer_of(reply))
    if talk.unsent:
        talk.end(f"answered before the end of data: {reply.told}")
    else:
        _ended_content(talk)


def _ended_content(talk: Conversation) -> None:
    talk.under_way.is_open = False
    _finish(talk)


def _nothing_ended(talk: Conversation, _: Reply) -> None:
    _ended_content(talk)


def _reset(talk: Conversation, _: Reply) -> None:
    talk.rest()


def _not_reset(talk: Conversation, reply: Reply) -> None:
    talk.end(f"does not reset: {reply.told}")


def _answer_of(reply: Reply) -> Answered:
    return Answered(reply.code, reply.text)


PASSAGE: Final[Mapping[tuple[Step, int], Act]] = {
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
}
"""What a reply means to a transaction."""
