"""Clients that hand messages in."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field
from twisted.internet.protocol import Protocol

from mcmtpush.mcmt.compose import alert_payload, compose


@define(eq=False)
class Injection:
    """One transaction of a client.

    Attributes:
        headers: further ones of the push part, by name.
        filling: so many bytes more in the payload.
        ids: of its messages, by recipient; empty unless it was answered 250.
        reply: to the content, or to what was refused; empty if none came.
    """

    number: int
    recipients: tuple[str, ...]
    token: str
    headers: Mapping[str, str] = field(factory=dict)
    filling: int = 0
    ids: list[str] = field(factory=list)
    reply: str = ""

    @property
    def alert(self) -> str:
        return f"m{self.number}."

    def content(self) -> bytes:
        return compose(
            sender="news@example.net",
            recipient=self.recipients[0],
            token=self.token,
            payload=alert_payload(self.alert, custom=self._custom),
            subject="News",
            date="Mon, 23 Nov 2026 12:00:00 +0000",
            message_id=f"<{self.number}@example.net>",
            extra=self.headers,
        )

    @property
    def _custom(self) -> dict[str, str]:
        return {"filling": "x" * self.filling} if self.filling else {}


class Injector(Protocol):
    """One session with one transaction, one command at a time."""

    def __init__(self, injection: Injection) -> None:
        self.injection = injection
        self.received = b""
        self.commands = [
            b"EHLO client.example",
            b"MAIL FROM:<news@example.net>",
            *(b"RCPT TO:<%s>" % one.encode() for one in injection.recipients),
            b"DATA",
            injection.content() + b".",
            b"QUIT",
        ]

    def dataReceived(self, data: bytes) -> None:
        *lines, self.received = (self.received + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                self.answered(line.decode())

    def answered(self, line: str) -> None:
        last = len(self.commands) == 1
        if last or (self.commands and line[0] not in "23"):
            self.injection.reply = line
            if line.startswith("250"):
                self.injection.ids = line.split()[3:]
        if self.commands and line[0] in "23":
            self.transport.write(self.commands.pop(0) + b"\r\n")  # type: ignore[union-attr]
        else:
            self.transport.loseConnection()  # type: ignore[union-attr]
