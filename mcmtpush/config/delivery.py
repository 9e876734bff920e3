"""How a queue retries, and how it reaches its gateway: views made from a sending chain.

Trusts that the tree passed every check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcmtpush.config.addresses import read_routes
from mcmtpush.config.chain import Ask, Chain, asking, unless
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.push import push_settings
from mcmtpush.config.scopes import Resolved, resolve
from mcmtpush.config.share import Shares
from mcmtpush.config.tree import Scope
from mcmtpush.config.units import in_seconds
from mcmtpush.config.views import (
    DeliverySettings,
    ProcessSettings,
    QueueSettings,
    TlsClientSettings,
)


_AGGRESSIVENESS = {"normal": 0.3, "high": 0.75}

_PLAIN_BLACKHOLES: Mapping[str, Any] = {"true": "inline"}
"""What plain words of `blackhole` stand for."""

_OWN_NAMES = frozenset({"__hostname__", "__message__"})
"""Words of `ehlo_hostname` that stand for the name of this machine."""

_QUEUE_SAME = (
    "delivery_method",
    "max_retries",
    "never_retry",
    "never_attempt_expired_messages",
    "max_resident_active_queue",
    "generate_bounces",
    "bounces_inline_original",
    "mailerdaemon",
)
"""Options whose view has their name and their value."""

Process = Callable[[], ProcessSettings]
"""What holds for the process; asked for where a queue's depends on it."""


def queue_settings(chain: Chain, process: Process) -> QueueSettings:
    """How one queue retries and gives up."""
    ask = asking(chain)
    method = ask("delivery_method")
    # A module that is switched off leaves its messages queued.
    passive = method == "apn" and not process().apn_enabled
    blackhole = ask("blackhole")
    return QueueSettings(
        retry_interval_seconds=ask("retry_interval"),
        max_retry_interval_seconds=ask("max_retry_interval"),
        message_expiration_seconds=ask("message_expiration"),
        suspend_delivery=passive or ask("suspend_delivery"),
        ambiguous_policy=ask("apn_ambiguous_policy"),
        blackhole=_PLAIN_BLACKHOLES.get(blackhole, blackhole),
        dead_letter_retention_seconds=ask("dead_letter_retention"),
        **{name: ask(name) for name in _QUEUE_SAME},
    )


def delivery_settings(
    chain: Chain, process: Process, shares: Shares, root: Scope
) -> DeliverySettings:
    """How one queue reaches its gateway, and what it has together with others."""
    ask = asking(chain)
    own_name = ask("ehlo_hostname") in _OWN_NAMES
    routes = read_routes(ask("routes"))
    return DeliverySettings(
        delivery_method=ask("delivery_method"),
        routes=routes,
        tls=_tls_client(ask),
        tls_mode=ask("tls"),
        tls_ifavailable_fallback=ask("tls_ifavailable_fallback"),
        bind_address=unless(ask("bind_address"), "*"),
        ehlo_hostname=process().hostname if own_name else ask("ehlo_hostname"),
        **push_settings(lambda name: resolve(OPTIONS[name], chain), routes),
        **_shared(chain, shares, root),
        **_connections(ask),
    )


def _shared(chain: Chain, shares: Shares, root: Scope) -> dict[str, Any]:
    """Limits and rates, the same object for all that one definition holds for."""

    def found(name: str) -> Resolved:
        return resolve(OPTIONS[name], chain)

    server = found("server_max_outbound_connections")
    # The global one holds for the process, whoever is asked.
    own = server.scope is not None and server.scope is not root
    return {
        "message_throttle": shares.throttle(found("outbound_throttle_messages")),
        "connection_throttle": shares.throttle(found("outbound_throttle_connections")),
        "scope_limit": shares.limit(found("scope_max_outbound_connections")),
        "binding_limit": shares.limit(server) if own else None,
    }


def _connections(ask: Ask) -> dict[str, Any]:
    """How many connections, how long, and how much they carry."""
    return {
        "response_timeout_seconds": in_seconds(
            ask("delivery_response_timeout"), "milliseconds"
        ),
        "idle_timeout_seconds": ask("idle_timeout"),
        "connect_timeout_seconds": ask("connect_timeout"),
        "max_outbound_connections": ask("max_outbound_connections"),
        "max_deliveries_per_connection": ask("max_deliveries_per_connection"),
        "connection_aggressiveness": _AGGRESSIVENESS[
            ask("connection_allocation_aggressiveness")
        ],
        "host_failure_retry_seconds": ask("host_failure_retry"),
        "mx_failures_to_delay": ask("mx_failures_to_delay"),
        "connect_timeout_to_delay_seconds": ask("connect_timeout_to_delay"),
    }


def _tls_client(ask: Ask) -> TlsClientSettings:
    return TlsClientSettings(
        certificate=unless(ask("tls_certificate"), "none"),
        key=unless(ask("tls_key"), "none"),
        ca=unless(ask("tls_ca"), "none"),
        verify=ask("tls_verify"),
        ciphers=unless(ask("tls_ciphers"), "DEFAULT"),
        protocols=ask("tls_protocols"),
    )
