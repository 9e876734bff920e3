"""`req`: a request to Apple that policy code may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from mcmtpush.hooks.header import Headers
from mcmtpush.values import Draft


_LATEST: Final = 9_999_999_999
_UNREAD: Final = object()


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
