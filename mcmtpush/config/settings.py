"""The configuration as the rest of the program is told it: complete, typed views.

Turns look-ups (`config.scopes`) into the values of `config.views`, and keeps the
results: one for each chain of scopes, shared by all queues and clients that fall back
along it.  It trusts that the tree passed every check: what is wrong with a
configuration is for `config.lint` to say, with its place.

Which option goes into which view is in `delivery`, `reception` and `process`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from mcmtpush.config.chain import Chain, asking
from mcmtpush.config.delivery import delivery_settings, queue_settings
from mcmtpush.config.listen import LISTENER
from mcmtpush.config.process import process_settings
from mcmtpush.config.reception import reception_settings
from mcmtpush.config.scopes import DEFAULT, Fallback
from mcmtpush.config.share import Shares
from mcmtpush.config.tree import Scope
from mcmtpush.config.views import (
    DeliverySettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
)
from mcmtpush.values import QueueKey


_MOST_KEPT = 16384
"""Chains and views that are kept: domains and clients come from strangers."""


class Configuration:
    """One configuration that passed every check; it never changes.

    Attributes:
        root: the tree it was made from.
        hostname: name of this machine, where `hostname` is not configured.
        folders: where scripts are looked for that are not beside their stanza.
    """

    def __init__(
        self, root: Scope, hostname: str = "localhost", folders: Sequence[str] = ()
    ) -> None:
        self.root = root
        self.hostname = hostname
        self.folders = tuple(folders)
        self._fallback = Fallback(root)
        self._shares = Shares()
        keep = lru_cache(maxsize=_MOST_KEPT)
        self._sending: Callable[[QueueKey], Chain] = keep(self._fallback.sending)
        self._receiving: Callable[[str, str], Chain] = keep(self._make_receiving)
        self._queue: Callable[[Chain], QueueSettings] = keep(self._make_queue)
        self._delivery: Callable[[Chain], DeliverySettings] = keep(self._make_delivery)
        self._reception: Callable[[Chain], ReceptionSettings] = keep(
            self._make_reception
        )
        self._routing_key: Callable[[str], QueueKey] = keep(self._make_routing_key)
        self._process: ProcessSettings | None = None

    def process(self) -> ProcessSettings:
        """What the process as a whole needs."""
        if self._process is None:
            self._process = process_settings(
                self.root, self._fallback, self.hostname, self.folders
            )
        return self._process

    def queue(self, key: QueueKey) -> QueueSettings:
        """How one queue retries and gives up."""
        return self._queue(self._sending(key))

    def delivery(self, key: QueueKey) -> DeliverySettings:
        """How one queue reaches its gateway."""
        return self._delivery(self._sending(key))

    def reception(self, listen_address: str, peer_ip: str) -> ReceptionSettings:
        """What holds for a client of the listen that is named so in any spelling.

        `peer_ip` is without port; it does not matter for a Unix socket.
        """
        return self._reception(self._receiving(listen_address, peer_ip))

    def routing_key(self, domain: str) -> QueueKey:
        """The queue of a recipient domain that nobody assigned elsewhere."""
        return self._routing_key(domain)

    def feedback_domains(self) -> list[str]:
        """The domains, by name, whose feedback service is to be polled."""
        names = [scope.name or "" for scope in self.root.of_kind("domain")]
        return [
            name.lower()
            for name in names
            if not name.startswith("/")
            and _is_polled(self.delivery(self.routing_key(name)))
        ]

    # -- what is kept ---------------------------------------------------------------

    def _make_routing_key(self, domain: str) -> QueueKey:
        key = QueueKey(DEFAULT, DEFAULT, domain.lower())
        gateway = asking(self._sending(key))("gateway")
        return key._replace(domain=gateway.lower()) if gateway else key

    def _make_queue(self, chain: Chain) -> QueueSettings:
        return queue_settings(chain, self.process)

    def _make_delivery(self, chain: Chain) -> DeliverySettings:
        return delivery_settings(chain, self.process, self._shares, self.root)

    def _make_receiving(self, listen: str, peer: str) -> Chain:
        return self._fallback.receiving(listen, peer, LISTENER)

    def _make_reception(self, chain: Chain) -> ReceptionSettings:
        return reception_settings(chain, self.process().hostname)


def _is_polled(settings: DeliverySettings) -> bool:
    return settings.feedback_route is not None and settings.delivery_method == "apn"
