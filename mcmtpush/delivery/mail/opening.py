"""Before the first transaction: greeting, EHLO or HELO, STARTTLS.

RFC 5321, and RFC 3207 for TLS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mcmtpush.delivery.mail.conversation import Act, Conversation
from mcmtpush.delivery.mail.event import TLS_FAILED, StartTls, Step
from mcmtpush.delivery.mail.reply import Reply
from mcmtpush.values import Answered


_PERMANENT: Final = 500


def _greeted(talk: Conversation, _: Reply) -> None:
    say_hello(talk)


def say_hello(talk: Conversation) -> None:
    """Begin, on a new connection and once more behind TLS."""
    name = talk.terms.hostname.encode("ascii", "replace")
    if talk.terms.extended:
        talk.command(Step.EHLO, b"EHLO " + name + b"\r\n")
    else:
        talk.command(Step.HELO, b"HELO " + name + b"\r\n")


def _introduced(talk: Conversation, reply: Reply) -> None:
    for line in reply.lines[1:]:
        keyword, _, parameters = line.replace("=", " ", 1).partition(" ")
        talk.extensions[keyword.upper()] = parameters.strip()
    if talk.is_secure or talk.terms.tls == "no":
        talk.rest()
    elif "STARTTLS" in talk.extensions:
        talk.command(Step.STARTTLS, b"STARTTLS\r\n")
    else:
        _go_in_clear(talk, "STARTTLS is not offered", allowed=True)


def _not_extended(talk: Conversation, _: Reply) -> None:
    name = talk.terms.hostname.encode("ascii", "replace")
    talk.command(Step.HELO, b"HELO " + name + b"\r\n")


def _greeted_back(talk: Conversation, _: Reply) -> None:
    if talk.is_secure or talk.terms.tls == "no":
        talk.rest()
    else:
        _go_in_clear(talk, "EHLO is not known", allowed=True)


def _start_tls(talk: Conversation, _: Reply) -> None:
    talk.phase = Step.HANDSHAKE
    talk.events.append(StartTls())


def _no_tls(talk: Conversation, reply: Reply) -> None:
    reason = f"STARTTLS is refused: {reply.told}"
    _go_in_clear(talk, reason, allowed=talk.terms.fallback)


def _unwelcome(talk: Conversation, reply: Reply) -> None:
    """No server for anybody, which says nothing about this very message."""
    text = reply.text
    code = reply.code
    if code >= _PERMANENT:
        code = 450
        text = f"4.3.2 [internal] the mail server takes nothing: {reply.told}"
    talk.end(f"takes nothing: {reply.told}", Answered(code, text))


def _go_in_clear(talk: Conversation, reason: str, *, allowed: bool) -> None:
    if allowed and talk.terms.tls != "required":
        talk.rest()
    else:
        talk.end(reason, TLS_FAILED, tls=True)


OPENING: Final[Mapping[tuple[Step, int], Act]] = {
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
}
"""What a reply means before there is a transaction."""
