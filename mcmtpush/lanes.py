"""The ways out: which delivery side a queue gets, and the orders that reach them all.

Part of the composition root; knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.expiry import Expiries
from mcmtpush.delivery.feedback import FeedbackPoller, LogReport, Poll
from mcmtpush.delivery.key import KeyFiles
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail.pool import MailPool
from mcmtpush.delivery.mail.resolver import Names
from mcmtpush.delivery.pool import Pool
from mcmtpush.delivery.tls import TlsContexts, connector
from mcmtpush.ports import Dice, Disposition, Lane, MailStore, Now, Queue
from mcmtpush.records.token import TokenEvent, TokenEvents
from mcmtpush.throttle import Buckets
from mcmtpush.values import Attempt, Expired, QueueKey


MAIL_METHODS = frozenset({"esmtp", "smtp"})
BLACKHOLED = "554 5.7.0 [internal] Blackholed"


def gone(record: FeedbackRecord, domain: str) -> TokenEvent:
    """What the feedback service says of a token."""
    return TokenEvent(
        record.gone_at, record.token.hex(), domain, "Unregistered", "feedback"
    )


@define(eq=False)
class Blackhole:
    """A lane that fails whatever comes, with the usual records."""

    queue: Queue
    disposition: Disposition

    def work(self) -> None:
        """Fail all that wants an attempt."""
        while taken := self.queue.take(500):
            attempts = [Attempt(entry, Expired(BLACKHOLED)) for entry in taken]
            self.disposition.settle(self.queue.key, attempts)

    def drain(self) -> Deferred[None]:
        """Nothing is ever in flight here."""
        return succeed(None)


class Nowhere:
    """A lane of a method that this version does not have: messages stay queued."""

    def work(self) -> None:
        """There is no way out."""

    def drain(self) -> Deferred[None]:
        """Nothing is in flight."""
        return succeed(None)


@define(eq=False, kw_only=True)
class Lanes:
    """Opens the lane of each queue, and shares among them what is shared.

    Attributes:
        resolver: makes Twisted's resolver of mail exchangers; asked when first needed.
        disposition: set by the service once it is built.
    """

    reactor: Any
    configuration: Configuration
    mails: MailStore
    now: Now
    dice: Dice
    counters: Counters
    resolver: Callable[[], Any]
    disposition: Disposition = field(init=False)
    # A queue that was given up takes its pool with it.
    _pools: WeakValueDictionary[QueueKey, Pool] = field(
        init=False, factory=WeakValueDictionary
    )
    _limits: Limits = field(init=False)
    _buckets: Buckets = field(init=False, factory=Buckets)
    _expiries: Expiries = field(init=False)
    _keys: KeyFiles = field(init=False)
    _names: Names | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._limits = Limits(self.configuration.process().server_limit)
        self._expiries = Expiries(self.now)
        self._keys = KeyFiles(self.reactor, self.now)

    def open(self, queue: Queue) -> Lane:
        """The delivery side of a new queue."""
        settings = self.configuration.delivery(queue.key)
        if self.configuration.queue(queue.key).blackhole == "internal":
            return Blackhole(queue, self.disposition)
        if settings.delivery_method == "apn":
            return self._push(queue, settings)
        if settings.delivery_method in MAIL_METHODS:
            return self._mail(queue, settings)
        return Nowhere()

    def pollers(self, tokens: TokenEvents) -> list[FeedbackPoller]:
        """One for each domain with a feedback route; what it reads goes to `tokens`."""
        return [
            self._poller(domain, tokens)
            for domain in self.configuration.feedback_domains()
        ]

    def resume(self) -> int:
        """End every suspension by a guard; how many there were."""
        return sum(pool.resume() for pool in self._pools.values())

    def _poller(self, domain: str, tokens: TokenEvents) -> FeedbackPoller:
        key = self.configuration.routing_key(domain)
        settings = self.configuration.delivery(key)
        assert settings.feedback_route is not None  # noqa: S101 - asked for above

        def write(records: Sequence[FeedbackRecord]) -> str | None:
            return tokens.write([gone(record, domain) for record in records])

        poll = Poll(
            domain,
            settings.feedback_route,
            settings.feedback_interval_seconds,
            connector(self.reactor, settings, self.dice, self._expiries),
            LogReport(write, tokens.flush),
        )
        return FeedbackPoller(
            poll, clock=self.reactor, dice=self.dice, counters=self.counters
        )

    def _push(self, queue: Queue, settings: DeliverySettings) -> Pool:
        pool = Pool(
            queue,
            settings=settings,
            connect=connector(self.reactor, settings, self.dice, self._expiries),
            disposition=self.disposition,
            clock=self.reactor,
            now=self.now,
            dice=self.dice,
            counters=self.counters,
            limits=self._limits,
            buckets=self._buckets,
            credential=self._keys.of(settings.key),
        )
        self._pools[queue.key] = pool
        return pool

    def _mail(self, queue: Queue, settings: DeliverySettings) -> MailPool:
        def connect(host: str, port: int) -> IStreamClientEndpoint:
            return HostnameEndpoint(
                self.reactor,
                host,
                port,
                timeout=settings.connect_timeout_seconds,
                bindAddress=settings.bind_address,
            )

        if self._names is None:
            self._names = Names(self.resolver(), self.reactor)
        return MailPool(
            queue,
            settings=settings,
            hostname=self.configuration.process().hostname,
            resolver=self._names,
            connect=connect,
            tls=TlsContexts(settings.tls, self._expiries),
            load_mail=self.mails.load_mail,
            disposition=self.disposition,
            clock=self.reactor,
            dice=self.dice,
            counters=self.counters,
            limits=self._limits,
            buckets=self._buckets,
        )
