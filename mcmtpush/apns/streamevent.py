"""What a client connection of HTTP/2 reports: see `streams`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from attrs import frozen


class Answered(NamedTuple):
    """A whole answer.  `headers` by lower-case name, without the status."""

    stream_id: int
    tag: object
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


@frozen
class WasReset:
    """The peer ended a stream without answering; `code` is HTTP/2's error code."""

    stream_id: int
    tag: object
    code: int


@frozen
class WentAway:
    """The peer takes no more requests.

    May come twice; what it said first as its reason is said again.

    Attributes:
        code: HTTP/2's error code.
        last_stream_id: answers up to this one may still come.
        debug: Apple's JSON, or text, or nothing.
        unprocessed: tags of the requests that were provably not processed.
    """

    code: int
    last_stream_id: int
    debug: bytes
    unprocessed: list[object]


@frozen
class LimitChanged:
    """So many streams may be open from now on."""

    limit: int


@frozen
class Ponged:
    """The peer answered a ping."""


Event = Answered | WasReset | WentAway | LimitChanged | Ponged
