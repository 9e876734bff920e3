"""The journal's line for a request: all that a binary frame's has, and more.

The fields are promised to users.
"""

from __future__ import annotations

from typing import NamedTuple

from mcmtpush.simulator.provider.request import Request
from mcmtpush.simulator.provider.trust import Trust
from mcmtpush.simulator.provider.verdict import Judgement
from mcmtpush.simulator.verdict import Verdict


class RequestLine(NamedTuple):
    """What is told of one request; the first eleven are those of every line.

    Attributes:
        command: the version in the path: 3 for a device push, 4 for a broadcast, 1
            for channels, 0 for a path that leads nowhere.
        identifier: the number of the stream.
        status: HTTP status of a refusal; None otherwise.
        reason: Apple's, of a refusal; why it was discarded; None when accepted.
        protocol: always apn2.
        http_status: what was answered; None when nothing was.
        apns_id: as answered; as asked where nothing was answered.
        rule: place of the script's rule that was followed.
        auth: certificate, token, or None as long as neither was good.
        key_id, team_id: of the token.
        der_signature: whether a token was not signed as JWS demands, but let pass.
    """

    time: float
    connection: int
    command: int
    identifier: int
    token: str
    payload: str
    expiry: int | None
    priority: int | None
    verdict: str
    status: int | None
    reason: str | None
    protocol: str
    stream: int
    method: str
    path: str
    topic: str | None
    push_type: str | None
    apns_id: str | None
    collapse_id: str | None
    channel_id: str | None
    http_status: int | None
    rule: int | None
    auth: str | None
    key_id: str | None
    team_id: str | None
    der_signature: bool


def make_line(
    at: float,
    connection: int,
    request: Request,
    judgement: Judgement,
    trust: Trust,
    apns_id: str | None,
    *,
    answered: bool,
) -> RequestLine:
    """The line of one request."""
    headers, key = request.headers, trust.bound
    verdict, status, reason, rule, *_ = judgement
    return RequestLine(
        at,
        connection,
        request.place.value,
        request.stream,
        request.token.hex(),
        request.body.decode("utf-8", "backslashreplace"),
        request.expiry,
        request.priority,
        verdict.value,
        status if verdict is Verdict.REFUSED else None,
        reason,
        "apn2",
        request.stream,
        request.method,
        request.path,
        _topic_of(request, trust),
        request.push_type,
        apns_id,
        headers.get("apns-collapse-id"),
        headers.get("apns-channel-id"),
        status if answered else None,
        rule,
        trust.means,
        key.key_id if key else None,
        key.team_id if key else None,
        trust.der,
    )


def _topic_of(request: Request, trust: Trust) -> str | None:
    """The topic meant: a certificate's own where the request names none."""
    topic = request.topic
    if topic is None and trust.identity is not None and trust.identity.topics:
        return trust.identity.topics[0]
    return topic
