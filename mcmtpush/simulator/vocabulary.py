"""The words of a script: which names there are, where they go, what they take.

Tables from a JSON name to an attribute and to the reader of its value, and what
goes with what.  Knows no rule and no script; `reader` puts the values together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mcmtpush.apns.http2frame import ERROR_NAMES


Read = Callable[[Any], Any]
Table = Mapping[str, tuple[str, Read]]
"""JSON name -> attribute and reader."""

APN: Final = "apn"
APN2: Final = "apn2"
BOTH: Final = frozenset({APN, APN2})

PACKET_BYTES: Final = 6

ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "refuse": BOTH,
    "shutdown": BOTH,
    "close": BOTH,
    "reset": BOTH,
    "stall": BOTH,
    "accept": frozenset({APN2}),
    "ignore": frozenset({APN2}),
    "reset_stream": frozenset({APN2}),
    "limit": frozenset({APN2}),
    "withhold": frozenset({APN2}),
    "write": frozenset({APN2}),
}
"""What `do` may say, and who can do it."""

ERROR_CODES: Final[Mapping[str, int]] = {
    name: code for code, name in enumerate(ERROR_NAMES)
}
"""Codes of RST_STREAM and GOAWAY; source: RFC 9113, section 7."""

LAST_STREAMS: Final = ("at", "below", "above")
VIOLATIONS: Final = ("refuse", "goaway", "allow")
ENVIRONMENTS: Final = ("development", "production")


class Fault(Exception):
    """A value that cannot be used; the text says what could be."""


# -- readers ----------------------------------------------------------------------


def _integer(low: int, high: int) -> Read:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Fault(f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Read:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise Fault(f"a number from {low} to {high}")
        return float(value)

    return read


def _word(*words: str) -> Read:
    def read(value: Any) -> str:
        if value not in words:
            raise Fault(f"one of {', '.join(words)}")
        return str(value)

    return read


def _truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise Fault("true or false")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Fault("text")


def _printable(value: Any) -> str:
    if type(value) is str and value.isascii() and value.isprintable() and value:
        return value
    raise Fault("printable ASCII text")


def _limit(value: Any) -> int:
    if type(value) is int and value in (256, 2048):
        return value
    raise Fault("256 or 2048")


def _token(value: Any) -> bytes:
    try:
        token = bytes.fromhex(value)
    except (TypeError, ValueError):
        token = b""
    if not token:
        raise Fault("the first bytes of a token, or all, as hexadecimal text")
    return token


def _bytes(value: Any) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise Fault("bytes as hexadecimal text") from None


def _connections(value: Any) -> frozenset[int]:
    numbers = value if type(value) is list else [value]
    if numbers and all(type(number) is int and number > 0 for number in numbers):
        return frozenset(numbers)
    raise Fault("the number of a connection, from 1, or a list of them")


def _pieces(value: Any) -> tuple[int, ...]:
    sizes = value if type(value) is list else [0]
    if all(type(size) is int and size > 0 for size in sizes) and (
        sum(sizes) <= PACKET_BYTES
    ):
        return tuple(sizes)
    raise Fault(f"a list of sizes that add up to at most {PACKET_BYTES}")


def _split(value: Any) -> tuple[int, ...]:
    sizes = value if type(value) is list else [-1]
    if all(type(size) is int and 0 <= size <= 4096 for size in sizes):
        return tuple(sizes)
    raise Fault("a list of sizes from 0 to 4096")


def _end(value: Any) -> bool:
    return bool(_word("close", "reset")(value) == "reset")


def _code(value: Any) -> int:
    if type(value) is str and value in ERROR_CODES:
        return ERROR_CODES[value]
    if type(value) is int and 0 <= value <= 0xFFFFFFFF:
        return value
    raise Fault(f"an error code's number, or one of {', '.join(ERROR_CODES)}")


def _last_stream(value: Any) -> str | int:
    if value in LAST_STREAMS:
        return str(value)
    if type(value) is int and 0 <= value < 1 << 31:
        return value
    raise Fault(f"one of {', '.join(LAST_STREAMS)}, or the number of a stream")


def _channels(value: Any) -> dict[str, dict[str, int]]:
    """Bundle id -> channel id -> 0 or 1."""
    if type(value) is dict and all(
        type(channels) is dict
        and all(
            type(policy) is int and policy in (0, 1) for policy in channels.values()
        )
        for channels in value.values()
    ):
        return value
    raise Fault('an object such as {"com.example.app": {"dHN0": 1}}, with 0 or 1')


# -- names ------------------------------------------------------------------------

_MANY: Final = 1 << 31
_IDENTIFIER: Final = _integer(0, 0xFFFFFFFF)
_SECONDS: Final = _number(0, 3600)

ANSWER: Final[Table] = {
    "delay": ("delay_seconds", _SECONDS),
    "behind": ("behind", _integer(0, _MANY)),
    "pieces": ("pieces", _pieces),
    "gap": ("gap_seconds", _SECONDS),
    "end": ("reset", _end),
    "answer_identifier": ("identifier", _IDENTIFIER),
    "split": ("split", _split),
    "body": ("body", _text),
    "unfinished": ("unfinished", _truth),
}
OCCASION: Final[Table] = {
    "every": ("every", _integer(1, _MANY)),
    "after": ("after", _integer(0, _MANY)),
    "token": ("token", _token),
    "identifier": ("identifier", _IDENTIFIER),
    "chance": ("chance", _number(0, 1)),
}
RULE: Final[Table] = {
    "do": ("action", _word(*ACTIONS)),
    "status": ("status", _integer(0, 255)),
    "seconds": ("seconds", _SECONDS),
    "connection": ("connections", _connections),
    "counting": ("counting", _word("connection", "server")),
    "times": ("times", _integer(1, _MANY)),
    "span": ("span", _integer(1, _MANY)),
    "protocol": ("protocols", lambda value: frozenset({_word(APN, APN2)(value)})),
    "topic": ("topic", _printable),
    "push_type": ("push_type", _printable),
    "reason": ("reason", _printable),
    "http_status": ("http_status", _integer(200, 599)),
    "timestamp": ("timestamp", _integer(0, (1 << 53) - 1)),
    "code": ("code", _code),
    "last_stream": ("last_stream", _last_stream),
    "twice": ("twice", _truth),
    "abandon": ("abandon", _truth),
    "streams": ("streams", _integer(0, _MANY)),
    "bytes": ("data", _bytes),
    **OCCASION,
}
SCRIPT: Final[Table] = {
    "seed": ("seed", _integer(0, (1 << 53) - 1)),
    "linger": ("linger_seconds", _number(0, 60)),
    "simple_payload_limit": ("simple_payload_limit", _limit),
    "zero_for_empty_token": ("zero_for_empty_token", _truth),
}
HTTP2: Final[Table] = {
    "streams": ("streams", _integer(0, _MANY)),
    "first_streams": ("first_streams", _integer(0, _MANY)),
    "error_streams": ("error_streams", _integer(0, _MANY)),
    "violation": ("violation", _word(*VIOLATIONS)),
    "window": ("window", _integer(0, (1 << 31) - 1)),
    "header_table": ("header_table", _integer(0, 65536)),
    "settings_delay": ("settings_delay_seconds", _SECONDS),
    "latency": ("latency_seconds", _SECONDS),
    "date_skew": ("date_skew_seconds", _number(-86400 * 366, 86400 * 366)),
    "environment": ("environment", _word(*ENVIRONMENTS)),
    "token_life": ("token_life_seconds", _number(1, 86400 * 366)),
    "token_rest": ("token_rest_seconds", _number(0, 86400)),
    "channels": ("channels", _channels),
}


# -- what goes with what ----------------------------------------------------------

_HTTP2_RULE: Final = frozenset(
    {
        "topic",
        "push_type",
        "reason",
        "http_status",
        "timestamp",
        "code",
        "last_stream",
        "twice",
        "abandon",
        "streams",
        "bytes",
        "split",
        "body",
        "unfinished",
    }
)
_REFUSAL: Final = frozenset({"reason", "http_status", "timestamp"})
"""How the same refusal is told over HTTP/2, beside the `status` of the binary half."""

_ENDING: Final = ("refuse", "shutdown", "close", "reset")
_ANSWERED: Final = ("refuse", "accept")
ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("refuse",),
    "seconds": ("stall", "withhold"),
    "delay": (*_ENDING, "accept"),
    "behind": (*_ENDING, "accept"),
    "pieces": ("refuse", "shutdown"),
    "gap": ("refuse", "shutdown", "accept"),
    "end": ("refuse", "shutdown"),
    "answer_identifier": ("refuse", "shutdown"),
    "split": _ANSWERED,
    "body": _ANSWERED,
    "unfinished": _ANSWERED,
    "reason": ("refuse", "shutdown"),
    "http_status": ("refuse",),
    "timestamp": ("refuse",),
    "code": ("reset_stream", "shutdown"),
    "last_stream": ("shutdown",),
    "twice": ("shutdown",),
    "abandon": ("shutdown",),
    "streams": ("limit",),
    "bytes": ("write",),
}
"""JSON name -> the actions it may stand beside; what is not here goes with all."""

NEEDED: Final[Mapping[str, str]] = {"limit": "streams", "write": "bytes"}
"""An action and what it is nothing without."""


def speakers(rule: Mapping[str, Any]) -> frozenset[str]:
    """The protocols that a rule's own names leave it.

    The HTTP/2 half takes names of the binary one that say nothing to it.
    """
    http2 = _HTTP2_RULE - _REFUSAL if "status" in rule else _HTTP2_RULE
    if http2 & rule.keys():
        return frozenset({APN2})
    return ACTIONS.get(str(rule.get("do")), BOTH)
