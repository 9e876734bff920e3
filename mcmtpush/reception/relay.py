"""Who may send to which domain: nobody to any, unless a rule says so."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from mcmtpush.config.views import Network, ReceptionSettings
from mcmtpush.errors import MessageRejected
from mcmtpush.reception import reply
from mcmtpush.reception.address import Address


def matches(domain: str, patterns: Iterable[str]) -> bool:
    """True if one of the left globs covers the domain, case aside.

    `*x` covers what ends in x, hence `*.example.com` every domain below
    example.com; `*` covers all; anything else only itself.
    """
    domain = domain.lower()
    for pattern in patterns:
        pattern = pattern.lower()
        if pattern.startswith("*"):
            if domain.endswith(pattern[1:]):
                return True
        elif domain == pattern:
            return True
    return False


def is_relay_host(peer: str, networks: tuple[Network, ...]) -> bool:
    """True if the address is in one of the networks."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _address(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(peer)
    except ValueError:
        return None


def can_relay(settings: ReceptionSettings, peer: str, *, verified: bool) -> bool:
    """True if this client may send to any domain, whoever the sender is.

    `verified` tells of a client certificate that was checked.
    """
    return (
        settings.open_relay
        or (verified and settings.tls_verified_peer_can_relay)
        or is_relay_host(peer, settings.relay_hosts)
    )


def check_relaying(
    settings: ReceptionSettings, sender: Address, recipient: Address
) -> None:
    """For a client that may not relay as such: refuse unless a domain allows it.

    An empty `relay_for_sending_domains` lets every sender relay, except the
    null sender, which has no domain.
    """
    if matches(recipient.domain, settings.relay_domains):
        return
    sending = settings.relay_for_sending_domains
    anyone = sending is not None and not sending
    if sender.domain and (anyone or matches(sender.domain, sending or ())):
        return
    raise MessageRejected(*reply.RELAYING_DENIED)
