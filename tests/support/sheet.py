"""What the pipe's program is told of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcmtpush.config.tree import Scope
from mcmtpush.config.views import DeliverySettings
from mcmtpush.values import QueueKey


if TYPE_CHECKING:
    from tests.support.pipe import Pipe


class Sheet:
    """A `Configuration`: how a queue delivers does not change once it was asked for."""

    root = Scope("global")

    def __init__(self, pipe: Pipe) -> None:
        self.process, self.queue = pipe.process, pipe.queue
        self.reception, self.routing_key = pipe.reception, pipe.routing_key
        self._delivering = pipe.delivery
        self._asked: dict[QueueKey, DeliverySettings] = {}

    def delivery(self, key: QueueKey) -> DeliverySettings:
        return self._asked.setdefault(key, self._delivering(key))
