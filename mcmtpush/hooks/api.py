"""What policy code may import, and what it is given: nothing else here is promised.

A policy module in Python is a file with functions named after hooks::

    from mcmtpush.hooks.api import DELIVERY_PERMFAILED, apn_status_classifier

    def apn_request_eval(req, msg):
        req.headers["apns-collapse-id"] = msg.id
        return 0

What is changed on `req`, `resp` and `msg` holds when all scripts that were asked
are done and none failed, and for the present attempt alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

import orjson
from attrs import evolve

from mcmtpush.apns import reasons
from mcmtpush.apns.reasons import StatusClass, classify_status
from mcmtpush.values import Draft
from mcmtpush.values import Message as AcceptedMessage


__all__ = [
    "APNS_INVALID_PAYLOAD_SIZE",
    "APNS_INVALID_TOKEN",
    "APNS_INVALID_TOKEN_SIZE",
    "APNS_INVALID_TOPIC_SIZE",
    "APNS_MISSING_DEVICE_TOKEN",
    "APNS_MISSING_PAYLOAD",
    "APNS_MISSING_TOPIC",
    "APNS_NO_ERROR",
    "APNS_PROCESSING_ERROR",
    "APNS_SHUTDOWN",
    "DELIVERY_CONTINUE",
    "DELIVERY_DONE",
    "DELIVERY_PERMFAILED",
    "DELIVERY_SUCCESS",
    "DELIVERY_TEMPFAILED",
    "ECMESS_CTX_CONN",
    "ECMESS_CTX_MESS",
    "Headers",
    "Message",
    "Request",
    "Response",
    "apn_status_classifier",
]

APNS_NO_ERROR: Final = reasons.NO_ERROR
APNS_PROCESSING_ERROR: Final = reasons.PROCESSING_ERROR
APNS_MISSING_DEVICE_TOKEN: Final = reasons.MISSING_TOKEN
APNS_MISSING_TOPIC: Final = reasons.MISSING_TOPIC
APNS_MISSING_PAYLOAD: Final = reasons.MISSING_PAYLOAD
APNS_INVALID_TOKEN_SIZE: Final = reasons.INVALID_TOKEN_SIZE
APNS_INVALID_TOPIC_SIZE: Final = reasons.INVALID_TOPIC_SIZE
APNS_INVALID_PAYLOAD_SIZE: Final = reasons.INVALID_PAYLOAD_SIZE
APNS_INVALID_TOKEN: Final = reasons.INVALID_TOKEN
APNS_SHUTDOWN: Final = reasons.SHUTDOWN

DELIVERY_CONTINUE: Final = 0
DELIVERY_DONE: Final = 1
DELIVERY_SUCCESS: Final = 2
DELIVERY_TEMPFAILED: Final = 3
DELIVERY_PERMFAILED: Final = 4

ECMESS_CTX_MESS: Final = 1
"""The variables of the message."""
ECMESS_CTX_CONN: Final = 2
"""The variables of the connection that it came in by."""

HEADERS: Final = frozenset(
    {
        "apns-channel-id",
        "apns-collapse-id",
        "apns-expiration",
        "apns-id",
        "apns-priority",
        "apns-push-type",
        "apns-topic",
        "token-registered-at",
    }
)
"""What a request may say; the same as an injector may."""

_CLASSES: Final = {
    StatusClass.SUCCESS: DELIVERY_SUCCESS,
    StatusClass.TEMPORARY: DELIVERY_TEMPFAILED,
    StatusClass.PERMANENT: DELIVERY_PERMFAILED,
}
_LATEST: Final = 9_999_999_999
_UNREAD: Final = object()


def apn_status_classifier(status: int) -> int:
    """One of `DELIVERY_SUCCESS`, `DELIVERY_TEMPFAILED` and `DELIVERY_PERMFAILED`."""
    return _CLASSES[classify_status(int(status))]


class Headers(MutableMapping[str, str]):
    """The headers of a request, by lower-case name.

    A value may be given as text or as a number and is printable ASCII.  A header that
    is taken out is not sent, but for those that a request cannot be without:
    `apns-id`, `apns-push-type` and `apns-expiration` are then made as if nobody had
    said anything.
    """

    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)

    def __getitem__(self, name: str) -> str:
        return self.fields[name.lower()]

    def __setitem__(self, name: str, value: str | float) -> None:
        lower = name.lower()
        if lower not in HEADERS:
            raise KeyError(f"a request has no header {name}")
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) not in (str, int):
            raise TypeError(f"header {name} is a text or a whole number")
        text = str(value)
        if not (text.isascii() and text.isprintable()):
            raise ValueError(f"header {name} holds what is not printable ASCII")
        self.fields[lower] = text

    def __delitem__(self, name: str) -> None:
        del self.fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


class Request:
    """`req` of `apn_request_eval`.

    Attributes:
        command: 2, of the binary frame; 0 over HTTP/2.
        id: the frame's identifier, or the apns-id.
    """

    __slots__ = ("_draft", "_expiry", "_headers", "_json", "_token", "command", "id")

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._json: Any = _UNREAD
        self._token = draft.push.token
        self._expiry = draft.expiry
        self.command = draft.command
        self.id = draft.id
        self._headers = Headers(draft.push.headers)

    @property
    def headers(self) -> Headers:
        """Of the HTTP/2 request, see `Headers`; may be set to a mapping, too.

        Over the binary interface those that were injected: changing them changes
        nothing that is sent.
        """
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, str | float]) -> None:
        if not isinstance(headers, Mapping):
            raise TypeError("headers is a mapping of names to texts")
        said = Headers({})
        for name, value in headers.items():
            said[name] = value
        self._headers = said

    @property
    def token(self) -> str:
        """The device token, hexadecimal."""
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        if type(token) is not str or not token.isprintable():
            raise TypeError("token is a text in one line")
        self._token = token

    @property
    def expiry(self) -> int:
        """Until when Apple keeps it, seconds since the epoch; 0 is one attempt."""
        return self._expiry

    @expiry.setter
    def expiry(self, expiry: float) -> None:
        if type(expiry) not in (int, float) or not 0 <= expiry <= _LATEST:
            raise ValueError("expiry is a number of seconds since the epoch")
        self._expiry = int(expiry)

    @property
    def json(self) -> Any:
        """The payload: dicts, lists, texts, numbers, to be changed in place or set."""
        if self._json is _UNREAD:
            payload = self._draft.push.payload
            self._json = orjson.loads(payload) if payload else {}
        return self._json

    @json.setter
    def json(self, value: Any) -> None:
        self._json = value

    @property
    def json_read(self) -> bool:
        """Whether anybody looked at the payload, and so may have changed it."""
        return self._json is not _UNREAD


class Response:
    """`resp` of `apn_response_eval`.

    Attributes:
        command: 8, of the binary answer; 0 over HTTP/2.
        id: what it is about, see `Request`.
        http_status: of the HTTP/2 answer; 0 over the binary interface.
        reason: Apple's word for it, over HTTP/2; else empty.
    """

    __slots__ = ("_status", "command", "http_status", "id", "reason")

    def __init__(
        self,
        status: int,
        id: int | str,  # noqa: A002 - Momentum's word
        http_status: int = 0,
        reason: str = "",
    ) -> None:
        self._status = status
        self.command = 0 if http_status else 8
        self.id = id
        self.http_status = http_status
        self.reason = reason

    @property
    def status(self) -> int:
        """The status code; a changed one decides what becomes of the message."""
        return self._status

    @status.setter
    def status(self, status: float) -> None:
        self._status = read_status(status)


def read_status(value: object) -> int:
    """A status code from a number, or a text that is one; raises ValueError."""
    try:
        status = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{value!r:.40} is no status code") from None
    if not 0 <= status <= 999 or (type(value) is float and status != value):
        raise ValueError(f"{value!r:.40} is no status code")
    return int(status)


class Message:
    """`msg`: the message, its variables, and at the end what became of it.

    Attributes:
        id, batch_id, conn_id: as the record logs show them.
        priority: 0 or 1.
        num_retries: attempts that were charged before.
    """

    __slots__ = (
        "_accepted",
        "_contexts",
        "_method",
        "batch_id",
        "conn_id",
        "id",
        "num_retries",
        "priority",
    )

    def __init__(
        self,
        accepted: AcceptedMessage,
        attempts: int,
        variables: Mapping[str, str] | None = None,
        method: str = "apn",
    ) -> None:
        self._accepted = accepted
        self._method = method
        message = accepted.message_context
        self._contexts = {
            ECMESS_CTX_MESS: {**message, **(variables or {})},
            ECMESS_CTX_CONN: dict(accepted.connection_context),
        }
        self.id = accepted.id
        self.batch_id = accepted.batch_id
        self.conn_id = accepted.connection_id
        self.priority = accepted.priority
        self.num_retries = attempts

    def context_get(self, type: int, key: str) -> str:  # noqa: A002 - Momentum's word
        """The variable; empty if there is none."""
        return self._context(type).get(key, "")

    def context_set(self, type: int, key: str, value: object) -> None:  # noqa: A002
        """Set a variable, kept as text."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        self._context(type)[str(key)] = str(value)

    def context_exists(self, type: int, key: str) -> int:  # noqa: A002
        """1 or 0."""
        return int(key in self._context(type))

    def context_exists_and_get(
        self,
        type: int,  # noqa: A002
        key: str,
    ) -> tuple[int, str | None]:
        """1 and the variable, or 0 and nothing."""
        context = self._context(type)
        return int(key in context), context.get(key)

    def context_delete(self, type: int, key: str) -> int:  # noqa: A002
        """1 if there was one, else 0."""
        return int(self._context(type).pop(key, None) is not None)

    def mailfrom(self) -> str:
        """The sender of the envelope, maybe empty."""
        return self._accepted.sender

    def rcptto(self) -> str:
        """The recipient of the envelope."""
        return self._accepted.recipient

    def routing_domain(self) -> str:
        """The domain it is queued for, lower case."""
        return self._accepted.key.domain

    def binding(self) -> str:
        """The binding it is queued for."""
        return self._accepted.key.binding

    def get_delivery_method(self) -> str:
        """`apn`."""
        return self._method

    def get_message_size(self) -> int:
        """Bytes that were received."""
        return self._accepted.size

    @property
    def variables(self) -> Mapping[str, str]:
        """All of `ECMESS_CTX_MESS`."""
        return self._contexts[ECMESS_CTX_MESS]

    def changed(
        self, accepted: AcceptedMessage, but: frozenset[str] = frozenset()
    ) -> AcceptedMessage:
        """The message with its variables as they are now; the same if nothing changed.

        Those of `but` stay as the message has them.
        """
        said, own = self._contexts[ECMESS_CTX_MESS], accepted.message_context
        kept = {name: text for name, text in said.items() if name not in but}
        kept |= {name: own[name] for name in but if name in own}
        connection = self._contexts[ECMESS_CTX_CONN]
        if kept == own and connection == accepted.connection_context:
            return accepted
        return evolve(accepted, message_context=kept, connection_context=connection)

    def _context(self, which: int) -> dict[str, str]:
        try:
            return self._contexts[which]
        except (KeyError, TypeError):
            raise ValueError(
                "the type of a context is ECMESS_CTX_MESS or ECMESS_CTX_CONN"
            ) from None
