"""The simulator's script: which faults, when and on which connections, as data.

Text to values and nothing else; what a rule does to a frame is decided in
`verdict`, how a connection ends in `binary`.  The format is documented for
users in `docs/reference/simulator.md` and is one of the program's promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, Literal

import orjson
from attrs import evolve, frozen

from mcmtpush.errors import ConfigError, ConfigErrors


PACKET_BYTES: Final = 6
DEFAULT_PATIENCE_SECONDS: Final = 5.0
"""How long an answer waits for the frames of `behind` when no delay is given."""


class Action(Enum):
    """What a rule does."""

    REFUSE = "refuse"
    SHUTDOWN = "shutdown"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


Counting = Literal["connection", "server"]


@frozen
class Answer:
    """How an error packet travels, and how the connection ends behind it.

    Attributes:
        delay_seconds: between the fault and the packet; frames that come
            meanwhile are read and discarded.
        behind: hold the packet until so many more frames were discarded, but
            not longer than the delay.
        pieces: sizes of the writes the packet is cut into; what they leave over
            of its six bytes is never sent.
        gap_seconds: between two pieces.
        reset: end with a TCP reset instead of a close.
        identifier: put this into the packet instead of the true one.
    """

    delay_seconds: float = 0.0
    behind: int = 0
    pieces: tuple[int, ...] = (PACKET_BYTES,)
    gap_seconds: float = 0.02
    reset: bool = False
    identifier: int | None = None


@frozen(kw_only=True)
class Rule:
    """One fault: an action, exactly one occasion for it, and a scope.

    Attributes:
        every: each frame whose number is a multiple of this.
        after: when so many frames were taken; 0 means straight after the handshake.
        token: frames whose token begins with these bytes.
        identifier: the frame with this identifier.
        chance: each frame with this probability.
        status: of `REFUSE`.
        seconds: how long a `STALL` lasts.
        connections: their numbers, from 1; None means all.
        counting: what `every` and `after` count.
        times: how often it may happen on the whole server; None means always.
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
    answer: Answer = Answer()


@frozen(kw_only=True)
class Script:
    """All that a simulator is told to do.

    Attributes:
        seed: of the chance that `Rule.chance` needs.
        linger_seconds: how long it reads on behind an error packet.
        simple_payload_limit: payload bytes that commands 0 and 1 may carry.
        zero_for_empty_token: answer an empty token with identifier 0.
        answer: for all faults; rules may differ.
        rules: the first that fits a frame is followed.
    """

    seed: int = 0
    linger_seconds: float = 0.25
    simple_payload_limit: int = 256
    zero_for_empty_token: bool = False
    answer: Answer = Answer()
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


class _Fault(Exception):
    """A value that cannot be used; the text says what could be."""


Read = Callable[[Any], Any]


def _integer(low: int, high: int) -> Read:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _Fault(f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> Read:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise _Fault(f"a number from {low} to {high}")
        return float(value)

    return read


def _word(*words: str) -> Read:
    def read(value: Any) -> str:
        if value not in words:
            raise _Fault(f"one of {', '.join(words)}")
        return str(value)

    return read


def _truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _Fault("true or false")


def _limit(value: Any) -> int:
    if type(value) is int and value in (256, 2048):
        return value
    raise _Fault("256 or 2048")


def _token(value: Any) -> bytes:
    try:
        token = bytes.fromhex(value)
    except (TypeError, ValueError):
        token = b""
    if not token:
        raise _Fault("the first bytes of a token, or all, as hexadecimal text")
    return token


def _connections(value: Any) -> frozenset[int]:
    numbers = value if type(value) is list else [value]
    if numbers and all(type(number) is int and number > 0 for number in numbers):
        return frozenset(numbers)
    raise _Fault("the number of a connection, from 1, or a list of them")


def _pieces(value: Any) -> tuple[int, ...]:
    sizes = value if type(value) is list else [0]
    if all(type(size) is int and size > 0 for size in sizes) and (
        sum(sizes) <= PACKET_BYTES
    ):
        return tuple(sizes)
    raise _Fault(f"a list of sizes that add up to at most {PACKET_BYTES}")


def _end(value: Any) -> bool:
    return bool(_word("close", "reset")(value) == "reset")


_MANY: Final = 1 << 31
_IDENTIFIER: Final = _integer(0, 0xFFFFFFFF)
_SECONDS: Final = _number(0, 3600)

# JSON name -> attribute and reader, for each kind of object.
Table = Mapping[str, tuple[str, Read]]
_ANSWER: Final[Table] = {
    "delay": ("delay_seconds", _SECONDS),
    "behind": ("behind", _integer(0, _MANY)),
    "pieces": ("pieces", _pieces),
    "gap": ("gap_seconds", _SECONDS),
    "end": ("reset", _end),
    "answer_identifier": ("identifier", _IDENTIFIER),
}
_OCCASION: Final[Table] = {
    "every": ("every", _integer(1, _MANY)),
    "after": ("after", _integer(0, _MANY)),
    "token": ("token", _token),
    "identifier": ("identifier", _IDENTIFIER),
    "chance": ("chance", _number(0, 1)),
}
_RULE: Final[Table] = {
    "do": ("action", _word(*(action.value for action in Action))),
    "status": ("status", _integer(0, 255)),
    "seconds": ("seconds", _SECONDS),
    "connection": ("connections", _connections),
    "counting": ("counting", _word("connection", "server")),
    "times": ("times", _integer(1, _MANY)),
    **_OCCASION,
}
_SCRIPT: Final[Table] = {
    "seed": ("seed", _integer(0, (1 << 53) - 1)),
    "linger": ("linger_seconds", _number(0, 60)),
    "simple_payload_limit": ("simple_payload_limit", _limit),
    "zero_for_empty_token": ("zero_for_empty_token", _truth),
}


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
        values = self._read(own, _SCRIPT, "", also=("answer", "rules"))
        answer = self._read_answer(shared)
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
        return _patient(Answer(**self._read(content, _ANSWER, "answer.")))

    def _read_rule(self, content: Any, at: int, answer: Answer) -> Rule | None:
        place = f"rules[{at}]"
        if not self._is_object(content, place):
            return None
        before = len(self.errors)
        own = {key: value for key, value in content.items() if key not in _ANSWER}
        values = self._read(own, _RULE, f"{place}.", also=tuple(_ANSWER))
        differing = {key: content[key] for key in content if key in _ANSWER}
        changes = self._read(differing, _ANSWER, f"{place}.")
        self._check_rule(content, place)
        if len(self.errors) > before:
            return None
        values["action"] = Action(values["action"])
        return Rule(**values, answer=_patient(evolve(answer, **changes)))

    def _check_rule(self, content: Mapping[str, Any], place: str) -> None:
        occasions = [name for name in _OCCASION if name in content]
        if len(occasions) != 1:
            found = " and ".join(occasions) or "none"
            wanted = ", ".join(_OCCASION)
            self._report(place, f"needs exactly one of {wanted}; there is {found}")
        if "do" not in content:
            self._report(place, "says nothing to do, add do")
        for name, actions in _ONLY_FOR.items():
            if name in content and content.get("do") not in actions:
                allowed = " or ".join(actions)
                self._report(f"{place}.{name}", f"goes with do = {allowed} only")
        if content.get("do") == "refuse":
            self._check_status(content, place)
        if "counting" in content and not {"every", "after"} & content.keys():
            self._report(f"{place}.counting", "goes with every or after only")

    def _check_status(self, content: Mapping[str, Any], place: str) -> None:
        if "status" not in content:
            self._report(place, "refuses without a status, add status")
        elif content["status"] == 10:
            self._report(
                f"{place}.status",
                "10 names the last good frame, use do = shutdown for it",
            )

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
            except _Fault as fault:
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


_ENDING: Final = ("refuse", "shutdown", "close", "reset")
_ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("refuse",),
    "seconds": ("stall",),
    "delay": _ENDING,
    "behind": _ENDING,
    "pieces": ("refuse", "shutdown"),
    "gap": ("refuse", "shutdown"),
    "end": ("refuse", "shutdown"),
    "answer_identifier": ("refuse", "shutdown"),
}


def _patient(answer: Answer) -> Answer:
    if answer.behind and not answer.delay_seconds:
        return evolve(answer, delay_seconds=DEFAULT_PATIENCE_SECONDS)
    return answer


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"unknown name, did you mean {near[0]}?" if near else "unknown name"
