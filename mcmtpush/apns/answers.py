"""What an answer of the HTTP/2 interface means: code, remedies, and when to retry.

Pure tables; who carries the remedies out knows lanes, connections and queues.

Rules of the mapping:

- Code and class never disagree under Momentum's classifier: 0 is success, 1, 10
  and 255 are temporary, 2 to 8 permanent.
- 2, 5 and 8 mean "this token is bad" and nothing else: policy drops tokens on them.
- 1: the service stumbled.  10: this connection is finished, send on another.  255:
  nobody knows, or the lane is misconfigured.
- What the service provably did not process costs no attempt.

Source of the reasons: Apple, "Handling notification responses from APNs" and
"Handling error responses from Apple Push Notification service"; the mapping to
codes is this project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, auto
from types import MappingProxyType
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from mcmtpush.apns.http2frame import error_name
from mcmtpush.apns.reasons import (
    INVALID_PAYLOAD_SIZE,
    INVALID_TOKEN,
    INVALID_TOPIC_SIZE,
    MISSING_PAYLOAD,
    MISSING_TOKEN,
    MISSING_TOPIC,
    NO_ERROR,
    PROCESSING_ERROR,
    SHUTDOWN,
    UNKNOWN,
)
from mcmtpush.apns.registration import read_registered_at
from mcmtpush.values import Native, Refused


RETRY_SECONDS: Final = 900.0
"""Apple: a request that failed with 5xx may be tried again after fifteen minutes."""

REST_SECONDS: Final = 1200.0
"""So long a connection rests that saw too many provider tokens."""

DEVICE_SECONDS: Final = 60.0
"""So long a device is left alone that got too much; Apple names no figure."""

UNPROCESSED: Final = "GOAWAY"
LOST: Final = "CONNECTION_LOST"
TIMEOUT: Final = "TIMEOUT"
NOT_SENT: Final = "NOT_SENT"
NO_CONNECTION: Final = "NO_CONNECTION"
"""Reasons of our own, with status 0, where no answer came."""

_MAX_REASON: Final = 100
_MAX_TIMESTAMP: Final = 2**63 - 1


class Remedy(Flag):
    """What an answer calls for beside failing or retrying the message.

    Attributes:
        DROP_TOKEN: forget the token, if `may_drop`, while the breaker is closed.
        BREAKER: one of the refusals that may be the lane's fault: counts for it.
        ALERT: tell the operator.
        ALERT_FIRST: the first time.
        ALERT_IF_OURS: when this program made the header that was refused.
        ALERT_LASTING: when it goes on.
        RENEW_TOKEN: a new provider token.
        REOPEN: a new connection instead of this one.
        REOPEN_AFTER_RUN: after several of these in a row.
        PAUSE_LANE: no more of this credential, topic and environment for now.
        PAUSE_AFTER_RUN: after several of these in a row.
        SLOW_RECONNECT: connecting again at once would make it worse.
        REST_CONNECTION: this connection sends nothing for `REST_SECONDS`.
        DELAY_DEVICE: nothing to this token for `wait_seconds`.
        EARLY_RETRY: the first retry need not wait, on another connection.
        FORGET_CHANNEL: the broadcast channel is gone.
        GIVE_UP: fail the message.
    """

    NONE = 0
    DROP_TOKEN = auto()
    BREAKER = auto()
    ALERT = auto()
    ALERT_FIRST = auto()
    ALERT_IF_OURS = auto()
    ALERT_LASTING = auto()
    RENEW_TOKEN = auto()
    REOPEN = auto()
    REOPEN_AFTER_RUN = auto()
    PAUSE_LANE = auto()
    PAUSE_AFTER_RUN = auto()
    SLOW_RECONNECT = auto()
    REST_CONNECTION = auto()
    DELAY_DEVICE = auto()
    EARLY_RETRY = auto()
    FORGET_CHANNEL = auto()
    GIVE_UP = auto()


@frozen
class Meaning:
    """What an answer says about its message, and what is to be done.

    Attributes:
        code: Momentum's status code.
        charged: it counts as an attempt; otherwise it was provably not processed.
        remedies: as long as patience lasts.
        wait_seconds: the message is not tried again sooner.
        patience: how often in a row `remedies` are tried; None means always.
        afterwards: what is done instead when patience is over.
        undecided: the request may have been processed.
    """

    code: int
    charged: bool = True
    remedies: Remedy = Remedy.NONE
    wait_seconds: float = 0.0
    patience: int | None = None
    afterwards: Remedy = Remedy.NONE
    undecided: bool = False


_STOP = Remedy.PAUSE_LANE | Remedy.ALERT
_SUCCESS = Meaning(NO_ERROR)
_MALFORMED = Meaning(INVALID_PAYLOAD_SIZE, remedies=Remedy.ALERT_IF_OURS)
_BROKEN = Meaning(INVALID_PAYLOAD_SIZE, remedies=Remedy.ALERT)
_TOPIC = Meaning(INVALID_TOPIC_SIZE, remedies=Remedy.ALERT | Remedy.BREAKER)
_GONE = Meaning(INVALID_TOKEN, remedies=Remedy.DROP_TOKEN)
_KEY = Meaning(UNKNOWN, charged=False, remedies=_STOP)
_CERTIFICATE = evolve(_KEY, remedies=_STOP | Remedy.SLOW_RECONNECT)
_STUMBLED = Meaning(PROCESSING_ERROR, wait_seconds=RETRY_SECONDS)
_FREE = Meaning(SHUTDOWN, charged=False)
_UNDECIDED = Meaning(UNKNOWN, undecided=True)

_UNKNOWN_4XX = Meaning(
    UNKNOWN, remedies=Remedy.ALERT, patience=3, afterwards=Remedy.GIVE_UP | Remedy.ALERT
)

MEANINGS: Final[Mapping[tuple[int, str], Meaning]] = MappingProxyType(
    {
        (400, "BadDeviceToken"): Meaning(
            INVALID_TOKEN, remedies=Remedy.DROP_TOKEN | Remedy.BREAKER
        ),
        (400, "MissingDeviceToken"): Meaning(MISSING_TOKEN, remedies=Remedy.ALERT),
        (400, "DeviceTokenNotForTopic"): Meaning(
            INVALID_TOKEN,
            remedies=Remedy.DROP_TOKEN | Remedy.BREAKER | Remedy.ALERT_FIRST,
        ),
        (400, "BadTopic"): _TOPIC,
        (400, "TopicDisallowed"): _TOPIC,
        (403, "TopicMismatch"): Meaning(INVALID_TOPIC_SIZE, remedies=Remedy.ALERT),
        (400, "MissingTopic"): Meaning(MISSING_TOPIC, remedies=Remedy.ALERT),
        (400, "PayloadEmpty"): Meaning(MISSING_PAYLOAD),
        (413, "PayloadTooLarge"): Meaning(INVALID_PAYLOAD_SIZE),
        (400, "BadCollapseId"): _MALFORMED,
        (400, "BadExpirationDate"): _MALFORMED,
        (400, "BadMessageId"): _MALFORMED,
        (400, "BadPriority"): _MALFORMED,
        (400, "InvalidPushType"): _MALFORMED,
        (400, "MissingPushType"): _MALFORMED,
        (400, "DuplicateHeaders"): _MALFORMED,
        (400, "BadRequestParams"): _BROKEN,
        (400, "BadRequestPayload"): _BROKEN,
        (400, "MissingChannelId"): _BROKEN,
        (400, "BadChannelId"): _BROKEN,
        (400, "ChannelNotRegistered"): evolve(
            _BROKEN, remedies=Remedy.ALERT | Remedy.FORGET_CHANNEL
        ),
        (400, "FeatureNotEnabled"): _BROKEN,
        (400, "CannotCreateChannelConfig"): _BROKEN,
        (404, "BadPath"): _BROKEN,
        (405, "MethodNotAllowed"): _BROKEN,
        (410, "Unregistered"): _GONE,
        (410, "ExpiredToken"): _GONE,
        (403, "Forbidden"): Meaning(
            INVALID_TOPIC_SIZE, remedies=Remedy.ALERT | Remedy.PAUSE_AFTER_RUN
        ),
        (400, "IdleTimeout"): evolve(_FREE, remedies=Remedy.REOPEN),
        (403, "ExpiredProviderToken"): evolve(
            _FREE,
            remedies=Remedy.RENEW_TOKEN | Remedy.REOPEN,
            patience=2,
            afterwards=_STOP,
        ),
        (403, "UnrelatedKeyIdInToken"): evolve(
            _FREE, remedies=Remedy.REOPEN, patience=1, afterwards=_STOP
        ),
        (403, "InvalidProviderToken"): Meaning(
            UNKNOWN,
            remedies=Remedy.RENEW_TOKEN | Remedy.REOPEN,
            patience=1,
            afterwards=_STOP,
        ),
        (403, "MissingProviderToken"): Meaning(UNKNOWN, remedies=_STOP),
        (403, "BadEnvironmentKeyIdInToken"): _KEY,
        (403, "BadEnvironmentKeyInToken"): _KEY,
        (403, "BadCertificate"): _CERTIFICATE,
        (403, "BadCertificateEnvironment"): _CERTIFICATE,
        (429, "TooManyProviderTokenUpdates"): Meaning(
            UNKNOWN, charged=False, remedies=Remedy.REST_CONNECTION | Remedy.ALERT
        ),
        (429, "TooManyRequests"): Meaning(
            PROCESSING_ERROR,
            remedies=Remedy.DELAY_DEVICE,
            wait_seconds=DEVICE_SECONDS,
        ),
        (500, "InternalServerError"): evolve(
            _STUMBLED, remedies=Remedy.REOPEN_AFTER_RUN
        ),
        (503, "ServiceUnavailable"): _STUMBLED,
        (503, "Shutdown"): Meaning(
            SHUTDOWN,
            remedies=Remedy.REOPEN | Remedy.EARLY_RETRY,
            wait_seconds=RETRY_SECONDS,
        ),
        (0, "REFUSED_STREAM"): _FREE,
        (0, UNPROCESSED): _FREE,
        (0, LOST): _UNDECIDED,
        (0, TIMEOUT): _UNDECIDED,
        (0, NOT_SENT): _FREE,
        (0, NO_CONNECTION): Meaning(
            UNKNOWN,
            charged=False,
            remedies=Remedy.SLOW_RECONNECT | Remedy.ALERT_LASTING,
        ),
    }
)
"""By HTTP status and reason; status 0 where there was no answer."""

_BY_REASON: Final = {
    reason: (status // 100, meaning) for (status, reason), meaning in MEANINGS.items()
}


def read_answer(status: int, body: bytes) -> Native:
    """The service's own words; never raises, whatever the body is."""
    if status == 200 and not body:
        return _OK
    content = _read_object(body)
    reason = _text(content.get("reason"))
    if 200 <= status < 300:
        reason = ""
    return Native(status, reason, _timestamp(content.get("timestamp")))


def read_goaway(code: int, debug: bytes) -> Native:
    """The reason of a GOAWAY: Apple's, where it says one, else HTTP/2's error code."""
    reason = _text(_read_object(debug).get("reason"))
    return Native(0, reason or (error_name(code) if code else UNPROCESSED))


def read_reset(code: int) -> Native:
    """The reason of a stream that was reset with this error code of HTTP/2."""
    return Native(0, error_name(code))


def meaning_of(native: Native) -> Meaning:
    """What to make of it; the set of reasons is open.

    A reason is known by its name where the status is of the same hundred, and
    where there is none: a GOAWAY names reasons as answers do.
    """
    status, reason = native.status, native.reason.replace(" ", "")
    if 200 <= status < 300:
        return _SUCCESS
    hundred, meaning = _BY_REASON.get(reason, (-1, _UNDECIDED))
    if hundred == status // 100 or (hundred >= 0 and status == 0):
        return meaning
    if status == 0:
        return _UNDECIDED
    return _STUMBLED if status >= 500 else _UNKNOWN_4XX


def refusal_of(native: Native) -> Refused:
    """The outcome of an attempt that was answered so; the detail is Apple's word."""
    meaning = meaning_of(native)
    return Refused(
        meaning.code,
        native.reason or f"HTTP {native.status}",
        native,
        meaning.wait_seconds,
    )


def may_drop(native: Native, registered_at: str | None) -> bool:
    """Whether its token may be forgotten, as far as this answer knows.

    `registered_at` is what the injector gave as X-Token-Registered-At: a token that
    was registered again since Apple gave it up is not the one that is gone.  Where
    either time is missing or unreadable, Apple's word counts.
    """
    if Remedy.DROP_TOKEN not in meaning_of(native).remedies:
        return False
    if native.timestamp is None or registered_at is None:
        return True
    registered = read_registered_at(registered_at)
    return registered is None or registered * 1000 < native.timestamp


_OK: Final = Native(200)


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _text(reason: object) -> str:
    """A reason as it may stand in a record: short and printable."""
    if not isinstance(reason, str):
        return ""
    return "".join(each for each in reason if " " <= each <= "~")[:_MAX_REASON]


def _timestamp(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MAX_TIMESTAMP else None
