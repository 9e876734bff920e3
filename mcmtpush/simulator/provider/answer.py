"""What is answered: headers, and the JSON that tells a reason."""

from __future__ import annotations

from email.utils import formatdate
from hashlib import blake2b
from struct import pack
from typing import Final

import orjson

from mcmtpush.simulator.provider.channel import Told
from mcmtpush.simulator.provider.request import Place, Request
from mcmtpush.simulator.provider.verdict import Judgement
from mcmtpush.simulator.verdict import Verdict


GONE: Final = 410

Headers = list[tuple[bytes, bytes]]


class Names:
    """The ids of one connection's answers: the same seed gives the same ids."""

    def __init__(self, salt: int) -> None:
        self._salt = salt

    def name_of(self, request: Request) -> str:
        """The apns-id: the client's own, or one made here."""
        given = request.headers.get("apns-id")
        if given and request.place is Place.DEVICE:
            return given
        return self._make(request.stream, b"id")

    def unique_name(self, request: Request) -> str:
        """The apns-unique-id of the delivery log."""
        return self._make(request.stream, b"unique")

    def _make(self, stream: int, what: bytes) -> str:
        seed = pack(">QI", self._salt, stream) + what
        text = blake2b(seed, digest_size=16).hexdigest()
        # A UUID of version 4; the class for them takes three times as long.
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


class Dates:
    """The `date` header; made once a second."""

    def __init__(self, skew_seconds: float) -> None:
        self._skew_seconds = skew_seconds
        self._second = -1
        self._text = b""

    def at(self, now: float) -> bytes:
        """For `now`, seconds since the epoch."""
        second = int(now + self._skew_seconds)
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode()
        return self._text


def answer_headers(
    request: Request, judgement: Judgement, name: str, unique: str | None, date: bytes
) -> Headers:
    """The headers of an answer; `unique` is None outside of development."""
    headers = [(b":status", b"%d" % judgement.status)]
    if request.place is Place.DEVICE:
        headers.append((b"apns-id", name.encode("latin-1")))
    else:
        asked = request.headers.get("apns-request-id", name)
        headers.append((b"apns-request-id", asked.encode("latin-1")))
    if unique is not None and judgement.verdict is Verdict.ACCEPTED:
        headers.append((b"apns-unique-id", unique.encode()))
    told = judgement.told
    if told is not None and told.channel is not None:
        headers.append((b"apns-channel-id", told.channel.encode()))
    headers.append((b"date", date))
    return headers


def answer_body(judgement: Judgement, now: float) -> bytes:
    """The JSON of a refusal, a description of channels, or nothing."""
    if judgement.answer.body is not None:
        return judgement.answer.body.encode()
    if judgement.verdict is not Verdict.REFUSED:
        return (judgement.told or Told()).body
    content: dict[str, object] = {"reason": judgement.reason}
    if judgement.status == GONE:
        given = judgement.rule.timestamp if judgement.rule else None
        content["timestamp"] = int(now * 1000) if given is None else given
    return orjson.dumps(content)


def cut_body(body: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    """The pieces of these sizes, and one more with the rest if there is any."""
    pieces, rest = [], body
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    return [*pieces, rest] if rest or not pieces else pieces
