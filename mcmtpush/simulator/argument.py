"""The values of `twistd apns-simulator`'s command line: text to addresses and keys."""

from __future__ import annotations

from typing import NamedTuple

from mcmtpush.simulator.vocabulary import ENVIRONMENTS


class Address(NamedTuple):
    """Where to listen; `host` is empty for every IPv4 address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(text: str) -> Address:
    """`127.0.0.1:2195`, `:2195`, `localhost:2195` or `[::1]:2195`.

    Raises ValueError.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address wants brackets, as in [::1]:2195")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text!r} is no address, give HOST:PORT or :PORT")
    return Address(host, int(port))


class KeyFile(NamedTuple):
    """A key that signs provider tokens, as the command line names it."""

    path: str
    key_id: str
    team_id: str
    environment: str | None = None


def read_key_file(text: str) -> KeyFile:
    """`AuthKey_ABC123DEFG.p8:ABC123DEFG:DEF123GHIJ`, maybe with `:production`.

    Raises ValueError.
    """
    parts = text.split(":")
    environment = parts.pop() if parts[-1] in ENVIRONMENTS else None
    if len(parts) < 3 or not all(parts):
        raise ValueError(f"{text!r} is no key, give FILE:KEYID:TEAMID")
    *path, key_id, team_id = parts
    return KeyFile(":".join(path), key_id, team_id, environment)


def read_seed(text: str) -> int:
    """A whole number; raises ValueError."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)
