"""A listener without a network: recording stand-ins and a client on a string."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.counters import Counters
from mcmtpush.reception.acceptance import Destination
from mcmtpush.reception.esmtp import EsmtpFactory
from mcmtpush.reception.session import Sessions
from mcmtpush.values import MessageIds, QueueKey, Submission


NOON = 1257422640.0
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

CONTAINER = (
    b"From: news@example.com\r\nTo: 4711@apn_example.com\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/vnd.msys.mcmt; boundary="cut"\r\n\r\n'
    b"--cut\r\nContent-Type: message/rfc822\r\n\r\n"
    b"From: news@example.com\r\nSubject: mail\r\n\r\nYou have mail.\r\n"
    b"--cut\r\nContent-Type: message/vnd.msys.apn\r\n\r\n"
    b"X-Device-Token: 0a1b2c\r\n\r\n"
    b'{"aps": {"alert": "You have mail"}}\r\n--cut--\r\n'
)
PUSH_ONLY = CONTAINER[: CONTAINER.index(b"--cut\r\n")] + (
    b"--cut\r\nContent-Type: message/vnd.msys.apn\r\n\r\n"
    b'X-Device-Token: 0a1b2c\r\n\r\n{"aps": {"alert": "Hi"}}\r\n--cut--\r\n'
)
PLAIN = b"From: a@example.com\r\nSubject: hello\r\n\r\nHello.\r\n"


def settings(**changes: Any) -> ReceptionSettings:
    """Settings under which loopback may relay and containers are opened."""
    return ReceptionSettings(
        **{
            "hostname": "mx.example.net",
            "mcmt_reception": "allow",
            "relay_hosts": LOOPBACK,
            **changes,
        }
    )


def route(domain: str) -> Destination:
    """Everything goes by push but what begins with mail."""
    method = "gcm" if domain.startswith("mail") else "apn"
    return Destination(QueueKey("default", "default", domain), method)


class Recording:
    """A next stage that remembers, and fails or waits when told to."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.pending: list[Deferred[None]] = []
        self.failure: Exception | None = None
        self.waits = False

    def accept(self, submission: Submission) -> Deferred[None]:
        self.submissions.append(submission)
        if self.waits:
            self.pending.append(Deferred())
            return self.pending[-1]
        if self.failure is not None:
            raise self.failure
        return succeed(None)


class Wire(StringTransport):
    """A transport that ends the protocol when it is aborted or told to end."""

    protocol: Any = None

    def abortConnection(self) -> None:
        super().abortConnection()
        self.lose()

    def lose(self) -> None:
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionError()))


class Scene:
    """One factory with everything around it."""

    def __init__(
        self,
        settings_for: Callable[[str], ReceptionSettings] | ReceptionSettings,
        **changes: Any,
    ) -> None:
        if isinstance(settings_for, ReceptionSettings):
            fixed = settings_for
            settings_for = lambda _: fixed  # noqa: E731
        self.clock = Clock()
        self.reception = Recording()
        self.counters = Counters()
        self.sessions = changes.pop("sessions", Sessions())
        self.factory = EsmtpFactory(
            listen="127.0.0.1:2525",
            settings_for=settings_for,
            route=changes.pop("route", route),
            reception=self.reception,
            ids=MessageIds(pid=7),
            clock=self.clock,
            now=lambda: NOON,
            counters=self.counters,
            sessions=self.sessions,
            **changes,
        )

    def client(self, peer: Any = "127.0.0.1") -> Client:
        """A client that has connected; its banner is still unread."""
        if isinstance(peer, str):
            peer = IPv4Address("TCP", peer, 40000)
        return Client(self.factory, peer)

    def greeted(self, peer: Any = "127.0.0.1") -> Client:
        """A client that has said EHLO and read all replies."""
        client = self.client(peer)
        client.say(b"EHLO client.example\r\n")
        return client

    @property
    def submissions(self) -> list[Submission]:
        return self.reception.submissions


class Client:
    """Feeds a server and reads its replies."""

    def __init__(self, factory: EsmtpFactory, peer: Any) -> None:
        self.wire = Wire(peerAddress=peer)
        self.server = factory.buildProtocol(peer)
        self.wire.protocol = self.server
        self.server.makeConnection(self.wire)

    def read(self) -> list[str]:
        """The reply lines since the last reading."""
        text = self.wire.value().decode("ascii")
        self.wire.clear()
        assert text == "" or text.endswith("\r\n"), text
        return text.split("\r\n")[:-1]

    def feed(self, data: bytes, size: int | None = None) -> None:
        """Send bytes, in pieces of a size or whole, while it is connected."""
        step = size or max(len(data), 1)
        for at in range(0, len(data), step):
            if not self.wire.disconnecting:
                self.server.dataReceived(data[at : at + step])

    def say(self, data: bytes) -> list[str]:
        """Send bytes and read what is answered."""
        self.feed(data)
        return self.read()

    def send(self, content: bytes, *recipients: bytes, sender: bytes = b"a@b.c") -> str:
        """A whole transaction; the answer to its content, given as on the wire."""
        self.say(b"MAIL FROM:<" + sender + b">\r\n")
        for recipient in recipients or (b"4711@apn_example.com",):
            self.say(b"RCPT TO:<" + recipient + b">\r\n")
        self.say(b"DATA\r\n")
        return self.say(content + b".\r\n")[-1]

    @property
    def closed(self) -> bool:
        return self.wire.disconnecting
