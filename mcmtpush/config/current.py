"""The configuration that holds now, for whoever asks anew each time.

Everybody keeps this one object, or a method of it, and never a `Configuration`.
"""

from __future__ import annotations

from attrs import define, field

from mcmtpush.config.part import ALONE, Part
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import (
    DeliverySettings,
    ListenSettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
)
from mcmtpush.values import QueueKey


@define(eq=False)
class Current:
    """Answers like the `Configuration` that was adopted last.

    Attributes:
        latest: that configuration.
        part: whose eyes it is seen with.
        started: the one that the program started with: what cannot be changed while it
            runs is as this one says.
    """

    latest: Configuration
    part: Part = ALONE
    started: Configuration = field(init=False)
    _gone: dict[str, Configuration] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.started = self.latest

    def adopt(self, configuration: Configuration) -> None:
        """From now on this one holds."""
        for listen in self.lost_listens(configuration):
            self._gone.setdefault(listen.address, self.latest)
        for listen in self.kept_listens(configuration):
            self._gone.pop(listen.address, None)
        self.latest = configuration

    def kept_listens(self, configuration: Configuration) -> list[ListenSettings]:
        """Those that are open and that this configuration has, too."""
        there = set(map(_socket, configuration.process().listens))
        return [each for each in self._open if _socket(each) in there]

    def lost_listens(self, configuration: Configuration) -> list[ListenSettings]:
        """Those that are open, and stay so, although this one does not have them."""
        there = set(map(_socket, configuration.process().listens))
        return [each for each in self._open if _socket(each) not in there]

    @property
    def _open(self) -> tuple[ListenSettings, ...]:
        return self.started.process().listens

    # -- what it says -------------------------------------------------------------

    def process(self) -> ProcessSettings:
        """See `Configuration`; this part of it."""
        return self.part.of_process(self.latest.process())

    def queue(self, key: QueueKey) -> QueueSettings:
        """See `Configuration`."""
        return self.latest.queue(key)

    def delivery(self, key: QueueKey) -> DeliverySettings:
        """See `Configuration`."""
        return self.latest.delivery(key)

    def reception(self, listen_address: str, peer_ip: str) -> ReceptionSettings:
        """See `Configuration`; of a listen that is gone, the last that was said."""
        holds = self._gone.get(listen_address, self.latest)
        return holds.reception(listen_address, peer_ip)

    def routing_key(self, domain: str) -> QueueKey:
        """See `Configuration`."""
        return self.latest.routing_key(domain)


def _socket(listen: ListenSettings) -> tuple[str, int | None, str | None]:
    """Equal for two spellings of one listen."""
    return listen.host, listen.port, listen.path
