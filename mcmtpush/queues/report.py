"""What is told of queues from which messages do not go out as they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from mcmtpush.counters import Counters
from mcmtpush.values import QueueKey


log = Logger()


@frozen
class Report:
    """To counters and to the log."""

    counters: Counters

    def put_off(self, key: QueueKey, count: int, reason: str) -> None:
        """So many wait for a while, since there is no way out."""
        self.counters.add("queues.put_off", count)
        log.warn(
            "{domain} (binding {binding}): {count} messages wait for retry_interval, "
            "uncharged: {reason}",
            domain=key.domain,
            binding=key.binding,
            count=count,
            reason=reason,
        )

    def lost(self, key: QueueKey, rows: Sequence[int]) -> None:
        """These left the queue because they cannot be read."""
        self.counters.add("queues.lost", len(rows))
        log.error(
            "{count} entries of {domain} (binding {binding}) left their queue since "
            "their spool rows cannot be read: {rows}",
            count=len(rows),
            domain=key.domain,
            binding=key.binding,
            rows=", ".join(map(str, rows)),
        )

    def not_loaded(self, key: QueueKey, failure: Any, seconds: float) -> None:
        """Bodies did not come; they are asked for again within so many seconds."""
        log.error(
            "cannot load messages of {domain}, trying again within {interval} s: "
            "{reason}",
            domain=key.domain,
            interval=seconds,
            reason=failure.getErrorMessage(),
        )
