"""What an option and a scope kind are; the other tables hold the rows.

Types, as they are written and as they are held in a `Setting`:

========  ==================================  =================================
type      written                             held as
========  ==================================  =================================
string    a word                              str
int       `-1`, `250`                         int
size      `0`, `250`; never negative          int
positive  `1`, `250`; never 0                 int
count     `1`, `250`; from 1 to 1024          int
perms     octal, `0640`                       int
bool      `true`, `off`, `yes`, `enabled`     bool
choice    one of `choices`, any case          str, lower case
throttle  `"100"`, `"100/60"`                 `config.units.Throttle`
path      absolute, or relative to its file   str, absolute
address   `*` or an IP address                str
list      `( a "b" )`                         tuple of str
globs     `( "example.com" "*.x.y" )`         tuple of str, lower case
networks  `( 10.0.0.0/8 "::1" )`              tuple of IPv4Network, IPv6Network
regex     `"a|b"`                             str that compiles
regexes   `( "a" "b" )`                       tuple of str that compile
routes    `( "apn://host?port=2195" )`        tuple of str (`addresses`)
proxy     `http://user:password@host:8080`     `config.proxy.Proxy`
dict      `[ key = "value" ]`                 dict of str to str
========  ==================================  =================================

An int, size, positive, count or proxy with `choices` is either such a value or one of
these words.  The path `none` stays the word "none": it cancels an inherited path.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen


BINDINGS = frozenset({"binding", "binding_group"})
LISTENERS = frozenset(
    {"esmtp_listener", "http_listener", "control_listener", "ecstream_listener"}
)
PATHWAYS = frozenset({"pathway", "pathway_group"})
GLOBAL = frozenset({"global"})
DOMAIN = frozenset({"domain"}) | GLOBAL
SENDING = BINDINGS | DOMAIN
RECEIVING = frozenset({"esmtp_listener", "listen", "peer"}) | PATHWAYS
HTTP = frozenset({"http_listener", "listen", "peer"}) | PATHWAYS


@frozen
class Option:
    """One row of the option table.

    Attributes:
        name: canonical, lower case.
        type: see the table above.
        unit: "seconds", "milliseconds", "bytes", "percent", or None.
        default: as a `Setting` would hold it; None means there is none.
        scopes: the scope kinds it may stand in.
        dynamic: whether it can be changed while the program runs.
        help: one line.
        implemented: whether this version acts on it.
        choices: the words it takes, lower case.
    """

    name: str
    type: str
    unit: str | None
    default: Any
    scopes: frozenset[str]
    dynamic: bool
    help: str
    implemented: bool
    choices: tuple[str, ...] | None = None


@frozen
class ScopeKind:
    """One row of the scope table.

    Attributes:
        name: canonical, lower case.
        anonymous: it takes no instance name; otherwise it needs one.
        stands_in: the scope kinds that may hold it.
        implemented: whether this version acts on it.
        checked: whether its content is known; otherwise anything may stand in it.
        help: one line.
    """

    name: str
    anonymous: bool
    stands_in: frozenset[str]
    implemented: bool
    checked: bool
    help: str


def rows(
    type: str,  # noqa: A002 - the word of the table
    scopes: frozenset[str],
    unit: str | None = None,
    *,
    used: bool = False,
    dynamic: bool = True,
    choices: tuple[str, ...] | None = None,
    **options: tuple[Any, str],
) -> tuple[Option, ...]:
    """Rows that differ in name, default and help only."""
    return tuple(
        Option(name, type, unit, default, scopes, dynamic, text, used, choices)
        for name, (default, text) in options.items()
    )
