"""What a host is called in a handshake: by us to the server, and in its certificate."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from service_identity.hazmat import DNS_ID, IPAddress_ID

from mcmtpush.delivery.tls.fault import fault


PLACES_LIMIT: Final = 256
"""So many gateways are remembered; the configuration may change all day."""


@lru_cache(maxsize=PLACES_LIMIT)
def server_name(host: str) -> bytes | None:
    """What a host is called to the server; None for an address, and for no name."""
    if _is_address(host):
        return None
    try:
        return host.encode("idna")
    except UnicodeError:
        return None


@lru_cache(maxsize=PLACES_LIMIT)
def identity_of(host: str) -> DNS_ID | IPAddress_ID:
    """What the certificate of a host must name; raises `ConfigError` if none can."""
    try:
        if _is_address(host):
            return IPAddress_ID(host)
        return DNS_ID(host.encode("idna").decode("ascii"))
    except ValueError as error:
        raise fault(
            "tls_verify", f"no certificate can be for {host!r}; use ca or another route"
        ) from error


def readable(identity: DNS_ID | IPAddress_ID | None) -> str:
    """An identity as operators write it."""
    if isinstance(identity, DNS_ID):
        return identity.hostname.decode("ascii")
    return "" if identity is None else str(identity.ip)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
