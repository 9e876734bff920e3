"""What a request to Apple may say in its headers, for policy code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final


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
