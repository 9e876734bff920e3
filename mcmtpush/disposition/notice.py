"""Failure notices on their way: rendered, and taken in like any other message.

Knows `bounce` for the words, `address` for whom to tell, and its ports.  A notice that
cannot be stored is given up and counted: the failure it tells of has its record all
the same, and a full disk must not keep what failed from being forgotten.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.address import notice_address
from mcmtpush.disposition.bounce import render_notice
from mcmtpush.ports import MailStore, Now, Reception
from mcmtpush.values import Entry, Message, MessageIds, QueueKey, Record, Submission


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251
    from twisted.python.failure import Failure  # noqa: TID251

Failures = deque[tuple[Record, Entry]]


@define(eq=False, kw_only=True)
class Notifier:
    """Sends notices, behind the `Notices` port.

    Attributes:
        mails: where the failed message's mail content is.
        reception: takes the notice in, durably.
        route: the queue of an address's domain.
        ids: of this process.
        hostname: of this gateway.
    """

    mails: MailStore
    reception: Reception
    route: Callable[[str], QueueKey]
    settings_for: Callable[[QueueKey], QueueSettings]
    ids: MessageIds
    hostname: str
    now: Now
    counters: Counters

    def send(self, failures: Sequence[tuple[Record, Entry]]) -> Deferred[None]:
        """One notice after the other; never fails.  `failures` is not empty."""
        return self._next(None, deque(failures))

    def _next(self, _: object, left: Failures) -> Deferred[None]:
        record, entry = left.popleft()
        sent: Deferred[Any] = self.mails.load_mail(entry.row)
        sent.addCallback(self._submit, record, entry)
        sent.addErrback(self._give_up)
        if left:
            sent.addCallback(self._next, left)
        return sent

    def _submit(
        self, mail: bytes | None, record: Record, entry: Entry
    ) -> Deferred[None] | None:
        return_path = None if entry.push is None else entry.push.return_path
        to = notice_address(record.message, return_path)
        if to is None:
            return None
        now = self.now()
        message_id = self.ids.draw(now)
        settings = self.settings_for(record.message.key)
        content = render_notice(
            record,
            to=to,
            mail=mail or b"",
            hostname=self.hostname,
            mailerdaemon=settings.mailerdaemon,
            inline_original=settings.bounces_inline_original,
            at=now,
            # As Momentum makes one: the id with dots.
            message_id=f"{re.sub('[/-]', '.', message_id)}@{self.hostname}",
        )
        message = Message(
            id=message_id,
            batch_id=message_id,
            connection_id=record.message.connection_id,
            received_at=now,
            sender="",
            recipient=to,
            key=self.route(to.rpartition("@")[2]),
            size=len(content),
        )
        self.counters.add("disposition.notices")
        return self.reception.accept(Submission((message,), content, None))

    def _give_up(self, _: Failure) -> None:
        self.counters.add("disposition.notices_given_up")
