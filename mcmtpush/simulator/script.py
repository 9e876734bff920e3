"""The simulator's script: which faults, when and on which connections, as data.

Text to values and nothing else; what a rule does to a frame is decided in
`verdict`, how a connection ends in `binary`, and for HTTP/2 in `provider`.  The
format is documented for users in `docs/reference/simulator.md` and is one of the
program's promises; its words are in `vocabulary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, Literal

import orjson
from attrs import evolve, field, frozen

from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.simulator.provider.reason import STATUS
from mcmtpush.simulator.vocabulary import (
    ANSWER,
    APN,
    BOTH,
    HTTP2,
    NEEDED,
    OCCASION,
    ONLY_FOR,
    PACKET_BYTES,
    RULE,
    SCRIPT,
    Fault,
    Table,
    speakers,
)


DEFAULT_PATIENCE_SECONDS: Final = 5.0
"""How long an answer waits for the frames of `behind` when no delay is given."""


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


def read_script(text: bytes, file: str = "script") -> Script:
    """A script from its JSON text.

    Raises `ConfigErrors` with everything that is wrong; `option` is the place
    inside the script, such as `rules[2].status`.
    """
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = (error.lineno, error.colno)
        raise ConfigErrors([ConfigError(error.msg, file, *place)]) from error
    reader = _Reader(file)
    script = reader.read_script(content)
    if reader.errors:
        raise ConfigErrors(reader.errors)
    return script


class _Reader:
    """Walks the JSON value and collects every fault with its place."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.errors: list[ConfigError] = []

    def read_script(self, content: Any) -> Script:
        if not self._is_object(content, ""):
            return Script()
        own = {**content}
        shared, rules = own.pop("answer", {}), own.pop("rules", [])
        http2 = own.pop("http2", {})
        values = self._read(own, SCRIPT, "", also=("answer", "http2", "rules"))
        answer = self._read_answer(shared)
        if self._is_object(http2, "http2"):
            values["http2"] = Http2(**self._read(http2, HTTP2, "http2."))
        if type(rules) is not list:
            self._report("rules", "is to be a list of rules")
            rules = []
        read = [self._read_rule(rule, at, answer) for at, rule in enumerate(rules)]
        return Script(
            **values, answer=answer, rules=tuple(rule for rule in read if rule)
        )

    def _read_answer(self, content: Any) -> Answer:
        if not self._is_object(content, "answer"):
            return Answer()
        return _patient(Answer(**self._read(content, ANSWER, "answer.")))

    def _read_rule(self, content: Any, at: int, answer: Answer) -> Rule | None:
        place = f"rules[{at}]"
        if not self._is_object(content, place):
            return None
        before = len(self.errors)
        own = {key: value for key, value in content.items() if key not in ANSWER}
        values = self._read(own, RULE, f"{place}.", also=tuple(ANSWER))
        differing = {key: content[key] for key in content if key in ANSWER}
        changes = self._read(differing, ANSWER, f"{place}.")
        self._check_rule(content, place)
        if len(self.errors) > before:
            return None
        values["action"] = Action(values["action"])
        values["protocols"] = _speakers(content, values)
        return Rule(**values, answer=_patient(evolve(answer, **changes)))

    def _check_rule(self, content: Mapping[str, Any], place: str) -> None:
        occasions = [name for name in OCCASION if name in content]
        if len(occasions) != 1:
            found = " and ".join(occasions) or "none"
            wanted = ", ".join(OCCASION)
            self._report(place, f"needs exactly one of {wanted}; there is {found}")
        if "do" not in content:
            self._report(place, "says nothing to do, add do")
        for name, actions in ONLY_FOR.items():
            if name in content and content.get("do") not in actions:
                allowed = " or ".join(actions)
                self._report(f"{place}.{name}", f"goes with do = {allowed} only")
        if content.get("do") == "refuse":
            self._check_status(content, place)
        for name in ("counting", "span"):
            if name in content and not {"every", "after"} & content.keys():
                self._report(f"{place}.{name}", "goes with every or after only")
        self._check_needs(content, place)
        self._check_protocol(content, place)

    def _check_status(self, content: Mapping[str, Any], place: str) -> None:
        if content.get("status") == 10:
            self._report(
                f"{place}.status",
                "10 names the last good frame, use do = shutdown for it",
            )
        reason = content.get("reason")
        if "status" not in content and reason is None:
            self._report(place, "refuses without a status, add status")
        unknown = type(reason) is str and reason not in STATUS
        if unknown and "http_status" not in content:
            text = _unknown(str(reason), tuple(STATUS), "is no reason of Apple's")
            self._report(f"{place}.reason", f"{text} (add http_status to send it)")

    def _check_needs(self, content: Mapping[str, Any], place: str) -> None:
        needed = NEEDED.get(str(content.get("do")))
        if needed and needed not in content:
            self._report(place, f"says nothing without {needed}, add {needed}")

    def _check_protocol(self, content: Mapping[str, Any], place: str) -> None:
        if content.get("protocol") == APN and APN not in speakers(content):
            text = "the rule has names that only apn2 understands"
            self._report(f"{place}.protocol", text)

    def _read(
        self,
        content: Mapping[str, Any],
        table: Table,
        prefix: str,
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Attributes of all that can be read; names in `also` are known as well."""
        values = {}
        for name, value in content.items():
            if name not in table:
                self._report(prefix + name, _unknown(name, (*table, *also)))
                continue
            attribute, read = table[name]
            try:
                values[attribute] = read(value)
            except Fault as fault:
                shown = orjson.dumps(value).decode()[:40]
                self._report(prefix + name, f"{shown} is no use here, give {fault}")
        return values

    def _is_object(self, content: Any, place: str) -> bool:
        if type(content) is dict:
            return True
        self._report(place, "is to be an object")
        return False

    def _report(self, place: str, text: str) -> None:
        name = place or "the script"
        self.errors.append(ConfigError(f"{name}: {text}", self._file, option=place))


def _speakers(content: Mapping[str, Any], values: Mapping[str, Any]) -> frozenset[str]:
    said: frozenset[str] = values.get("protocols", BOTH)
    return speakers(content) & said


def _patient(answer: Answer) -> Answer:
    if answer.behind and not answer.delay_seconds:
        return evolve(answer, delay_seconds=DEFAULT_PATIENCE_SECONDS)
    return answer


def _unknown(name: str, known: tuple[str, ...], what: str = "unknown name") -> str:
    near = get_close_matches(name, known, n=1)
    return f"{what}, did you mean {near[0]}?" if near else what
