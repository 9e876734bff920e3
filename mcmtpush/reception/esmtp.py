"""What twisted.mail asks of a server: a delivery, messages, and their factory.

The delivery judges senders and recipients, the message takes the content and
hands the transaction over; both are the objects twisted.mail describes.  The
words of the dialogue are in `command`, its bytes in `dialogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv6Address

from attrs import define, field
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.mail.smtp import IMessage, IMessageDelivery
from zope.interface import implementer

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import MessageRejected
from mcmtpush.ports import Clock, Now, Reception
from mcmtpush.reception import acceptance, reply, trace
from mcmtpush.reception.acceptance import Destination, Recipient
from mcmtpush.reception.address import Address
from mcmtpush.reception.command import EsmtpServer
from mcmtpush.reception.content import apply_rules
from mcmtpush.reception.dialogue import World
from mcmtpush.reception.relay import check_relaying
from mcmtpush.reception.session import Session, Sessions
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.values import Message, MessageIds, Submission


@implementer(IMessage)
class Transaction:
    """One message on its way in, for all its recipients."""

    def __init__(self, delivery: EsmtpDelivery, sender: Address) -> None:
        self.sender = sender
        self.recipients: list[Recipient] = []
        self.ids: list[str] = []
        self._delivery = delivery
        self._content = b""

    def opened(self) -> Transaction:
        """The message of each recipient, as twisted.mail asks for it: this one."""
        return self

    def lineReceived(self, line: bytes) -> None:
        """Add one line, given without its end."""
        self._content += line + b"\r\n"

    def feed(self, content: bytes) -> None:
        """Take the whole content at once."""
        self._content = content

    def eomReceived(self) -> Deferred[None]:
        """Fires when all is durable; raises or fails with what is to be answered."""
        content, self._content = self._content, b""
        return self._delivery.accept(self, content)

    def connectionLost(self) -> None:
        """There will be no more of it."""
        self._content = b""


@implementer(IMessageDelivery)
@define(eq=False)
class EsmtpDelivery:
    """Who may send what to whom, for one session."""

    session: Session
    _route: Callable[[str], Destination]
    _reception: Reception
    _ids: MessageIds
    _now: Now
    _counters: Counters
    _is_full: Callable[[], bool]
    _transaction: Transaction | None = field(init=False, default=None)

    def validateFrom(self, helo: object, origin: Address) -> Address:  # noqa: ARG002 - theirs
        """Open a transaction for this sender, or raise MessageRejected."""
        if self._is_full():
            raise MessageRejected(*reply.NO_MEMORY)
        limit = self.session.settings.max_receptions_per_connection
        if limit and self.session.receptions >= limit:
            raise MessageRejected(*reply.BATCH_LIMIT)
        acceptance.check_sender(origin, self.session.settings)
        self._transaction = Transaction(self, origin)
        return origin

    def validateTo(self, user: Address) -> Callable[[], Transaction]:
        """Add this recipient to the transaction, or raise MessageRejected."""
        session, transaction = self.session, self._transaction
        if transaction is None:
            raise MessageRejected(*reply.NO_SENDER)
        settings = session.settings
        acceptance.check_recipient(user, settings)
        if not session.can_relay:
            check_relaying(settings, transaction.sender, user)
        domain = user.domain.lower()
        destination = self._route(domain)
        acceptance.check_destination(domain, destination)
        limit = settings.max_recipients_per_connection
        if limit and session.recipients >= limit:
            raise MessageRejected(*reply.CONNECTION_RECIPIENTS)
        if len(transaction.recipients) >= acceptance.recipients_limit(settings):
            raise MessageRejected(*reply.MESSAGE_RECIPIENTS)
        session.recipients += 1
        transaction.recipients.append(Recipient(user, destination))
        return transaction.opened

    def receivedHeader(
        self,
        helo: object,  # noqa: ARG002 - twisted.mail's; the session knows more
        origin: Address,
        recipients: Sequence[Message],
    ) -> bytes:
        """The trace headers of these messages."""
        session, first = self.session, recipients[0]
        settings = session.settings
        return trace.return_path(origin.text) + trace.received(
            peer=session.peer,
            port=session.port,
            helo=session.helo,
            host=settings.received_hostname or settings.hostname,
            sender=origin.text,
            word=session.word,
            message_id=first.id,
            at=first.received_at,
        )

    def accept(self, transaction: Transaction, content: bytes) -> Deferred[None]:
        """Check the content and pass the transaction on."""
        self._transaction = None
        session, size = self.session, len(content)
        opened = acceptance.open_content(
            apply_rules(content, session.settings),
            settings=session.settings,
            recipients=transaction.recipients,
            connection_context=session.context,
            message_context={},
        )
        messages = self._messages(transaction, size)
        mail = opened.mail
        if mail and session.settings.rfc2822_trace_headers:
            headers = self.receivedHeader(None, transaction.sender, messages)
            mail = trace.with_trace(mail, headers)
        transaction.ids = [message.id for message in messages]
        self._counters.add("reception.bytes", size)
        return self._reception.accept(Submission(messages, mail, opened.push))

    def accepted(self, transaction: Transaction) -> None:
        """It is durable: count it."""
        self.session.receptions += 1
        self._counters.add("reception.transactions")
        self._counters.add("reception.messages", len(transaction.ids))

    def _messages(self, transaction: Transaction, size: int) -> tuple[Message, ...]:
        now = self._now()
        batch = self._ids.draw(now)
        context = self.session.context
        return tuple(
            Message(
                id=self._ids.draw(now),
                batch_id=batch,
                connection_id=self.session.id,
                received_at=now,
                sender=transaction.sender.text,
                recipient=recipient.address.text,
                key=recipient.destination.key,
                size=size,
                priority=self.session.priority,
                connection_context=context,
            )
            for recipient in transaction.recipients
        )


@define(eq=False, slots=False)
class EsmtpFactory(ServerFactory):
    """The ESMTP service of one listen.

    Attributes:
        listen: name of the listen.
        settings_for: what holds for a client's address.
        route: where a recipient's domain (lower case) leads.
        reception: where accepted transactions go.
        ids: of this process.
        sessions: the count shared by all listens.
        no_delay: whether to send small packets at once.
        contexts: makes TLS contexts of settings.
        is_full: whether memory is used up; asked for every transaction.
    """

    listen: str = field(kw_only=True)
    settings_for: Callable[[str], ReceptionSettings] = field(kw_only=True)
    route: Callable[[str], Destination] = field(kw_only=True)
    reception: Reception = field(kw_only=True)
    ids: MessageIds = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    now: Now = field(kw_only=True)
    counters: Counters = field(kw_only=True)
    sessions: Sessions = field(kw_only=True)
    no_delay: bool = field(kw_only=True, default=False)
    contexts: ServerContexts = field(kw_only=True, factory=ServerContexts)
    is_full: Callable[[], bool] = field(kw_only=True, default=lambda: False)
    open: set[EsmtpServer] = field(init=False, factory=set)
    _waiting: list[Deferred[None]] = field(init=False, factory=list)
    _world: World = field(init=False)

    noisy = False

    def __attrs_post_init__(self) -> None:
        self._world = World(
            clock=self.clock,
            now=self.now,
            counters=self.counters,
            contexts=self.contexts,
            registry=self,
            no_delay=self.no_delay,
        )

    def prepare(self) -> None:
        """Make a local client's TLS context; raises ConfigError if it is broken."""
        self.contexts.prepare(self.settings_for("127.0.0.1").tls)

    def buildProtocol(self, addr: IAddress | None) -> EsmtpServer:
        """A dialogue with the client at this address."""
        peer, port = peer_of(addr)
        session = Session(
            id=self.ids.draw(self.now()),
            listen=self.listen,
            peer=peer,
            port=port,
            settings=self.settings_for(peer),
        )
        return EsmtpServer(
            session=session,
            delivery=EsmtpDelivery(
                session,
                self.route,
                self.reception,
                self.ids,
                self.now,
                self.counters,
                self.is_full,
            ),
            world=self._world,
        )

    def enter(self, server: EsmtpServer) -> bool:
        """A session begins; False if there are too many."""
        if not self.sessions.enter(self.listen, server.session.settings):
            return False
        self.open.add(server)
        return True

    def leave(self, server: EsmtpServer) -> None:
        """A session that entered has ended."""
        self.open.discard(server)
        self.sessions.leave(self.listen)
        if not self.open:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def drain(self) -> Deferred[None]:
        """Idle sessions end now, the others when they can; fires when none is left."""
        for server in list(self.open):
            server.drain()
        if not self.open:
            return succeed(None)
        deferred: Deferred[None] = Deferred()
        self._waiting.append(deferred)
        return deferred

    def abort(self) -> None:
        """End every session without a word."""
        for server in list(self.open):
            server.abort()


def peer_of(address: IAddress | None) -> tuple[str, int]:
    """The client's address and port; Unix sockets count as loopback.

    An address of a kind that is not known is nobody's: 0.0.0.0.
    """
    if isinstance(address, UNIXAddress):
        return "127.0.0.1", 0
    host = getattr(address, "host", "0.0.0.0").partition("%")[0]
    if ":" in host:
        host = str(IPv6Address(host).ipv4_mapped or host)
    return host, getattr(address, "port", 0)
