"""What holds for a client: views made from a receiving chain.

Trusts that the tree passed every check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcmtpush.config.chain import Ask, Chain, asking, unless
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.views import ReceptionSettings, TlsServerSettings


_RECEPTION_SAME = (
    "mcmt_push_only",
    "banner_hostname",
    "static_banner",
    "received_hostname",
    "listener_sessions",
    "service_sessions",
    "max_receptions_per_connection",
    "max_recipients_per_connection",
    "max_recipients_per_message",
    "max_message_size",
    "relay_for_sending_domains",
    "open_relay",
    "require_ehlo",
    "allow_null_envelope_sender",
    "allow_ip_literal",
    "allow_trailing_whitespace_in_commands",
    "rfc2822_missing_headers",
    "rfc2822_lone_lf_in_headers",
    "rfc2822_lone_lf_in_body",
    "rfc2822_trace_headers",
    "starttls_injection_policy",
    "tls_verified_peer_can_relay",
)
"""Options whose view has their name and their value."""


def reception_settings(chain: Chain, hostname: str) -> ReceptionSettings:
    """`hostname` is the one of this machine."""
    ask = asking(chain)
    context: Mapping[str, str] = ask("context") or {}
    return ReceptionSettings(
        mcmt_reception=mcmt_reception(ask("mcmt_reception"), context),
        hostname=hostname,
        idle_seconds=ask("idle_time"),
        context=context,
        smtp_extensions=ask("smtp_extensions") or (),
        relay_hosts=ask("relay_hosts") or (),
        relay_domains=ask("relay_domains") or (),
        tls=_tls_server(ask),
        **{name: ask(name) for name in _RECEPTION_SAME},
    )


def mcmt_reception(value: Any, context: Mapping[str, str]) -> Any:
    """The connection context of this name beats the option."""
    by_context = context.get("mcmt_reception", "").lower()
    choices = OPTIONS["mcmt_reception"].choices or ()
    return by_context if by_context in choices else value


def _tls_server(ask: Ask) -> TlsServerSettings:
    return TlsServerSettings(
        certificate=unless(ask("tls_certificate"), "none"),
        key=unless(ask("tls_key"), "none"),
        ciphers=unless(ask("tls_ciphers"), "DEFAULT"),
        protocols=ask("tls_protocols"),
        client_ca=unless(ask("tls_client_ca"), "none"),
        verify_mode=ask("tls_verify_mode"),
        use_ssl=ask("use_ssl"),
    )
