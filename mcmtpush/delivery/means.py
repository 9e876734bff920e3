"""What the connections of one queue are made with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from typing import Protocol as Port

from attrs import field, frozen
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.delivery.desk import Credential, Desk, defaults_of
from mcmtpush.delivery.dialect import Dialects
from mcmtpush.files import stamp
from mcmtpush.ports import Clock, Dice, Hooks, Now


if TYPE_CHECKING:
    from mcmtpush.counters import Counters


class Connect(Port):
    """How a queue reaches its routes."""

    def __call__(self, route: Route) -> IStreamClientEndpoint:
        """For one connection; raises `ConfigError` when it cannot be had."""

    def fail(self, address: str) -> None:
        """A connection to this IP address was worth nothing."""


@frozen
class Means:
    """What connections of one queue are made with."""

    settings: DeliverySettings
    connect: Connect
    clock: Clock
    now: Now
    dice: Dice
    counters: Counters
    domain: str = ""
    credential: Credential | None = None
    hooks: Hooks | None = None
    dialects: Dialects = field(init=False)

    @dialects.default
    def _make_dialects(self) -> Dialects:
        desk = Desk(
            self.domain,
            defaults_of(self.settings),
            self.credential,
            self.clock,
            self.now,
            self.counters,
            Logger(),
            partial(_identity, self.settings),
            self.hooks,
        )
        return Dialects(self.settings, self.clock, self.now, self.counters, desk)


def _identity(settings: DeliverySettings) -> object:
    """Changes when a certificate shown over HTTP/2 does; a key file tells itself."""
    tls = settings.tls
    return None if settings.key else (stamp(tls.certificate), stamp(tls.key))
