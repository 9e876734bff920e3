"""Who polls the feedback service of which domain, as the configuration has it.

Part of the composition root; knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.config.reload import poll_terms
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.connector import Connector
from mcmtpush.delivery.poll import Poll
from mcmtpush.delivery.poller import FeedbackPoller
from mcmtpush.delivery.report import LogReport
from mcmtpush.ports import Clock, Dice
from mcmtpush.records.token import TokenEvent, TokenEvents


def gone(record: FeedbackRecord, domain: str) -> TokenEvent:
    """What the feedback service says of a token."""
    return TokenEvent(
        record.gone_at, record.token.hex(), domain, "Unregistered", "feedback"
    )


@define(eq=False, kw_only=True)
class Pollers:
    """One for each domain with a feedback route.

    Attributes:
        tokens: where what is read goes.
        connector: how a domain reaches its service.
    """

    clock: Clock
    dice: Dice
    counters: Counters
    tokens: TokenEvents
    connector: Callable[[DeliverySettings], Connector]
    _running: dict[str, tuple[tuple[object, ...], FeedbackPoller]] = field(
        init=False, factory=dict
    )

    def __len__(self) -> int:
        return len(self._running)

    def follow(self, configuration: Configuration) -> int:
        """Start, stop and replace; those that need no change go on.

        How many were started.
        """
        wanted = {
            domain: configuration.delivery(configuration.routing_key(domain))
            for domain in configuration.feedback_domains()
        }
        for domain, (terms, poller) in list(self._running.items()):
            if domain not in wanted or poll_terms(wanted[domain]) != terms:
                poller.stop()
                del self._running[domain]
        fresh = wanted.keys() - self._running.keys()
        for domain in sorted(fresh):
            poller = self._poller(domain, wanted[domain])
            self._running[domain] = poll_terms(wanted[domain]), poller
            poller.start()
        return len(fresh)

    def stop(self) -> None:
        """No more polls."""
        for _, poller in self._running.values():
            poller.stop()
        self._running.clear()

    def _poller(self, domain: str, settings: DeliverySettings) -> FeedbackPoller:
        assert settings.feedback_route is not None  # noqa: S101 - asked for above

        def write(records: Sequence[FeedbackRecord]) -> str | None:
            return self.tokens.write([gone(record, domain) for record in records])

        poll = Poll(
            domain,
            settings.feedback_route,
            settings.feedback_interval_seconds,
            self.connector(settings),
            LogReport(write, self.tokens.flush),
        )
        return FeedbackPoller(
            poll, clock=self.clock, dice=self.dice, counters=self.counters
        )
