"""The way in: durable first, then queued, then told.

Part of the composition root; knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcmtpush.config.current import Current
from mcmtpush.config.views import ListenSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import McmtPushError
from mcmtpush.ports import Now, Spool
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.reception.acceptance import Destination
from mcmtpush.reception.esmtp import EsmtpFactory
from mcmtpush.reception.session import Sessions
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.values import Entry, MessageIds, Submission


log = Logger()


@frozen
class Intake:
    """The `Reception` port."""

    spool: Spool
    scheduler: Scheduler

    def accept(self, submission: Submission) -> Deferred[None]:
        """Fires once every message is durable and in its queue."""
        return self.spool.store(submission).addCallback(self._enqueue)

    def _enqueue(self, entries: Sequence[Entry]) -> None:
        """What is durable is accepted: a fault here must not be answered 451."""
        try:
            self.scheduler.enqueue(
                [(entry.message.key, entry) for entry in entries if entry.message]
            )
        except McmtPushError:
            log.failure("not queued; the next start will find it in the spool")


@define(eq=False, kw_only=True)
class Doors:
    """What answers at each listen, and what all of them share.

    Attributes:
        is_full: whether new mail is refused for now.
        contexts: TLS of the listens.
    """

    reactor: Any
    configuration: Current
    intake: Intake
    ids: MessageIds
    now: Now
    counters: Counters
    sessions: Sessions
    is_full: Callable[[], bool]
    contexts: ServerContexts = field(factory=ServerContexts)

    def of(self, listen: ListenSettings) -> EsmtpFactory:
        """The factory of a listen's sessions."""
        return EsmtpFactory(
            listen=listen.address,
            settings_for=lambda peer: self.configuration.reception(
                listen.address, peer
            ),
            route=self._route,
            reception=self.intake,
            ids=self.ids,
            clock=self.reactor,
            now=self.now,
            counters=self.counters,
            sessions=self.sessions,
            is_full=self.is_full,
            no_delay=listen.disable_nagle_algorithm,
            contexts=self.contexts,
        )

    def _route(self, domain: str) -> Destination:
        key = self.configuration.routing_key(domain)
        settings = self.configuration.queue(key)
        return Destination(
            key, settings.delivery_method, blackholed=settings.blackhole == "inline"
        )
