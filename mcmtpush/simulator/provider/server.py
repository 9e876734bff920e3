"""What the connections of one listening simulator share, and what each is given."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

from mcmtpush.ports import Clock, Now
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.occasion import Occasions
from mcmtpush.simulator.provider.answer import Dates
from mcmtpush.simulator.provider.channel import Channels
from mcmtpush.simulator.provider.trust import Keyring, Terms
from mcmtpush.simulator.script import Script


class Outlet(Protocol):
    """Where bytes go, and how a connection ends."""

    def write(self, data: bytes) -> None:
        """Send."""

    def close(self) -> None:
        """End it behind what was written."""

    def abort(self) -> None:
        """Reset it."""

    def pause(self) -> None:
        """Read no more for now."""

    def resume(self) -> None:
        """Read again."""


@define(eq=False)
class Server:
    """What all connections of one listening simulator share."""

    script: Script
    journal: Journal
    clock: Clock
    now: Now
    occasions: Occasions
    keyring: Keyring
    channels: Channels
    dates: Dates = field(init=False)
    terms: Terms = field(init=False)

    def __attrs_post_init__(self) -> None:
        http2 = self.script.http2
        self.dates = Dates(http2.date_skew_seconds)
        self.terms = Terms(
            http2.environment, http2.token_life_seconds, http2.token_rest_seconds
        )
