"""Addresses as a configuration writes them: where to listen, where to deliver.

Text in, values out; a fault is a ValueError whose text says what to write
instead.  Nothing is resolved or looked up here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

from attrs import frozen

from mcmtpush.config.tokens import shown
from mcmtpush.config.views import Network, Route


Address = IPv4Address | IPv6Address

_LOOPBACK = ip_address("127.0.0.1")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_PORTS = {"apn2": 443}
_ROUTE_FIELDS = ("pref", "port", "ttl", "type")


@frozen
class ListenAddress:
    """Where one socket listens: `path`, or `host` and `port`.

    `host` is "" for every IPv4 address and "::" for every IPv6 address.
    """

    host: str = ""
    port: int | None = None
    path: str | None = None


def parse_listen(text: str) -> ListenAddress:
    """`:25`, `*:25`, `192.0.2.1:25`, `[::1]:25`, `[*]:25` or an absolute path."""
    if text.startswith("/"):
        return ListenAddress(path=posixpath.normpath(text))
    host, found, port = text.rpartition(":")
    if not found:
        raise ValueError(
            f'{shown(text)} has no port: write ":2525", "127.0.0.1:2525", "[::1]:2525" '
            "or the absolute path of a Unix socket"
        )
    return ListenAddress(host=_listen_host(text, host), port=parse_port(port))


def _listen_host(text: str, host: str) -> str:
    if host in {"", "*"}:
        return ""
    bracketed = host.startswith("[") and host.endswith("]")
    if host == "[*]":
        return "::"
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ValueError(
            f"{shown(text)} does not begin with an IP address: names are not looked up "
            "for a listen"
        ) from None
    if (address.version == 6) is not bracketed:
        wrong = "needs" if address.version == 6 else "has no"
        raise ValueError(
            f"{shown(text)}: an IPv{address.version} address {wrong} brackets"
        )
    return str(address)


def same_listen(one: str, other: str) -> bool:
    """Whether two spellings name the same socket; unreadable ones by their text."""
    if one == other:
        return True
    try:
        return parse_listen(one) == parse_listen(other)
    except ValueError:
        return False


def parse_port(text: str) -> int:
    """A port from 1 to 65535."""
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    raise ValueError(f"{shown(text)} is not a port from 1 to 65535")


def parse_peer(text: str) -> Network:
    """The block of a `peer` stanza: `192.0.2.0/24`, `::1`; bits of a host are cut."""
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        raise ValueError(
            f"{shown(text)} is neither an IP address nor a CIDR block, as 192.0.2.0/24"
        ) from None


def client_address(peer: str, listen: str | None) -> Address | None:
    """The client as `peer` stanzas see it; None when `peer` is no address.

    A client of a Unix socket counts as 127.0.0.1, an IPv4-mapped address as IPv4.
    """
    if listen is not None and listen.startswith("/"):
        return _LOOPBACK
    try:
        address = ip_address(peer.strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_route(text: str, position: int) -> Route:
    """One item of `routes`: `[scheme://]host[:port][/path][?pref=P&port=O&ttl=T]`.

    Args:
        text: as configured; an IPv6 address stands in brackets.
        position: in the list, the preference where `pref` does not give one.
    """
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest, _, query = rest.partition("?")
    host, port = _host_and_port(text, rest.partition("/")[0])
    fields = _route_fields(text, query)
    if "port" in fields:
        port = parse_port(fields["port"])
    name = scheme[1].lower() if scheme else ""
    return Route(
        scheme=name,
        host=host,
        port=_PORTS.get(name) if port is None else port,
        preference=_number(fields["pref"], "pref") if "pref" in fields else position,
    )


def _host_and_port(text: str, authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        inner, found, tail = authority[1:].partition("]")
        if not found or (tail and not tail.startswith(":")):
            raise ValueError(f'route {shown(text)}: "[" needs its "]" before the port')
        try:
            host = str(IPv6Address(inner))
        except ValueError:
            raise ValueError(
                f"route {shown(text)}: {shown(inner)} is not an IPv6 address"
            ) from None
        return host, parse_port(tail[1:]) if tail else None
    host, found, port = authority.partition(":")
    if ":" in port:
        raise ValueError(f"route {shown(text)}: write an IPv6 address in brackets")
    if not _HOST.fullmatch(host):
        raise ValueError(
            f'route {shown(text)} names no host, as in "apn://host?port=2195"'
        )
    return host.lower(), parse_port(port) if found else None


def _route_fields(text: str, query: str) -> dict[str, str]:
    fields = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        name = name.lower()
        if name not in _ROUTE_FIELDS:
            known = ", ".join(_ROUTE_FIELDS)
            raise ValueError(
                f"route {shown(text)}: {shown(name)} is not one of {known}"
            )
        fields[name] = unquote(value)
    if "ttl" in fields:
        _number(fields["ttl"], "ttl")
    if fields.get("type", "mx").lower() not in {"mx", "a"}:
        raise ValueError(f"route {shown(text)}: type is either mx or a")
    return fields


def _number(text: str, name: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    raise ValueError(f"{shown(text)} is not a number for {name}")


def read_routes(texts: Iterable[str] | None) -> tuple[Route, ...]:
    """The routes most preferred first, those of equal preference in their order."""
    routes = [parse_route(text, place) for place, text in enumerate(texts or ())]
    return tuple(sorted(routes, key=lambda route: route.preference))
