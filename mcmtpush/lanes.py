"""The ways out: which delivery side a queue gets, and the orders that reach them all.

Part of the composition root; knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from mcmtpush.config.current import Current
from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.connector import Connector, connector
from mcmtpush.delivery.fleet import OPENING_LIMIT
from mcmtpush.delivery.key import KeyFiles
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail.pool import MailPool
from mcmtpush.delivery.mail.resolver import Names
from mcmtpush.delivery.pool import Pool
from mcmtpush.delivery.tls.context import SharedContexts
from mcmtpush.delivery.tls.expiry import Expiries
from mcmtpush.hooks.policy import Policy
from mcmtpush.places import Places
from mcmtpush.ports import Dice, Disposition, Lane, MailStore, Now, Queue
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.places import SharedPlaces
from mcmtpush.shared.window import SharedBuckets
from mcmtpush.throttle import Buckets, Meters
from mcmtpush.values import Attempt, Expired, QueueKey


MAIL_METHODS = frozenset({"esmtp", "smtp"})
BLACKHOLED = "554 5.7.0 [internal] Blackholed"


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
        policy: hears of requests to Apple and of what became of them.
        ledger: what limits are counted in together with other workers, if there are.
        disposition: set by the service once it is built.
    """

    reactor: Any
    configuration: Current
    mails: MailStore
    now: Now
    dice: Dice
    counters: Counters
    resolver: Callable[[], Any]
    policy: Policy
    ledger: Ledger | None = None
    disposition: Disposition = field(init=False)
    # A queue that was given up takes its pool with it.
    _pools: WeakValueDictionary[QueueKey, Pool] = field(
        init=False, factory=WeakValueDictionary
    )
    _openings: WeakValueDictionary[tuple[Route, ...], Places[Pool]] = field(
        init=False, factory=WeakValueDictionary
    )
    _limits: Limits = field(init=False)
    _buckets: Meters = field(init=False)
    _contexts: SharedContexts = field(init=False)
    _keys: KeyFiles = field(init=False)
    _names: Names | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        limit = self.configuration.process().server_limit
        if self.ledger is None:
            self._buckets, self._limits = Buckets(), Limits(limit)
        else:
            places = SharedPlaces(self.ledger, self.reactor, self.dice)
            places.begin()
            self._buckets = SharedBuckets(self.ledger)
            self._limits = Limits(limit, places)
        self._contexts = SharedContexts(Expiries(self.now), self.reactor)
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

    def follow(self) -> None:
        """The configuration is another one: so are the limits of the process."""
        self._limits.resize(self.configuration.process().server_limit)

    def connector(self, settings: DeliverySettings) -> Connector:
        """How a queue with such settings reaches its routes."""
        return connector(self.reactor, settings, self.dice, self._contexts)

    def resume(self) -> int:
        """End every suspension by a guard; how many there were."""
        return sum(pool.resume() for pool in self._pools.values())

    def _push(self, queue: Queue, settings: DeliverySettings) -> Pool:
        pool = Pool(
            queue,
            settings=settings,
            connect=self.connector(settings),
            disposition=self.policy,
            clock=self.reactor,
            now=self.now,
            dice=self.dice,
            counters=self.counters,
            limits=self._limits,
            buckets=self._buckets,
            openings=self._opening(settings.routes),
            credential=self._keys.of(settings.key),
            hooks=self.policy,
        )
        self._pools[queue.key] = pool
        return pool

    def _opening(self, routes: tuple[Route, ...]) -> Places[Pool]:
        """One line for all lanes with these routes."""
        known = self._openings.get(routes)
        if known is None:
            known = self._openings[routes] = Places(Pool.work, OPENING_LIMIT)
        return known

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
            tls=self._contexts.of(settings.tls),
            load_mail=self.mails.load_mail,
            disposition=self.disposition,
            clock=self.reactor,
            dice=self.dice,
            counters=self.counters,
            limits=self._limits,
            buckets=self._buckets,
        )
