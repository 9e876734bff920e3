"""The options of the way out: routing, retries, TLS, queues in memory.

Every row is `name=(default, help)` below what its group shares.  The module
knows no scope instances and reads nothing.
"""

from __future__ import annotations

from mcmtpush.config.tables.declaration import (
    BINDINGS,
    DOMAIN,
    GLOBAL,
    HTTP,
    RECEIVING,
    SENDING,
    Option,
    rows,
)
from mcmtpush.config.tables.push import HTTP2


_HOST = frozenset({"host"})
_TLS = SENDING | HTTP | RECEIVING | {"ecstream_listener"}

ROUTING: tuple[Option, ...] = (
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("esmtp", "smtp", "lmtp", "ecstream", "apn", "gcm", "mm7"),
        delivery_method=("esmtp", "How messages leave; apn is Apple push."),
    ),
    *rows(
        "routes",
        DOMAIN,
        used=True,
        routes=(None, "Gateways in order of preference, scheme://host?port=N."),
    ),
    *rows(
        "string",
        SENDING,
        used=True,
        gateway=(None, "Queue under this name instead of the recipient's domain."),
    ),
    *rows(
        "size",
        SENDING,
        "seconds",
        used=True,
        apn_expiry=(
            604800,
            "How long a notification stays valid at Apple; 0 is tried there once.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        "seconds",
        used=True,
        apn_flush_interval=(
            60,
            "Ask for proof of acceptance so often, and before a close; 0 never.",
        ),
        apn_feedback_interval=(
            86400,
            "Time between polls of the feedback service; 0 never.",
        ),
        dead_letter_retention=(
            604800,
            "How long failed push messages are kept; 0 not at all.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        used=True,
        apn_guard_first=(
            20,
            "First answers that must not all be invalid token; 0 never.",
        ),
        apn_guard_window=(
            100,
            "Answers over which invalid tokens are counted; 0 never.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        "percent",
        used=True,
        apn_guard_share=(80, "Invalid tokens among those that suspend; 0 never."),
    ),
    *rows(
        "positive",
        SENDING,
        used=True,
        apn_unsettled_limit=(50000, "Unsettled notifications of a connection."),
    ),
    *rows(
        "positive",
        SENDING,
        "bytes",
        used=True,
        apn_unsettled_bytes=(33554432, "Unsettled bytes of a connection."),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("resend", "hold", "drop"),
        apn_ambiguous_policy=(
            "resend",
            "What becomes of messages that a lost connection left undecided.",
        ),
    ),
    *rows(
        "route",
        DOMAIN,
        used=True,
        apn_feedback_route=(None, "Feedback service, apn://host?port=2196."),
    ),
    *rows(
        "path",
        GLOBAL,
        used=True,
        dynamic=False,
        token_events=(None, "JSON lines file of tokens that are gone."),
    ),
    *rows(
        "perms",
        GLOBAL,
        used=True,
        dynamic=False,
        token_events_mode=(0o640, "Mode of that file."),
    ),
    *rows(
        "size",
        SENDING,
        "milliseconds",
        used=True,
        delivery_response_timeout=(
            5000,
            "Silence taken for acceptance; over apn2, set, the wait for an answer.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        "seconds",
        used=True,
        idle_timeout=(
            5,
            "How long an idle outbound connection is kept; 0 for ever, not for apn.",
        ),
        connect_timeout_to_delay=(
            900,
            "Failing contact before a queue is delayed; 0 is never.",
        ),
    ),
    *rows(
        "positive",
        SENDING,
        "seconds",
        used=True,
        connect_timeout=(300, "How long connecting may take."),
    ),
    *rows(
        "size",
        SENDING,
        "seconds",
        ehlo_timeout=(300, "Wait for the answer to EHLO (SMTP)."),
        mailfrom_timeout=(300, "Wait for the answer to MAIL FROM (SMTP)."),
        rcptto_timeout=(300, "Wait for the answer to RCPT TO (SMTP)."),
        body_timeout=(600, "Wait for the answer to the body (SMTP)."),
        rset_timeout=(30, "Wait for the answer to RSET (SMTP)."),
    ),
    *rows(
        "int",
        SENDING | _HOST,
        used=True,
        max_outbound_connections=(
            32,
            "Connections of one queue; -1 is no limit, 0 delivers nothing.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        used=True,
        max_deliveries_per_connection=(0, "Close after so many; 0 is no limit."),
    ),
    *rows(
        "size",
        BINDINGS | GLOBAL,
        used=True,
        server_max_outbound_connections=(
            20000,
            "Connections of all queues together; 0 delivers nothing.",
        ),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("normal", "high"),
        connection_allocation_aggressiveness=(
            "normal",
            "How fast connections grow with the queue.",
        ),
    ),
    *rows(
        "address",
        BINDINGS | GLOBAL,
        used=True,
        bind_address=("*", "Source address of outbound connections."),
    ),
    *rows(
        "bool",
        SENDING,
        used=True,
        suspend_delivery=(False, "Keep messages queued and attempt nothing."),
    ),
    *rows(
        "int",
        GLOBAL,
        server_reserve_outbound_connections=(200, "Headroom of the reserve sweep."),
    ),
    *rows(
        "int",
        SENDING | _HOST,
        used=True,
        scope_max_outbound_connections=(
            None,
            "Connections shared by a whole scope; -1 is no limit, 0 delivers nothing.",
        ),
    ),
    *rows(
        "int",
        SENDING | _HOST,
        cluster_scope_max_outbound_connections=(
            None,
            "Shared, cluster-wide.",
        ),
    ),
    *rows(
        "int",
        DOMAIN | _HOST | {"binding"},
        cluster_max_outbound_connections=(-1, "Connections of a queue, cluster-wide."),
    ),
    *rows(
        "int",
        BINDINGS | GLOBAL,
        cluster_server_max_outbound_connections=(None, "All queues, cluster-wide."),
    ),
    *rows(
        "throttle",
        SENDING,
        used=True,
        outbound_throttle_messages=(
            None,
            "Messages sent per second, or N per S; 0 is no limit.",
        ),
        outbound_throttle_connections=(
            None,
            "Connections opened per second; 0 is no limit.",
        ),
    ),
    *rows(
        "throttle",
        DOMAIN | {"binding_group"},
        cluster_outbound_throttle_messages=(None, "Messages, cluster-wide."),
        cluster_outbound_throttle_connections=(None, "Connections, cluster-wide."),
    ),
    *rows(
        "int",
        DOMAIN,
        used=True,
        mx_failures_to_delay=(
            50,
            "Failures everywhere before a queue is delayed; 0 is never.",
        ),
    ),
    *rows(
        "int",
        DOMAIN,
        dns_failures_to_purge=(10, "Lookup failures before a queue is failed."),
        mx_failures_fallback_to_a=(3, "MX lookups before A records are used."),
    ),
    *rows(
        "size",
        DOMAIN,
        "seconds",
        used=True,
        host_failure_retry=(
            120,
            "Pause before a failed address is tried again; 0 is none.",
        ),
    ),
    *rows(
        "bool",
        SENDING,
        fully_resolve_before_smtp=(True, "Resolve every target before connecting."),
        migrate_connections_between_sibling_domains=(
            True,
            "Hand idle connections to another domain.",
        ),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("false", "true", "inline", "internal"),
        blackhole=("false", "Refuse (inline) or swallow (internal) what is sent here."),
    ),
    *rows(
        "choice",
        GLOBAL,
        choices=("normal", "suspended", "none"),
        default_binding=("normal", "What happens to messages without a binding."),
    ),
    *rows(
        "string",
        SENDING,
        used=True,
        ehlo_hostname=("__hostname__", "Name said in EHLO."),
    ),
    *rows(
        "string",
        SENDING,
        http_host=(None, "Host header of HTTP deliveries."),
        http_uri=(None, "Path of HTTP deliveries."),
        http_basic_auth=(None, "user:password of HTTP deliveries."),
        http_method=("POST", "Method of HTTP deliveries."),
        http_version=("1.1", "Version of HTTP deliveries."),
    ),
    *rows(
        "networks",
        GLOBAL,
        prohibited_hosts=(None, "Addresses that are never connected to."),
    ),
    *rows(
        "size",
        SENDING,
        max_recipients_per_batch=(100, "Recipients of one outbound transaction."),
    ),
)

RETRYING: tuple[Option, ...] = (
    *rows(
        "size",
        SENDING,
        "seconds",
        used=True,
        retry_interval=(
            1200,
            "Wait before the first retry; doubles each time. 0 retries at once.",
        ),
        max_retry_interval=(
            43200,
            "Longest wait between two attempts; 0 retries at once.",
        ),
        message_expiration=(
            86400,
            "Age at which a message is given up; 0 is once it cannot go at once.",
        ),
    ),
    *rows(
        "size",
        SENDING,
        used=True,
        choices=("auto", "none"),
        max_retries=(
            "auto",
            "Retries before giving up: a number, auto (as fit into the age), or none.",
        ),
    ),
    *rows(
        "bool",
        SENDING,
        used=True,
        never_retry=(False, "The first temporary failure is final."),
        never_attempt_expired_messages=(False, "Fail expired messages unattempted."),
    ),
    *rows(
        "size",
        BINDINGS | GLOBAL,
        "seconds",
        delayed_binding_domain_fuzz=(0, "Spread of delayed queues' next attempts."),
    ),
    *rows(
        "bool",
        SENDING,
        used=True,
        generate_bounces=(True, "Notify the sender of a permanent failure."),
    ),
    *rows(
        "bool",
        SENDING,
        generate_delay_dsn=(False, "Notify the sender of a delay."),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("headers", "none", "all"),
        bounces_inline_original=("headers", "How much of the original a bounce has."),
    ),
    *rows(
        "string",
        SENDING,
        used=True,
        mailerdaemon=(None, "From address of bounces."),
    ),
    *rows(
        "string",
        SENDING,
        mdn_failures_notify=(None, "Mailbox for bounces of null senders."),
    ),
    *rows(
        "size",
        SENDING,
        "seconds",
        delay_dsn_retry_interval=(3600, "Wait before the first delay notice."),
        delay_dsn_max_retry_interval=(43200, "Longest wait between delay notices."),
    ),
    *rows("bool", GLOBAL, async_bounce_rendering=(True, "Build bounces in a thread.")),
    *rows("size", GLOBAL, soft_bounce_drain_rate=(100, "Soft bounces per turn.")),
    *rows(
        "choice",
        DOMAIN,
        choices=("pass", "blackhole"),
        bounce_behavior=("pass", "What happens to incoming bounces."),
    ),
    *rows("regex", DOMAIN, bounce_pattern=(None, "Local parts that take bounces.")),
    *rows("string", GLOBAL, bounce_suppress_list=(None, "Codes without a bounce.")),
    *rows("size", GLOBAL, bounce_cache_size=(16384, "Entries of the bounce cache.")),
    *rows("size", GLOBAL, "seconds", bounce_cache_ttl=(60, "Age of cached bounces.")),
)

TLS: tuple[Option, ...] = (
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("no", "ifavailable", "required"),
        tls=("no", "TLS outbound; apn uses TLS whatever this says."),
    ),
    *rows(
        "path",
        _TLS | {"apns_simulator"},
        used=True,
        tls_certificate=(None, "Certificate (PEM); none cancels an inherited one."),
        tls_key=(None, "Key of the certificate (PEM), without a passphrase."),
    ),
    *rows(
        "string",
        _TLS,
        used=True,
        tls_ciphers=(None, "OpenSSL cipher list; unset is OpenSSL's own default."),
        tls_protocols=("+ALL", "TLS versions, such as +ALL:-TLSv1.0:-TLSv1.1."),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("no", "ca", "host"),
        tls_verify=("no", "Verify the peer: not, its CA, or CA and host name."),
    ),
    *rows("path", SENDING, used=True, tls_ca=(None, "Trusted certificates (PEM).")),
    *rows(
        "bool",
        SENDING,
        used=True,
        tls_ifavailable_fallback=(True, "Go on in clear when TLS fails (SMTP)."),
    ),
)

GCM: tuple[Option, ...] = (
    *rows(
        "string",
        SENDING,
        gcm_application_id=(None, "Application of Google notifications."),
        gcm_authorization_token_id=(None, "Key of Google notifications."),
    ),
    *rows(
        "bool",
        SENDING,
        gcm_delay_while_idle=(False, "Wait until the device is active."),
        gcm_dry_run=(False, "Test without delivering."),
    ),
    *rows("int", SENDING, "seconds", gcm_ttl=(-1, "Life of Google notifications.")),
)

MEMORY: tuple[Option, ...] = (
    *rows(
        "int",
        SENDING,
        used=True,
        max_resident_active_queue=(
            250,
            "Messages of a queue in memory; -1 all, 0 none.",
        ),
    ),
    *rows(
        "size",
        BINDINGS | GLOBAL,
        used=True,
        dynamic=False,
        max_resident_messages=(32768, "Messages in memory in all; 0 is no limit."),
    ),
    *rows(
        "size",
        SENDING,
        drop_body_after_trans_fail=(3, "Failures after which the body leaves memory."),
    ),
    *rows(
        "regexes",
        SENDING,
        exclude_vctx_conn=(None, "Connection context that is not spooled."),
        exclude_vctx_mess=(None, "Message context that is not spooled."),
    ),
)

SENDING_TABLE = (*ROUTING, *HTTP2, *RETRYING, *TLS, *GCM, *MEMORY)
