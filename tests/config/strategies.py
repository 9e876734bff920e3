"""Configurations written at random, with what they mean."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from mcmtpush.config.options import OPTIONS, SCOPES, Option, options_of
from mcmtpush.config.proxy import Proxy
from mcmtpush.config.tree import Scope
from mcmtpush.config.units import Throttle, write_value


# -- typed values ----------------------------------------------------------------

_NUMBERS = st.integers(0, 10**18 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_ADDRESSES = st.ip_addresses()
_NETWORKS = st.sampled_from(
    [ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("192.0.2.1/32")]
)
_ITEMS = st.text("abc.-, #{}/=0")
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "int": st.integers(-(10**18) + 1, 10**18 - 1),
    "size": _NUMBERS,
    "positive": st.integers(1, 10**18 - 1),
    "count": st.integers(1, 1024),
    "perms": st.integers(0, 0o7777),
    "bool": st.booleans(),
    "throttle": st.builds(Throttle, _NUMBERS, st.integers(1, 10**18 - 1)),
    "path": st.sampled_from(["/a/b", "/etc/x y.pem", "/var/log/a=b"]),
    "address": st.one_of(st.just("*"), _ADDRESSES.map(str)),
    "list": st.lists(_TEXT).map(tuple),
    "globs": st.lists(st.sampled_from(["*.a.b", "*a.b", "a_b.c", "*"])).map(tuple),
    "networks": st.lists(_NETWORKS).map(tuple),
    "proxy": st.builds(
        Proxy,
        st.sampled_from(["proxy.example", "::1", "192.0.2.1"]),
        st.integers(1, 65535),
        st.sampled_from([b"user", b"a@b/", b"\xc3\xa9"]),
        st.binary(max_size=9),
    ),
    "regex": st.sampled_from(["a|b", r"^\d+\.x$", ""]),
    "regexes": st.lists(st.sampled_from([r"\w", "[a-z]{2}"])).map(tuple),
    "route": st.sampled_from(["apn://h?port=1", "[::1]:25", "h"]),
    "routes": st.lists(st.sampled_from(["apn://h?port=1", "[::1]:25", "h"])).map(tuple),
    "dict": st.dictionaries(_TEXT, _TEXT),
}


_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "tls_protocols": st.sampled_from(["+ALL", "TLSv1.2", "+all:-TLSv1.2:-SSLv3"])
}


def values_of(option: Option) -> st.SearchStrategy[Any]:
    """Typed values that fit an option."""
    if option.name in _BY_NAME:
        return _BY_NAME[option.name]
    words = st.sampled_from(option.choices) if option.choices else st.nothing()
    return st.one_of(words, _BY_TYPE.get(option.type, st.nothing()))


# -- trees -----------------------------------------------------------------------

_INSTANCES: dict[str, list[str]] = {
    "domain": ["a.example", "B.example", r"/(^|[.])x{2}\.example$/", "[IPv6:::1]"],
    "binding": ["one", "One"],
    "binding_group": ["g", "G"],
    "listen": [":25", "[::1]:25", "127.0.0.1:25", "/tmp/socket"],
    "peer": ["192.0.2.0/24", "::1"],
}
_KINDS = sorted(k.name for k in SCOPES.values() if k.checked and k.name != "global")
_GAPS = st.sampled_from([" ", "\n", "\t \r\n", ' # x { " \n', '/* } " ( */', " /**/ "])


@frozen
class Written:
    """A configuration as text, and the settings it holds by scope path."""

    text: str
    settings: dict[tuple[str, ...], dict[str, list[Any]]]


@st.composite
def configurations(draw: st.DrawFn) -> Written:
    """Valid text in any style, with what must be read from it."""
    settings: dict[tuple[str, ...], dict[str, list[Any]]] = {}
    words = _body(draw, "global", (), settings, 3)
    text = "".join(f"{draw(_GAPS)}{word}" for word in [*words, ""])
    return Written(text, settings)


def _body(
    draw: st.DrawFn,
    kind: str,
    path: tuple[str, ...],
    settings: dict[tuple[str, ...], dict[str, list[Any]]],
    depth: int,
) -> list[str]:
    words: list[str] = []
    names = [name for name in options_of(kind) if name != "local_changes_file"]
    for name in draw(st.lists(st.sampled_from(names), max_size=3)) if names else []:
        option = OPTIONS.get(f"{kind}.{name}") or OPTIONS[name]
        value = draw(values_of(option))
        settings.setdefault(path, {}).setdefault(name, []).append(value)
        equals = ["="] if option.type != "dict" or draw(st.booleans()) else []
        words += [_any_case(draw, name), *equals, write_value(option, value)]
    inner = [k for k in _KINDS if kind in SCOPES[k].stands_in] if depth else []
    for child in draw(st.lists(st.sampled_from(inner), max_size=2)) if inner else []:
        words += _stanza(draw, child, path, settings, depth)
    return words


def _stanza(
    draw: st.DrawFn,
    kind: str,
    path: tuple[str, ...],
    settings: dict[tuple[str, ...], dict[str, list[Any]]],
    depth: int,
) -> list[str]:
    words = [_any_case(draw, kind)]
    step = kind
    if not SCOPES[kind].anonymous:
        name = draw(st.sampled_from(_INSTANCES.get(kind, ["x", "y"])))
        bare = kind != "listen" or name != "/tmp/socket"
        words.append(f"{name} " if bare and draw(st.booleans()) else f'"{name}"')
        step = f"{kind} {name}"
    words += draw(st.sampled_from([["{"], ["=", "{"]]))
    return [*words, *_body(draw, kind, (*path, step), settings, depth - 1), "}"]


def _any_case(draw: st.DrawFn, name: str) -> str:
    return draw(st.sampled_from([name, name.upper(), name.title()]))


def settings_of(
    scope: Scope, path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], dict[str, list[Any]]]:
    """The settings of a tree in the form of `Written.settings`."""
    found = {}
    if scope.settings:
        found[path] = {
            name: [setting.value for setting in settings]
            for name, settings in scope.settings.items()
        }
    for child in scope.children:
        step = child.kind if child.name is None else f"{child.kind} {child.name}"
        found |= settings_of(child, (*path, step))
    return found


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="{}[]()=,\"'/*#\\\n ;ax1:.\t\r\0"),
    st.lists(
        st.sampled_from(
            ["domain", "listen", '":25"', "{", "}", "=", "(", ")", "[", "]", "include",
             "routes", "context", '"', "/*", "*/", "\n", "\n", "/x/", "#", "5", "apn",
             "esmtp_listener", "idle_timeout"]
        ),
        max_size=60,
    ).map(" ".join),
)  # fmt: skip
"""Texts that nobody means, near enough to the language to get far into it."""
