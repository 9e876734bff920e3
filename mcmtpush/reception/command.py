"""The commands of ESMTP: what each one takes, changes and answers.

Who may send what to whom is the delivery's business (`esmtp`), the order of
bytes the dialogue's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from mcmtpush.errors import ConfigError, MessageRejected
from mcmtpush.reception import reply
from mcmtpush.reception.address import (
    Address,
    check_mail_parameters,
    check_recipient_parameters,
    parse_recipient,
    parse_sender,
)
from mcmtpush.reception.dialogue import Dialogue, Incoming, World
from mcmtpush.reception.inbox import CEILING
from mcmtpush.reception.session import Session
from mcmtpush.reception.tls import tls_facts
from mcmtpush.reception.trace import smtp_date


_HELLO = re.compile(r"[!#-'*-;=?-\[\]-~]{1,255}")


class Delivery(Protocol):
    """twisted.mail's IMessageDelivery, as far as the commands need it."""

    def validateFrom(self, helo: object, origin: Address) -> Address:
        """Accept the sender, or raise MessageRejected."""

    def validateTo(self, user: Address) -> Callable[[], Incoming]:
        """Accept the recipient, or raise MessageRejected; gives the message."""

    def accepted(self, transaction: Any) -> None:
        """The message is durable."""


class EsmtpServer(Dialogue):
    """One client's dialogue."""

    def __init__(self, *, session: Session, delivery: Delivery, world: World) -> None:
        super().__init__(session, world)
        self.delivery: Delivery = delivery
        self._sender: Address | None = None
        self._open: Callable[[], Incoming] | None = None

    # -- what the dialogue asks ----------------------------------------------------

    def greet(self) -> None:
        """Write the banner, behind the handshake where TLS comes first."""
        settings = self.session.settings
        if settings.tls.use_ssl and not self.startedTLS:
            try:
                self.start_tls(self.world.contexts.make(settings.tls))
            except ConfigError as error:
                self.log.error("TLS is configured but broken: {error}", error=error)
                self.close()
            return
        self.say(reply.banner(settings, smtp_date(self.world.now())))

    def secured(self) -> None:
        """Begin anew, as RFC 3207 demands; greet where TLS came first."""
        self._forget_transaction()
        self.session.secured(tls_facts(self.transport))
        if self.session.settings.tls.use_ssl:
            self.greet()

    def in_transaction(self) -> bool:
        """Whether a sender was accepted and its message not yet."""
        return self._sender is not None

    def accepted(self, message: Any) -> None:
        """A message is durable and about to be answered."""
        self.delivery.accepted(message)

    def command(self, line: bytes) -> None:
        """Obey one line, or raise MessageRejected."""
        if line[-1:] in {b" ", b"\t"}:
            if not self.session.settings.allow_trailing_whitespace_in_commands:
                raise MessageRejected(*reply.TRAILING_BLANK)
            line = line.rstrip(b" \t")
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if self.draining and self._sender is None and verb != b"QUIT":
            self.close(reply.GOING_DOWN)
            return
        do = _COMMANDS.get(verb)
        if do is None:
            raise MessageRejected(*reply.UNRECOGNIZED)
        do(self, rest)

    # -- greetings -----------------------------------------------------------------

    def do_EHLO(self, rest: bytes) -> None:
        """The client names itself and asks what is offered."""
        self._greeted(rest, extended=True)
        peer, settings = self.session.peer, self.session.settings
        self.say(reply.ehlo(settings, peer, offer_tls=self._offers_tls()))

    def do_HELO(self, rest: bytes) -> None:
        """The client names itself, the old way."""
        self._greeted(rest, extended=False)
        self.say(reply.helo(self.session.settings, self.session.peer))

    def do_STARTTLS(self, rest: bytes) -> None:
        """Begin a TLS handshake, unless bytes in clear text stand behind it."""
        if rest:
            raise MessageRejected(*reply.NO_PARAMETERS)
        if self.startedTLS:
            raise MessageRejected(*reply.BAD_SEQUENCE)
        settings = self.session.settings
        if not self._offers_tls():
            raise MessageRejected(*reply.NO_TLS)
        if self.inbox and settings.starttls_injection_policy == "reject":
            self.world.counters.add("reception.starttls_injections")
            self.close(reply.render(*reply.TLS_INJECTION))
            return
        try:
            context = self.world.contexts.make(settings.tls)
        except ConfigError as error:
            self.log.error("STARTTLS is configured but broken: {error}", error=error)
            raise MessageRejected(*reply.TLS_BROKEN) from None
        if settings.starttls_injection_policy == "ignore":
            self.inbox.take_all()
        self.say(reply.START_TLS)
        self.start_tls(context)

    # -- the transaction -----------------------------------------------------------

    def do_MAIL(self, rest: bytes) -> None:
        """MAIL FROM: a transaction begins."""
        if not self.session.helo and self.session.settings.require_ehlo:
            raise MessageRejected(*reply.HELLO_FIRST)
        if self._sender is not None:
            raise MessageRejected(*reply.SECOND_SENDER)
        address, parameters = parse_sender(rest)
        if parameters:
            check_mail_parameters(parameters, self._size_limit())
        self._sender = self.delivery.validateFrom(None, address)
        self.say(reply.MAIL_ACCEPTED)

    def do_RCPT(self, rest: bytes) -> None:
        """RCPT TO: one more recipient."""
        if self._sender is None:
            raise MessageRejected(*reply.NO_SENDER)
        address, parameters = parse_recipient(rest)
        if parameters:
            check_recipient_parameters(parameters)
        self._open = self.delivery.validateTo(address)
        self.say(reply.RCPT_ACCEPTED)

    def do_DATA(self, rest: bytes) -> None:
        """The message follows."""
        if rest:
            raise MessageRejected(*reply.DATA_ARGUMENT)
        if self._sender is None:
            raise MessageRejected(*reply.DATA_NO_SENDER)
        if self._open is None:
            raise MessageRejected(*reply.DATA_NO_RECIPIENT)
        self.say(reply.GO_ON)
        self.read_message(self._open(), self._size_limit())
        self._forget_transaction()

    def do_RSET(self, rest: bytes) -> None:
        """Forget the transaction."""
        if rest:
            raise MessageRejected(*reply.BAD_RSET)
        self._forget_transaction()
        self.say(reply.OK)

    # -- the rest ------------------------------------------------------------------

    def do_NOOP(self, rest: bytes) -> None:  # noqa: ARG002 - RFC 5321 allows any
        """Nothing."""
        self.say(reply.OK)

    def do_VRFY(self, rest: bytes) -> None:  # noqa: ARG002 - whoever it is
        """Addresses are not looked up for anybody."""
        self.say(reply.CANNOT_VERIFY)

    def do_HELP(self, rest: bytes) -> None:  # noqa: ARG002 - one text for all
        """The commands."""
        self.say(reply.HELP)

    def do_QUIT(self, rest: bytes) -> None:
        """Goodbye."""
        if rest:
            raise MessageRejected(*reply.NO_PARAMETERS)
        host = self.session.settings.hostname
        self.close(reply.render(221, "2.0.0", f"{host} closing connection"))

    # -- in short ------------------------------------------------------------------

    def _greeted(self, rest: bytes, *, extended: bool) -> None:
        name = rest.decode("ascii", "replace")
        if not _HELLO.fullmatch(name):
            raise MessageRejected(*(reply.BAD_EHLO if extended else reply.BAD_HELO))
        self._forget_transaction()
        self.session.greeted(name, extended=extended)

    def _offers_tls(self) -> bool:
        tls = self.session.settings.tls
        return tls.certificate is not None and not self.startedTLS

    def _size_limit(self) -> int:
        return self.session.settings.max_message_size or CEILING

    def _forget_transaction(self) -> None:
        self._sender = self._open = None


_COMMANDS: dict[bytes, Callable[[EsmtpServer, bytes], None]] = {
    b"EHLO": EsmtpServer.do_EHLO,
    b"HELO": EsmtpServer.do_HELO,
    b"MAIL": EsmtpServer.do_MAIL,
    b"RCPT": EsmtpServer.do_RCPT,
    b"DATA": EsmtpServer.do_DATA,
    b"RSET": EsmtpServer.do_RSET,
    b"NOOP": EsmtpServer.do_NOOP,
    b"VRFY": EsmtpServer.do_VRFY,
    b"HELP": EsmtpServer.do_HELP,
    b"QUIT": EsmtpServer.do_QUIT,
    b"STARTTLS": EsmtpServer.do_STARTTLS,
}
