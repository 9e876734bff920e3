"""The simulator's script: which faults, when and on which connections, as data.

Values and nothing else: `reader` makes them from the text that users write.  What a
rule does to a frame is decided in `verdict`, how a connection ends in `binary`, and
for HTTP/2 in `provider`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from attrs import field, frozen

from mcmtpush.simulator.vocabulary import (
    BOTH,
    PACKET_BYTES,
)


class Action(Enum):
    """What a rule does."""

    REFUSE = "refuse"
    SHUTDOWN = "shutdown"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"
    ACCEPT = "accept"
    IGNORE = "ignore"
    RESET_STREAM = "reset_stream"
    LIMIT = "limit"
    WITHHOLD = "withhold"
    WRITE = "write"


Counting = Literal["connection", "server"]


@frozen
class Answer:
    """How an answer travels, and how the connection ends behind it.

    Attributes:
        delay_seconds: between the fault and the answer; in the binary half frames
            that come meanwhile are read and discarded.
        behind: hold the answer until so many more frames came, but not longer than
            the delay.
        pieces: sizes of the writes a binary packet is cut into; what they leave over
            of its six bytes is never sent.
        gap_seconds: between two pieces, or two DATA frames.
        reset: end with a TCP reset instead of a close.
        identifier: put this into the packet instead of the true one.
        split: sizes of the DATA frames of an HTTP/2 answer; one more has the rest.
        body: of an HTTP/2 answer, instead of the true one.
        unfinished: never end the stream of an HTTP/2 answer.
    """

    delay_seconds: float = 0.0
    behind: int = 0
    pieces: tuple[int, ...] = (PACKET_BYTES,)
    gap_seconds: float = 0.02
    reset: bool = False
    identifier: int | None = None
    split: tuple[int, ...] = ()
    body: str | None = None
    unfinished: bool = False


@frozen(kw_only=True)
class Rule:
    """One fault: an action, exactly one occasion for it, and a scope.

    Attributes:
        every: each frame whose number is a multiple of this.
        after: when so many frames were taken; 0 means straight after the handshake.
        token: frames whose token begins with these bytes.
        identifier: the frame with this identifier, or the stream of this number.
        chance: each frame with this probability.
        status: of `REFUSE`, in the binary half.
        seconds: how long a `STALL` or `WITHHOLD` lasts.
        connections: their numbers, from 1; None means all.
        counting: what `every` and `after` count.
        times: how often it may happen on the whole server; None means always.
        span: how many frames in a row `every` and `after` concern.
        protocols: the halves it speaks to.
        topic, push_type: only requests of these.
        reason: of `REFUSE` and `SHUTDOWN`, Apple's word; empty if there is none.
        http_status: of `REFUSE`; 0 for the one that belongs to the reason.
        timestamp: of a 410, milliseconds since the epoch; None means now.
        code: of `RESET_STREAM` and `SHUTDOWN`; None for the usual one.
        last_stream: of `SHUTDOWN`: `at` the frame, `below` or `above` what is open,
            or a number.
        twice: `SHUTDOWN` says it again, without a reason.
        abandon: `SHUTDOWN` closes at once and leaves open streams unanswered.
        streams: of `LIMIT`.
        data: of `WRITE`.
    """

    action: Action
    every: int | None = None
    after: int | None = None
    token: bytes | None = None
    identifier: int | None = None
    chance: float | None = None
    status: int = 0
    seconds: float = 60.0
    connections: frozenset[int] | None = None
    counting: Counting = "connection"
    times: int | None = None
    span: int = 1
    protocols: frozenset[str] = BOTH
    topic: str | None = None
    push_type: str | None = None
    reason: str = ""
    http_status: int = 0
    timestamp: int | None = None
    code: int | None = None
    last_stream: str | int = "at"
    twice: bool = False
    abandon: bool = False
    streams: int = 0
    data: bytes = b""
    answer: Answer = Answer()


@frozen(kw_only=True)
class Http2:
    """How the HTTP/2 half behaves when no rule says otherwise.

    Attributes:
        streams: MAX_CONCURRENT_STREAMS for a client that is trusted.
        first_streams: for one with a provider token, until its first success.
        error_streams: after a push was refused, until the next success.
        violation: of the limit: `refuse` the stream, `goaway`, or `allow` it.
        window: INITIAL_WINDOW_SIZE.
        header_table: HEADER_TABLE_SIZE.
        settings_delay_seconds: before the first SETTINGS.
        latency_seconds: before every answer.
        date_skew_seconds: added to the `date` of answers.
        environment: `development` or `production`.
        token_life_seconds: how old a provider token may be.
        token_rest_seconds: between two new tokens on one connection.
        channels: broadcast channels there are: bundle id -> id -> storage policy.
    """

    streams: int = 1000
    first_streams: int = 1
    error_streams: int = 1
    violation: str = "refuse"
    window: int = 65535
    header_table: int = 4096
    settings_delay_seconds: float = 0.0
    latency_seconds: float = 0.0
    date_skew_seconds: float = 0.0
    environment: str = "development"
    token_life_seconds: float = 3600.0
    token_rest_seconds: float = 1200.0
    channels: Mapping[str, Mapping[str, int]] = field(factory=dict, hash=False)


@frozen(kw_only=True)
class Script:
    """All that a simulator is told to do.

    Attributes:
        seed: of the chance that `Rule.chance` needs.
        linger_seconds: how long it reads on behind an error packet or a GOAWAY.
        simple_payload_limit: payload bytes that commands 0 and 1 may carry.
        zero_for_empty_token: answer an empty token with identifier 0.
        answer: for all faults; rules may differ.
        http2: for the HTTP/2 half.
        rules: the first that fits a frame is followed.
    """

    seed: int = 0
    linger_seconds: float = 0.25
    simple_payload_limit: int = 256
    zero_for_empty_token: bool = False
    answer: Answer = Answer()
    http2: Http2 = Http2()
    rules: tuple[Rule, ...] = ()
