"""What each part of the program is told of the configuration.

Frozen, typed, complete: nobody downstream looks an option up by name.  All
durations are seconds (`config.units` did the conversion), all sizes bytes, all
paths absolute.  `config.settings` fills these in.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from attrs import field, frozen


Network = IPv4Network | IPv6Network


@frozen
class Route:
    """One item of `routes`: `scheme://host[:port][/path]?pref=P&port=O&ttl=T`.

    `preference`: lower first; without `pref` the position in the list.
    `scheme` is lower case, empty for a bare host.  Without a port `apn2` has 443.
    """

    scheme: str
    host: str
    port: int | None
    preference: int


@frozen
class TlsClientSettings:
    """TLS towards a gateway.  A missing value is None."""

    certificate: str | None = None
    key: str | None = None
    ca: str | None = None
    verify: Literal["no", "ca", "host"] = "no"
    ciphers: str | None = None
    protocols: str = "+ALL"


@frozen
class KeySettings:
    """What provider tokens are made with: a key's file, its id and its team's."""

    file: str
    key_id: str
    team_id: str


@frozen
class ProxySettings:
    """An HTTP proxy; `authorization` is the whole value of `Proxy-Authorization`."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


@frozen
class QueueSettings:
    """How one (binding, domain) queues, retries and gives up."""

    delivery_method: str = "esmtp"
    retry_interval_seconds: int = 1200
    max_retry_interval_seconds: int = 43200
    max_retries: int | Literal["auto", "none"] = "auto"
    message_expiration_seconds: int = 86400
    never_retry: bool = False
    never_attempt_expired_messages: bool = False
    suspend_delivery: bool = False
    max_resident_active_queue: int = 250
    ambiguous_policy: Literal["resend", "hold", "drop"] = "resend"
    blackhole: Literal["false", "inline", "internal"] = "false"
    dead_letter_retention_seconds: int = 604800
    generate_bounces: bool = True
    bounces_inline_original: Literal["headers", "none", "all"] = "headers"
    mailerdaemon: str | None = None


@frozen
class GuardSettings:
    """When a lane suspends itself: nearly nothing but invalid tokens.

    `first`: so many answers at the start, all of them; 0 = off.  `share`: of the
    last `window` answers, from 0 to 1; 0 = off.
    """

    first: int = 20
    window: int = 100
    share: float = 0.8


@frozen
class ThrottleSettings:
    """At most `count` in any `per_seconds`.

    `definition` stands for the option of one stanza: who falls back to it shares the
    bucket, whatever the rate is once the configuration was read again.
    """

    count: int
    per_seconds: float
    definition: Hashable = field(factory=object, repr=False)


@frozen
class LimitSettings:
    """At most `count` connections; counted together by `definition`, as above."""

    count: int
    definition: Hashable = field(factory=object, repr=False)


@frozen
class DeliverySettings:
    """How one (binding, domain) reaches its gateway.

    What `key` to `manage_route` say is for routes over HTTP/2.  A connection with a
    `key` presents no certificate: Apple would not look at the tokens.
    `response_timeout_seconds` is for the binary interface, whose silence means
    acceptance; `request_timeout_seconds` for HTTP/2, which always answers.
    `idle_timeout_seconds` and `http2_idle_seconds` differ likewise: Apple wants its
    connections kept.
    """

    delivery_method: str = "esmtp"
    routes: tuple[Route, ...] = ()
    tls: TlsClientSettings = TlsClientSettings()
    bind_address: str | None = None
    apn_expiry_seconds: int = 604800
    response_timeout_seconds: float = 5.0
    idle_timeout_seconds: int = 5
    connect_timeout_seconds: int = 300
    max_outbound_connections: int = 32
    max_deliveries_per_connection: int = 0
    connection_aggressiveness: float = 0.3
    host_failure_retry_seconds: int = 120
    mx_failures_to_delay: int = 50
    connect_timeout_to_delay_seconds: int = 900
    flush_interval_seconds: int = 60
    unsettled_limit: int = 50_000
    unsettled_bytes: int = 32 * 1024 * 1024
    guard: GuardSettings = GuardSettings()
    message_throttle: ThrottleSettings | None = None
    connection_throttle: ThrottleSettings | None = None
    scope_limit: LimitSettings | None = None
    binding_limit: LimitSettings | None = None
    feedback_route: Route | None = None
    feedback_interval_seconds: int = 86400
    tls_mode: Literal["no", "ifavailable", "required"] = "no"
    tls_ifavailable_fallback: bool = True
    ehlo_hostname: str | None = None
    key: KeySettings | None = None
    topic: str | None = None
    push_type: str = "alert"
    priority: int | None = None
    collapse_id: str | None = None
    proxy: ProxySettings | None = None
    request_timeout_seconds: float = 30.0
    http2_idle_seconds: int = 3600
    manage_route: Route | None = None


@frozen
class TlsServerSettings:
    """TLS on a listener; `certificate` None means no TLS here."""

    certificate: str | None = None
    key: str | None = None
    ciphers: str | None = None
    protocols: str = "+ALL"
    client_ca: str | None = None
    verify_mode: Literal["none", "require"] | None = None
    use_ssl: bool = False


@frozen
class ReceptionSettings:
    """What holds for one client (peer address) on one listen; 0 = no limit."""

    mcmt_reception: Literal["allow", "reject", "passthru"] = "passthru"
    mcmt_push_only: bool = True
    hostname: str = "localhost"
    banner_hostname: str | None = None
    static_banner: str | None = None
    received_hostname: str | None = None
    idle_seconds: int = 0
    listener_sessions: int = 0
    service_sessions: int = 0
    max_receptions_per_connection: int = 0
    max_recipients_per_connection: int = 0
    max_recipients_per_message: int = 0
    max_message_size: int = 0
    context: Mapping[str, str] = field(factory=dict)
    smtp_extensions: tuple[str, ...] = ()
    relay_hosts: tuple[Network, ...] = ()
    relay_domains: tuple[str, ...] = ()
    relay_for_sending_domains: tuple[str, ...] | None = None
    open_relay: bool = False
    require_ehlo: bool = False
    allow_null_envelope_sender: bool = True
    allow_ip_literal: bool = True
    allow_trailing_whitespace_in_commands: bool = False
    rfc2822_missing_headers: Literal["reject", "allow"] = "reject"
    rfc2822_lone_lf_in_headers: Literal["pedantic", "fix"] = "pedantic"
    rfc2822_lone_lf_in_body: Literal["ignore", "pedantic", "fix"] = "ignore"
    rfc2822_trace_headers: bool = True
    starttls_injection_policy: Literal["reject", "ignore", "allow"] = "reject"
    tls_verified_peer_can_relay: bool = False
    tls: TlsServerSettings = TlsServerSettings()


@frozen
class ListenSettings:
    """One socket to listen on.

    Exactly one of `path` and `port` is given.  `host` is "" for every IPv4
    address and "::" for every IPv6 address.  `address` is the stanza's name.
    `protocol` is what the simulator speaks there: "apn2" is HTTP/2.
    """

    address: str
    host: str = ""
    port: int | None = None
    path: str | None = None
    file_mode: int = 0o660
    backlog: int = 500
    disable_nagle_algorithm: bool = False
    protocol: Literal["apn", "apn2"] = "apn"


@frozen
class LoggerSettings:
    """One `apn_logger`."""

    name: str
    logfile: str
    logmode: int = 0o644
    enabled: bool = True
    heartbeat_seconds: int = 60
    log_delivery: bool = True
    log_tempfail: bool = True
    log_permfail: bool = True
    log_delivery_format: str = '%t@D@%i@"%sa"@"%da"@%d@%g@%b@%H@%B@%ti'
    log_tempfail_format: str = '%t@T@%i@"%sa"@"%da"@%d@%g@%b@%H@%B@%ti@%S@%e'
    log_permfail_format: str = "%t@P@%i@%sa@%da@%d@%g@%b@%H@%S@%e"
    log_heartbeat_format: str = "%t@M"


@frozen
class SimulatorSettings:
    """The embedded `apns_simulator`."""

    listens: tuple[ListenSettings, ...] = ()
    certificate: str | None = None
    key: str | None = None
    journal: str | None = None
    script: str | None = None


@frozen
class ScriptSettings:
    """One script of policy.

    Attributes:
        name: of the stanza.
        language: how it is written.
        source: a module's name, relative to one of `folders`, or an absolute path.
        folders: where it is looked for, in order.
        file, line, column: of the stanza.
        memory_limit, instruction_limit: of all Lua scripts together, in bytes, and of
            one call; 0 is no limit.
    """

    name: str
    language: Literal["lua", "python"]
    source: str
    folders: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    column: int = 0
    memory_limit: int = 67108864
    instruction_limit: int = 10000000


@frozen
class ProcessSettings:
    """What the process as a whole needs."""

    hostname: str
    spoolbase: str
    spool_mode: int = 0o640
    force_fsync: bool = True
    apn_enabled: bool = True
    max_resident_messages: int = 32768
    memory_goal_percent: float = 90
    memory_hwm_percent: float = 95
    delayed_queue_scan_interval_seconds: int = 15
    server_limit: int = 20000
    token_events: str | None = None
    token_events_mode: int = 0o640
    listens: tuple[ListenSettings, ...] = ()
    loggers: tuple[LoggerSettings, ...] = ()
    simulator: SimulatorSettings | None = None
    scripts: tuple[ScriptSettings, ...] = ()
    workers: int | Literal["auto"] = 1
