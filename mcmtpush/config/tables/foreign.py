"""Modules and options of the original that mean nothing here.

Whoever leaves it has them in his files by the dozen: they may stay, each gets one
warning, and nobody looks at what is in them.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.config.tables.declaration import GLOBAL, SENDING, ScopeKind


_MODULES: Final = """
ac_auth adaptive adaptive_backstore_leveldb adaptive_backstore_riak alias antivirus
as_logger async_tcp auth_ds auth_radius aveng beik bind_address_secondary
bounce_classifier bounce_classifier_override bounce_logger brightmail bzip2io
chunk_logger cidr_server cidrdb clamav cloudmark cluster cluster_group commtouch
commtouch_ctasd compress_spool conntrol console csapi custom_bounce_behavior
custom_bounce_logger custom_logger datasource delay_dsn dk_sign dk_validate dkim
dkim_sign dkim_validate dnsbuf domainkeys ds_core dynamic_config ec_logger ecauth
eccluster_listener ecstream eleven engagement_tracker eventloop exim_logger fbl
fingerprint gcm gcm_logger generic_delivery geoip gssapi gzipio http_io httpclnt icu
ident ilf_logger imageanalyzer inbound_audit inbound_cidr ipv6_lookup jlog ldap logs
mail_loop maildir mm7 mm7_logger mm7_serv mms_bounce_logger mms_logger mobility msgc
msgc_client msgc_server msgcserver_listener mxip mysql node odbc opendkim openssl
outbound_audit outbound_smtp_auth pe_logger perl persist_io persistio pgsql pipe_io
pipe_transport pipeio postfix_logger postgres presence_ds radius rbl
reception_timing replicate reputation response_transcode riak sched securecred
securecreds seedlist senderid sendmail_logger sieve smpp smpp_bounce_logger
smpp_logger smtp_auth_proxy smtp_cbv smtp_rcptto_cbv smtp_rcptto_proxy snmp
snmp_traps spf spf_macros spf_v1 sqlite static_routes stpclnt suppress_spool
syslog_io syslog_logger threadpool timer tls_macros topology uribl url_ripper
vctx_mess_match xclient xdumpcontext xmpp_listener xremoteip xsetcontext
"""

_OPTIONS: Final = """
address_metrics_cleanse_interval address_metrics_lifetime crypto_engine dkim
dns_cache_purge_interval dns_expire_interval dns_fallback_to_tcp domainkeys
duravip_follow duravip_preference ecstream_port ecstream_timeout enable_duravip
enable_fbl_header_insertion expensive_batch_assessment initial_hash_buckets
lmtp_port malloc2mmap_threshold max_dns_ttl max_timed_events_per_iter min_dns_ttl
only_use_best_mx_for_relay_domains pcre_cache_size pcre_cache_ttl remote_smtp_port
resolv_conf response_transcode_pattern response_transcode_replace send_8bitmime
signing_stats siv_throttle_cache_size transform_8bitmime_content use_mmap
use_sendfile watchdog_interval xclient
"""


def _module(name: str, stands_in: frozenset[str] = GLOBAL) -> ScopeKind:
    return ScopeKind(
        name,
        anonymous=True,
        stands_in=stands_in,
        implemented=False,
        checked=False,
        help="A module of the original; nothing here.",
    )


FOREIGN_KINDS: tuple[ScopeKind, ...] = (
    *map(_module, _MODULES.split()),
    _module("adaptive_sweep_rule", SENDING),
)

FOREIGN_OPTIONS: frozenset[str] = frozenset(_OPTIONS.split())
"""Options of the core: of domains, bindings, listens and the whole process."""

FOREIGN_FAMILIES: tuple[str, ...] = ("adaptive_", "mm7_", "mms_", "smpp_", "xmpp_")
"""How the options begin that a module brings into domains, bindings and the rest."""


def is_foreign(name: str) -> bool:
    """Whether the original has, or may have, an option of that name (any case)."""
    lower = name.lower()
    return lower in FOREIGN_OPTIONS or lower.startswith(FOREIGN_FAMILIES)
