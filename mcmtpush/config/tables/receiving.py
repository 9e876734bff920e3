"""The options of the way in: listeners, relaying, limits, content rules.

Every row is `name=(default, help)` below what its group shares.  The module
knows no scope instances and reads nothing.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from mcmtpush.config.tables.declaration import (
    GLOBAL,
    HTTP,
    LISTENERS,
    PATHWAYS,
    RECEIVING,
    SENDING,
    Option,
    rows,
)


_SOCKET = LISTENERS | {"listen"}
_EVERY = GLOBAL | RECEIVING
_WAYS = GLOBAL | PATHWAYS
_CHECKS = RECEIVING | {"control_listener", "http_listener"}
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

SOCKETS: tuple[Option, ...] = (
    *rows(
        "bool",
        _SOCKET,
        used=True,
        dynamic=False,
        enable=(True, "Whether it listens at all."),
    ),
    *rows(
        "size",
        _SOCKET,
        used=True,
        dynamic=False,
        listen_backlog=(500, "Connections the system holds before they are taken."),
    ),
    *rows(
        "perms",
        _SOCKET,
        used=True,
        dynamic=False,
        file_mode=(0o660, "Mode of a Unix socket, octal."),
    ),
    *rows(
        "bool",
        _SOCKET | GLOBAL,
        used=True,
        dynamic=False,
        disable_nagle_algorithm=(False, "Send small packets at once."),
    ),
    *rows(
        "size",
        _SOCKET,
        accept_queue_backlog=(0, "Length of the accept thread's queue."),
        concurrency=(0, "Accept threads."),
        events_per_iter=(0, "Connections accepted at a turn."),
    ),
    *rows(
        "size",
        _SOCKET,
        "bytes",
        tcp_recv_buffer_size=(4096, "Receive buffer of the socket."),
        tcp_send_buffer_size=(4096, "Send buffer of the socket."),
    ),
    *rows("string", _SOCKET, pool_name=(None, "Thread pool of the listener.")),
    *rows(
        "string",
        frozenset({"esmtp_listener", "ecstream_listener", "listen"}),
        dynamic=False,
        event_loop=(None, "Event loop of the listener."),
    ),
)

SESSIONS: tuple[Option, ...] = (
    *rows(
        "choice",
        RECEIVING,
        used=True,
        choices=("allow", "reject", "passthru"),
        mcmt_reception=("passthru", "What happens to multi-channel messages."),
    ),
    *rows(
        "bool",
        frozenset({"esmtp_listener", "http_listener", "listen", "peer"}),
        used=True,
        mcmt_push_only=(True, "Accept push parts without mail for apn domains."),
    ),
    *rows(
        "size",
        RECEIVING | HTTP,
        "seconds",
        used=True,
        idle_time=(0, "Silence after which a client is hung up on; 0 is never."),
    ),
    *rows(
        "size",
        RECEIVING,
        used=True,
        listener_sessions=(0, "Sessions at once on this listener; 0 is no limit."),
        service_sessions=(0, "Sessions at once on all listeners; 0 is no limit."),
        max_recipients_per_message=(0, "Recipients of a message; 0 is no limit."),
    ),
    *rows(
        "size",
        _EVERY,
        used=True,
        max_receptions_per_connection=(0, "Messages of a connection; 0 is no limit."),
    ),
    *rows(
        "size",
        frozenset({"esmtp_listener", "listen", "peer"}) | SENDING,
        used=True,
        max_recipients_per_connection=(0, "Recipients of a connection; 0 is no limit."),
    ),
    *rows(
        "size",
        RECEIVING,
        "bytes",
        used=True,
        max_message_size=(0, "Largest message; 0 is no limit."),
    ),
    *rows(
        "string",
        RECEIVING,
        used=True,
        banner_hostname=(None, "Host name in the banner; unset is hostname."),
        received_hostname=(None, "Host name in Received; unset is hostname."),
        static_banner=(None, "The whole banner; begins with 220."),
    ),
    *rows(
        "dict",
        RECEIVING,
        used=True,
        context=(None, "Connection context that every session starts with."),
    ),
    *rows(
        "list",
        RECEIVING,
        used=True,
        smtp_extensions=(None, "EHLO keywords to offer, such as STARTTLS."),
    ),
    *rows(
        "bool",
        _EVERY,
        used=True,
        require_ehlo=(False, "Refuse commands before EHLO or HELO."),
        allow_null_envelope_sender=(True, "Accept MAIL FROM:<>."),
        allow_ip_literal=(True, "Accept user@[192.0.2.1]."),
        allow_trailing_whitespace_in_commands=(False, "Accept blanks at line ends."),
    ),
    *rows(
        "string",
        frozenset({"esmtp_listener"}),
        reconfig_message=(
            "4.3.2 Reconfiguration in progress",
            "Said when a session is cut by a new configuration.",
        ),
    ),
    *rows(
        "string",
        frozenset({"esmtp_listener", "ecstream_listener", "listen", "peer"}),
        used=True,
        pathway=(None, "Pathway of the sessions."),
    ),
    *rows(
        "string",
        _EVERY,
        domain_for_unqualified_sender_address=(None, "Completes a bare sender."),
        domain_for_unqualified_recipient_addresses=(None, "Completes bare recipients."),
    ),
    *rows(
        "throttle", _WAYS, inbound_throttle_messages=(None, "Receptions per second.")
    ),
    *rows("size", HTTP, "bytes", max_request_size=(None, "Largest HTTP request.")),
    *rows(
        "bool",
        HTTP,
        log_requests_to_paniclog=(False, "One diagnostic line for each request."),
        disable_chunked=(False, "No chunked answers."),
    ),
    *rows(
        "size",
        frozenset({"control_listener", "listen", "peer"}),
        "seconds",
        timeout=(60, "Silence after which a console is closed."),
    ),
    *rows(
        "size",
        frozenset({"ecstream_listener", "listen", "peer"}) | PATHWAYS,
        "seconds",
        ecstream_idle_time=(300, "Silence on ECStream."),
    ),
    *rows(
        "size",
        frozenset({"ecstream_listener", "listen", "peer"}) | PATHWAYS,
        ecstream_max_batch_size=(10000, "Recipients of an ECStream batch."),
    ),
)

TRUST: tuple[Option, ...] = (
    *rows(
        "networks",
        _EVERY,
        used=True,
        relay_hosts=(_LOOPBACK, "Clients that may send anywhere."),
    ),
    *rows(
        "globs",
        _WAYS,
        used=True,
        relay_domains=(None, "Recipient domains anybody may send to."),
    ),
    *rows(
        "globs",
        RECEIVING,
        used=True,
        relay_for_sending_domains=(None, "Sender domains that may send anywhere."),
    ),
    *rows("bool", RECEIVING, used=True, open_relay=(False, "Relay for everybody.")),
    *rows(
        "choice",
        RECEIVING,
        used=True,
        choices=("reject", "ignore", "allow"),
        starttls_injection_policy=("reject", "Commands that came behind STARTTLS."),
    ),
    *rows(
        "bool",
        RECEIVING | HTTP | {"ecstream_listener"},
        used=True,
        use_ssl=(False, "TLS from the first byte."),
    ),
    *rows(
        "path",
        _EVERY | HTTP | {"ecstream_listener"},
        used=True,
        tls_client_ca=(None, "Certificates that clients are verified with (PEM)."),
    ),
    *rows(
        "choice",
        RECEIVING | HTTP | {"ecstream_listener"},
        used=True,
        choices=("none", "require"),
        tls_verify_mode=(None, "Client certificates; unset verifies what is offered."),
    ),
    *rows(
        "bool",
        RECEIVING | {"ecstream_listener"},
        used=True,
        tls_verified_peer_can_relay=(False, "A verified client may relay."),
    ),
    *rows(
        "bool",
        HTTP - {"pathway_group"},
        tls_verified_peer_is_authorized=(False, "A verified client is authorised."),
    ),
    *rows(
        "bool",
        RECEIVING | HTTP | {"ecstream_listener"},
        tls_allow_renegotiation=(True, "Let clients renegotiate TLS."),
    ),
    *rows("path", GLOBAL, tls_dhparams_file=(None, "Diffie-Hellman parameters.")),
    *rows("bool", GLOBAL, tls_enable_dhe_ciphers=(True, "Offer DHE ciphers.")),
    *rows("globs", _WAYS, bounce_domains=(None, "Domains that take bounces.")),
    *rows(
        "bool",
        _WAYS,
        generate_bounces_for_multi_recipient_policy_rejections=(
            True,
            "Bounce what policy refuses for some recipients.",
        ),
    ),
    *rows(
        "bool",
        _CHECKS,
        enable_authentication=(None, "Ask for authentication."),
        always_allow=(False, "Every authentication succeeds."),
        always_deny=(False, "Every authentication fails."),
    ),
    *rows(
        "dict",
        frozenset({"control_listener", "esmtp_listener", "listen"}) | PATHWAYS,
        authloginparameters=(None, "Where LOGIN finds its passwords."),
        authcrammd5parameters=(None, "Where CRAM-MD5 finds its passwords."),
    ),
    *rows(
        "dict",
        frozenset({"http_listener", "esmtp_listener", "listen"}) | PATHWAYS,
        authplainparameters=(None, "Where PLAIN finds its passwords."),
    ),
    *rows("dict", _CHECKS, authdigestmd5parameters=(None, "Where DIGEST-MD5 looks.")),
    *rows(
        "bool",
        frozenset({"control_listener", "listen", "peer"}),
        enable_authorization=(None, "Ask what a console user may do."),
    ),
    *rows(
        "dict",
        frozenset({"control_listener", "esmtp_listener", "listen"}),
        authorizationparameters=(None, "Where authorisation finds its groups."),
    ),
)

CONTENT: tuple[Option, ...] = (
    *rows(
        "choice",
        _WAYS,
        used=True,
        choices=("reject", "allow"),
        rfc2822_missing_headers=("reject", "Mail without From or Date."),
    ),
    *rows(
        "choice",
        _WAYS,
        used=True,
        choices=("pedantic", "fix"),
        rfc2822_lone_lf_in_headers=("pedantic", "Lone LF in the headers."),
    ),
    *rows(
        "choice",
        _WAYS,
        used=True,
        choices=("ignore", "pedantic", "fix"),
        rfc2822_lone_lf_in_body=("ignore", "Lone LF in the body."),
    ),
    *rows(
        "bool",
        _WAYS,
        used=True,
        rfc2822_trace_headers=(True, "Add Received and set Return-Path."),
    ),
    *rows(
        "bool",
        _WAYS,
        rfc2821_pedantic_address_rules=(True, "Check addresses to the letter."),
        rfc2821_allow_whitespace_in_envelope=(False, "Blanks around addresses."),
    ),
    *rows(
        "choice",
        _WAYS,
        choices=("ignore", "pedantic", "ifneeded"),
        rfc2822_date_header=("ifneeded", "Mail without Date."),
    ),
    *rows(
        "choice",
        _WAYS,
        choices=("ignore", "ifneeded"),
        rfc2822_messageid_header=("ifneeded", "Mail without Message-ID."),
    ),
    *rows(
        "size",
        _WAYS,
        choices=("ignore", "pedantic", "fix"),
        rfc2822_max_line_length=("ignore", "Longest line: a number or a rule."),
    ),
    *rows(
        "choice",
        _WAYS,
        choices=("none", "fix", "reject"),
        rfc2822_max_line_length_policy=("none", "What happens to longer lines."),
    ),
    *rows("string", _WAYS, default_charset=("us-ascii", "Charset of unmarked text.")),
    *rows("list", _WAYS | {"domain"}, alias_schemes=(None, "Alias lookups.")),
)

RECEIVING_TABLE = (*SOCKETS, *SESSIONS, *TRUST, *CONTENT)
