"""A mail pool over messages that wait, and servers that obey the test."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from mcmtpush.config.views import (
    DeliverySettings,
    TlsClientSettings,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail import pool as module
from mcmtpush.delivery.mail.event import Terms
from mcmtpush.delivery.mail.exchange import (
    Exchange,
)
from mcmtpush.delivery.mail.manner import Manner
from mcmtpush.delivery.mail.pool import MailPool
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.throttle import Buckets
from mcmtpush.values import Accepted, Discarded
from tests.delivery.mail.stage import (
    KEY,
    Directory,
    Servers,
    Settled,
    Waiting,
    Wire,
    an_entry,
)
from tests.delivery.stage import Always, Turns
from tests.support.case import TestCase


PROVEN = Accepted("proven")
GONE = Discarded()
MAIL = b"Subject: hi\r\n\r\nhello\r\n"


class PoolCase(TestCase):
    """A pool over three waiting messages unless the test says otherwise."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.servers = Servers()
        self.counters = Counters()
        self.names = Directory()
        self.names.mx[KEY.domain] = (Exchange(10, "a"), Exchange(20, "b"))
        self.names.hosts = {"a": ("192.0.2.1",), "b": ("192.0.2.2",)}
        self.mails: dict[int, Any] = {}
        self.tls: Any = TlsContexts(TlsClientSettings())
        self.make(3)

    def make(
        self,
        count: int,
        *,
        again: tuple[type, ...] = (),
        limits: Limits | None = None,
        buckets: Buckets | None = None,
        **changes: Any,
    ) -> None:
        self.queue = Waiting([an_entry(row) for row in range(1, count + 1)])
        self.settled = Settled(self.queue, again)
        manner = {
            name: changes.pop(name)
            for name in ("tls", "fallback", "rest_seconds", "sweep_after")
            if name in changes
        }
        given = {
            "max_outbound_connections": 1,
            "idle_timeout_seconds": 30,
            **changes,
        }
        settings = DeliverySettings(**given)
        terms = Terms(
            "me.example", manner.pop("tls", "no"), manner.pop("fallback", True)
        )
        wanted = Manner(terms, **{"rest_seconds": 120, "sweep_after": 50, **manner})
        self.patch(module, "manner_of", lambda *_: wanted)
        self.pool = MailPool(
            self.queue,
            settings=settings,
            hostname="me.example",
            resolver=self.names,
            connect=self.servers.connect,
            tls=self.tls,
            load_mail=self.load_mail,
            disposition=self.settled,
            clock=self.clock,
            dice=Always(),
            counters=self.counters,
            limits=limits or Limits(1000),
            buckets=buckets or Buckets(),
        )

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        found = self.mails.get(row, MAIL)
        if isinstance(found, Deferred):
            return found
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def turns(self, count: int = 10) -> None:
        for _ in range(count):
            self.clock.advance(0)

    def work(self) -> None:
        self.pool.work()
        self.turns()

    def connect(self) -> Wire:
        """Work; the server that is called is ready."""
        self.work()
        wire = self.servers.accept(greet=True)
        self.turns()
        return wire

    def serve(self, wire: Wire, refusals: dict[str, str] | None = None) -> int:
        taken = 0
        for _ in range(40):
            taken += wire.serve(refusals)
            self.turns(3)
        return taken
