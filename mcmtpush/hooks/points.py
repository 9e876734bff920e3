"""THE table of hooks: name, arguments, when the chain stops, what a failure means.

A hook that this version calls has a row; nothing else knows hooks by name but who
calls one.  Names and conventions are Momentum's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen


INIT: Final = "init"
DEINIT: Final = "deinit"
REQUEST: Final = "apn_request_eval"
RESPONSE: Final = "apn_response_eval"
DISPOSE: Final = "generic_delivery_msg_dispose"


def _never(_: object) -> bool:
    return False


def _unless_true(returned: object) -> bool:
    return returned is not True


def _unless_zero(returned: object) -> bool:
    """Momentum's samples return nothing where they mean 0."""
    return returned is not None and returned is not False and returned != 0


@frozen
class Point:
    """One row.

    Attributes:
        name: what a function is called to be asked.
        arguments: what it is given, in order; `self` of Lua comes before them.
        stops: whether no further script is asked, by what one returned.
        returns: the return value, for the manual.
        called: when, for the manual.
        default: what holds when no script is asked, or one fails; for the manual.
    """

    name: str
    arguments: tuple[str, ...]
    stops: Callable[[object], bool]
    returns: str
    called: str
    default: str


POINTS: Final[Mapping[str, Point]] = MappingProxyType(
    {
        point.name: point
        for point in (
            Point(
                INIT,
                (),
                _unless_true,
                "`true`; anything else is a failure",
                "when the configuration is loaded, before anything is delivered by it",
                "the configuration is not taken: no start, or the old one stays",
            ),
            Point(
                DEINIT,
                (),
                _never,
                "`true`; not looked at",
                "when another configuration took over, and at the end of the program",
                "nothing",
            ),
            Point(
                REQUEST,
                ("req", "msg"),
                _unless_zero,
                "0 or nothing: the next script is asked; 1: it is not",
                "for every attempt, when the request is made and before it is sent",
                "without a script the request is sent; after a failure it is not: the "
                "message is put off with status 255 and the usual retries",
            ),
            Point(
                RESPONSE,
                ("resp",),
                _unless_zero,
                "0 or nothing: the next script is asked; 1: it is not",
                "when Apple refused a message",
                "the status is Apple's",
            ),
            Point(
                DISPOSE,
                ("msg",),
                _never,
                "not looked at: every script is asked",
                "for every attempt that came to a result, before its record is made",
                "the result stays",
            ),
        )
    }
)
"""By name, in the order of a message's way."""

_DOCUMENTED: Final = re.compile(
    r"(?:validate|core|apn|gcm|http|fcm|generic_delivery|mm7|smpp|restinj)_[a-z0-9_]+"
)


def usable(names: Iterable[str]) -> list[str]:
    """Those of the names that are hooks of this version, in the table's order."""
    given = set(names)
    return [name for name in POINTS if name in given]


def remarks(script: str, module: str, names: Iterable[str]) -> list[str]:
    """What an operator is told of a table of functions: one sentence each.

    `names` are those of its functions; `script` is the stanza's name, `module` what
    the table was registered as.
    """
    given = sorted(names)
    told = [
        f'script "{script}": {name} is not called by this version'
        for name in given
        if name not in POINTS and _DOCUMENTED.fullmatch(name)
    ]
    if not usable(given):
        told.append(
            f'script "{script}": no usable methods found for module {module} in '
            "registerModule call"
        )
    return told
