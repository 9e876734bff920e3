"""Words to typed values and back; the only place that knows units.

Types are those of `config.tables.declaration`.  A value that does not fit is a
`ValueFault` that says what would.
"""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from attrs import frozen

from mcmtpush.config.addresses import parse_peer, parse_route
from mcmtpush.config.grammar import Pairs, Value, Words
from mcmtpush.config.protocols import read_protocols
from mcmtpush.config.proxy import Proxy, parse_proxy
from mcmtpush.config.tables.declaration import Option
from mcmtpush.config.tokens import Token, shown
from mcmtpush.errors import McmtPushError


TRUE = frozenset({"true", "on", "yes", "enabled", "1"})
FALSE = frozenset({"false", "off", "no", "disabled", "0"})
_MOST = 1024
"""The largest count."""


@frozen
class Throttle:
    """A rate: `count` in `per_seconds`; a count of 0 is no limit."""

    count: int
    per_seconds: int = 1

    def __str__(self) -> str:
        tail = "" if self.per_seconds == 1 else f"/{self.per_seconds}"
        return f"{self.count}{tail}"


class ValueFault(McmtPushError):
    """A value that does not fit its option, with its place in the file.

    `further` are the other faults of the same value: each item of a list has one.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.further: tuple[ValueFault, ...] = ()


def in_seconds(value: float, unit: str | None) -> float:
    """A duration of an option in seconds; `unit` is the option's."""
    return value / 1000 if unit == "milliseconds" else value


def read_value(option: Option, value: Value, folder: str) -> Any:
    """The typed value of a written one.

    Args:
        option: says the type.
        value: as written.
        folder: absolute; what a relative path is relative to.

    Raises:
        ValueFault: it does not fit; with everything that does not.
    """
    if option.type in _LISTS:
        return _read_list(option, value)
    if option.type == "dict":
        if not isinstance(value, Pairs):
            raise _misshapen(option, value)
        return {key.text: word.text for key, word in value.items}
    if not isinstance(value, Token):
        raise _misshapen(option, value)
    if option.type == "path":
        return _read_path(option, value, folder)
    return _read_word(option, value)


def write_value(option: Option, value: Any) -> str:
    """A typed value as the language writes it; reads back as the same value.

    A secret is written, too: what people are shown is for `show_value`.
    """
    if isinstance(value, Proxy):
        return _quote(value.spelling)
    if option.type == "dict":
        pairs = (f"{_quote(key)} = {_quote(word)}" for key, word in value.items())
        return " ".join(["[", *pairs, "]"])
    if option.type in _LISTS:
        return " ".join(["(", *(_quote(str(item)) for item in value), ")"])
    if option.type == "perms":
        return f"{value:#05o}".replace("o", "")
    if option.type == "bool":
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quote(str(value))


def show_value(option: Option, value: Any) -> str:
    """As `write_value`, without what is secret."""
    shown = str(value) if isinstance(value, Proxy) else value
    return write_value(option, shown)


def example(option: Option) -> str:
    """How the option might be written."""
    if option.default is not None:
        return f"{option.name} = {write_value(option, option.default)}"
    if option.type == "dict":
        text = '[ key = "value" ]'
    elif option.type in _LISTS:
        text = _LISTS[option.type][1]
    else:
        words = option.choices if option.type == "choice" else None
        text = words[0] if words else _WORDS[option.type][2]
    return f"{option.name} = {text}"


def check_regex(text: str) -> re.Pattern[str]:
    """Compile a regular expression, case ignored; ValueError says what is wrong."""
    if re.search(r"\[\^?\[:\^?\w+:\]", text):
        raise ValueError(
            f"{shown(text)} uses a POSIX class: write \\d, \\w, \\s or [a-z] instead"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(
            f"{shown(text)} is not a regular expression: {error}"
        ) from None
    except (OverflowError, RecursionError):
        raise ValueError(f"{shown(text)} is too large a regular expression") from None


# -- what fits -------------------------------------------------------------------


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def _size(text: str) -> int:
    number = _number(text)
    if number < 0:
        raise ValueError
    return number


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = _number(text)
    if not 1 <= number <= _MOST:
        raise ValueError
    return number


def _perms(text: str) -> int:
    if not re.fullmatch(r"0[0-7]{0,4}", text):
        raise ValueError
    return int(text, 8)


def _switch(text: str) -> bool:
    lower = text.lower()
    if lower not in TRUE | FALSE:
        raise ValueError
    return lower in TRUE


def _no_other(_text: str) -> str:
    raise ValueError


def _throttle(text: str) -> Throttle:
    found = re.fullmatch(r"([0-9]{1,18})(?:/0*([1-9][0-9]{0,17}))?", text)
    if not found:
        raise ValueError
    return Throttle(int(found[1]), int(found[2] or 1))


def _address(text: str) -> str:
    try:
        return text if text == "*" else str(ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError from None  # Python's words do not fit a configuration


def _glob(text: str) -> str:
    if not text or "*" in text[1:] or re.search(r"\s", text):
        raise ValueError(
            f'{shown(text)} is neither a domain nor one with a "*" in front, such as '
            '"*.example.com"'
        )
    return text.lower()


def _regex(text: str) -> str:
    check_regex(text)
    return text


def _route(text: str) -> str:
    parse_route(text, 0)
    return text


_WORDS: Mapping[str, tuple[Callable[[str], Any], str, str]] = {
    "string": (str, "a text", '"text"'),
    "int": (_number, "a whole number", "10"),
    "size": (_size, "a whole number, 0 or more", "10"),
    "positive": (_positive, "a whole number, 1 or more", "10"),
    "count": (_count, f"a whole number from 1 to {_MOST}", "2"),
    "perms": (_perms, "an octal mode that begins with 0", "0640"),
    "bool": (_switch, "true or false (on/off, yes/no, enabled/disabled, 1/0)", "true"),
    "choice": (_no_other, "", ""),
    "throttle": (_throttle, 'a rate: "N" or "N/SECONDS"', '"100/60"'),
    "address": (_address, 'an IP address or "*"', "192.0.2.1"),
    "route": (_route, "a route", '"apn://feedback.push.apple.com?port=2196"'),
    "proxy": (parse_proxy, "a proxy", '"http://proxy.example.net:3128"'),
    "regex": (_regex, "a regular expression", '"a|b"'),
    "path": (str, "the path of a file", "/etc/mcmtpush/file"),
}
"""By type: the reader (ValueError when it does not fit), its name, an example."""

_GRAMMARS: Mapping[str, Callable[[str], str]] = {"tls_protocols": read_protocols}
"""By option name: readers of strings that have a grammar of their own."""

_LISTS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "list": (str, '( "a" "b" )'),
    "globs": (_glob, '( "example.com" "*.example.com" )'),
    "networks": (parse_peer, '( "127.0.0.0/8" "::1" )'),
    "regexes": (_regex, '( "^a" "^b" )'),
    "routes": (_route, '( "apn://gateway.push.apple.com?port=2195" )'),
}
"""By type: the reader of one item (its ValueError says it all) and an example."""


def _read_word(option: Option, word: Token) -> Any:
    lower = word.text.lower()
    if option.choices and lower in option.choices:
        return lower
    read = _GRAMMARS.get(option.name) or _WORDS[option.type][0]
    try:
        return read(word.text)
    except ValueError as error:
        problem = str(error) or f"{shown(word.text)} is not {_expected(option)}"
        raise _unfit(option, problem, word) from None


def _expected(option: Option) -> str:
    expected = _WORDS[option.type][1]
    if option.unit:
        expected = expected.replace("number", f"number of {option.unit}")
    if not option.choices:
        return expected
    words = f"one of {', '.join(option.choices)}"
    return words if option.type == "choice" else f"{expected}, or {words}"


def _read_path(option: Option, word: Token, folder: str) -> str:
    text = word.text
    if text.lower() == "none" and option.name.startswith(("tls_", "apn_key_")):
        return "none"
    if not text or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text):
        raise _unfit(option, f"{shown(text)} is not the path of a file", word)
    return posixpath.normpath(posixpath.join(folder, text))


def _read_list(option: Option, value: Value) -> tuple[Any, ...]:
    if not isinstance(value, Words):
        raise _misshapen(option, value)
    read, _ = _LISTS[option.type]
    items = []
    faults = []
    for word in value.items:
        try:
            items.append(read(word.text))
        except ValueError as error:
            faults.append(_unfit(option, str(error), word))
    if faults:
        first, *further = faults
        first.further = tuple(further)
        raise first
    return tuple(items)


# -- what does not ----------------------------------------------------------------


def _unfit(option: Option, problem: str, place: Token | Words | Pairs) -> ValueFault:
    text = f"option {option.name}: {problem}; for example {example(option)}"
    return ValueFault(text, place.line, place.column)


def _misshapen(option: Option, value: Value) -> ValueFault:
    shapes = {Words: "a list", Pairs: "a dictionary", Token: "a single value"}
    wanted = "a single value"
    if option.type in _LISTS:
        wanted = "a list in round brackets"
    elif option.type == "dict":
        wanted = "a dictionary in square brackets"
    return _unfit(option, f"takes {wanted}, not {shapes[type(value)]}", value)


def _quote(text: str) -> str:
    for char, escape in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\r", "\\r"),
        ("\n", "\\n"),
        ("\t", "\\t"),
    ):
        text = text.replace(char, escape)
    return f'"{text}"'
