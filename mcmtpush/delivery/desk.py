"""What the HTTP/2 connections of one queue share: credential, patience, alerts.

A reason that another connection may cure costs a connection; one that came too
often in a row, or that no connection cures, is trouble: the lane stands back and
an operator is told.  Knows no bytes and no connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from typing import Protocol as Port

from attrs import define, field

from mcmtpush.apns.answers import Meaning, Remedy
from mcmtpush.apns.requests import RequestDefaults
from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.advice import advice
from mcmtpush.delivery.device import Devices
from mcmtpush.delivery.outcome import ACCEPTED
from mcmtpush.ports import Clock, Hooks, Now
from mcmtpush.values import Accepted, Native, PushPart


SILENCE_SECONDS: Final = 600.0
"""An operator is told of the same reason once in so long."""

RUN: Final = 5
"""So many of the same answer, without a 200 between them, are a run."""

LEAVING: Final = Remedy.REOPEN | Remedy.PAUSE_LANE | Remedy.REST_CONNECTION
"""What makes a connection take no more."""

_ALERTS: Final = Remedy.ALERT | Remedy.ALERT_FIRST
_AFTER_RUNS: Final = {
    Remedy.REOPEN_AFTER_RUN: Remedy.REOPEN,
    Remedy.PAUSE_AFTER_RUN: Remedy.PAUSE_LANE,
}
_HEADERS: Final = {
    "BadCollapseId": "apns-collapse-id",
    "BadExpirationDate": "apns-expiration",
    "BadMessageId": "apns-id",
    "BadPriority": "apns-priority",
    "InvalidPushType": "apns-push-type",
    "MissingPushType": "apns-push-type",
}
"""Which header a reason is about; where the injector wrote it, it is his affair."""

FIRST_SIZE: Final = 1024.0
"""What a payload is taken to measure before there was any, in bytes."""

REASONS_LIMIT: Final = 100
"""Of so many answers is remembered when they were told: a peer may invent more."""


class Teller(Port):
    """Where alerts go: Twisted's logger."""

    def critical(self, format: str, **kwargs: Any) -> None:  # noqa: A002 - theirs
        """Tell the operator."""


class Credential(Port):
    """What makes provider tokens."""

    def bearer(self) -> bytes:
        """The value of `authorization` for a new connection; raises ConfigError."""

    def is_old(self, bearer: bytes) -> bool:
        """Whether connections with this value should hand over to others."""

    def renew(self, bearer: bytes) -> None:
        """Apple calls this value expired or wrong: make another, unless too soon."""

    def note_date(self, date: bytes) -> None:
        """What the peer's clock says."""


def defaults_of(settings: DeliverySettings) -> RequestDefaults:
    """What a domain says for push parts that do not."""
    return RequestDefaults(
        topic=settings.topic,
        push_type=settings.push_type,
        priority=settings.priority,
        collapse_id=settings.collapse_id,
        expiry_seconds=settings.apn_expiry_seconds,
    )


@define(eq=False)
class Desk:
    """One for each queue.

    Attributes:
        domain: for the operator.
        credential: None where a certificate, or nothing, authenticates.
        identity: changes when the certificate that connections show does.
        usual_size: of the payloads of late, in bytes; a new connection is given as
            many as fit its window, lest others wait in it for the peer.
        hooks: policy, the same for all queues.
    """

    domain: str
    defaults: RequestDefaults
    credential: Credential | None
    clock: Clock
    now: Now
    counters: Counters
    teller: Teller
    identity: Callable[[], object] = lambda: None
    hooks: Hooks | None = None
    devices: Devices = field(init=False)
    usual_size: float = field(init=False, default=FIRST_SIZE)
    _strikes: Counter[str] = field(init=False, factory=Counter)
    _runs: Counter[str] = field(init=False, factory=Counter)
    _struck_at: dict[str, float] = field(init=False, factory=dict)
    _told_at: dict[str, float] = field(init=False, factory=dict)

    @devices.default
    def _make_devices(self) -> Devices:
        return Devices(self.clock)

    # -- tokens -------------------------------------------------------------------

    def bearer(self) -> bytes | None:
        """For a new connection; raises ConfigError."""
        return None if self.credential is None else self.credential.bearer()

    def is_old(self, bearer: bytes | None) -> bool:
        """Whether a connection with this one should hand over to another."""
        if self.credential is None or bearer is None:
            return False
        return self.credential.is_old(bearer)

    # -- answers ------------------------------------------------------------------

    def rest_seconds(self, push: PushPart | None) -> float:
        """How much longer the device of a push part is to be left alone."""
        return self.devices.rest_seconds(push.token) if push is not None else 0.0

    def accept(self) -> Accepted:
        """A 200: whatever was wrong is right again."""
        if self._strikes or self._runs:
            self._strikes.clear()
            self._runs.clear()
        return ACCEPTED

    def note_date(self, bearer: bytes | None, headers: Mapping[bytes, bytes]) -> None:
        """Compare clocks, where tokens depend on them."""
        if self.credential is not None and bearer is not None and b"date" in headers:
            self.credential.note_date(headers[b"date"])

    def heed(
        self,
        native: Native,
        meaning: Meaning,
        push: PushPart | None,
        bearer: bytes | None,
        headers: Mapping[bytes, bytes],
    ) -> Remedy:
        """See to everything but the connection; what it calls for there."""
        remedies = meaning.remedies
        if Remedy.DELAY_DEVICE in remedies and push is not None and push.token:
            self.devices.add(push.token, meaning.wait_seconds)
        self.note_date(bearer, headers)
        if self.credential and bearer is not None and Remedy.RENEW_TOKEN in remedies:
            self.credential.renew(bearer)
        ours = Remedy.ALERT_IF_OURS in remedies and not _is_theirs(native, push)
        if remedies & _ALERTS or ours:
            self.alert(native)
        return self._add_runs(native, remedies) & LEAVING

    def _add_runs(self, native: Native, remedies: Remedy) -> Remedy:
        for after, then in _AFTER_RUNS.items():
            if after in remedies:
                self._runs[native.reason] += 1
                if self._runs[native.reason] >= RUN:
                    remedies |= then
                    if then is Remedy.REOPEN:  # which the next one may survive
                        del self._runs[native.reason]
        return remedies

    def trouble(
        self, native: Native, meaning: Meaning, remedies: Remedy, began_at: float
    ) -> str:
        """Why the lane is to stand back; empty when another connection will do.

        Asked once of each connection that is left; `began_at` is how old it is, for
        those that were there when the remedy was first tried say nothing new.
        """
        reason = native.reason
        if Remedy.PAUSE_LANE not in remedies:
            if Remedy.PAUSE_LANE not in meaning.afterwards:
                return ""
            if self._strikes[reason] and began_at < self._struck_at[reason]:
                return ""
            self._strikes[reason] += 1
            self._struck_at[reason] = self.clock.seconds()
            if self._strikes[reason] <= (meaning.patience or 0):
                return ""
        self.alert(native)
        return f"{told(native)}: {advice(reason)}"

    def alert(self, native: Native) -> None:
        """Tell the operator, now and then."""
        answer, now = told(native), self.clock.seconds()
        if now - self._told_at.get(answer, -SILENCE_SECONDS) < SILENCE_SECONDS:
            return
        if len(self._told_at) >= REASONS_LIMIT:
            self._told_at.clear()
        self._told_at[answer] = now
        self.counters.add("delivery.alerts")
        self.teller.critical(
            "{domain}: Apple answers {answer}; {advice}",
            domain=self.domain,
            answer=answer,
            advice=advice(native.reason),
        )


def _is_theirs(native: Native, push: PushPart | None) -> bool:
    header = _HEADERS.get(native.reason)
    return header is not None and push is not None and header in push.headers


def told(native: Native) -> str:
    """An answer, or a word without one, for the operator."""
    if not native.status:
        return native.reason
    return f"{native.status} {native.reason or 'without a reason'}"
