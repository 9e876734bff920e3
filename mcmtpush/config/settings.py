"""The configuration as the rest of the program is told it: complete, typed views.

Turns look-ups (`config.scopes`) into the values of `config.views`, and keeps the
results: one for each chain of scopes, shared by all queues and clients that fall back
along it.  It trusts that the tree passed every check: what is wrong with a
configuration is for `config.lint` to say, with its place.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from mcmtpush.config.addresses import parse_listen, parse_route
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.push import push_settings
from mcmtpush.config.scopes import DEFAULT, Fallback, Resolved, resolve
from mcmtpush.config.share import Shares
from mcmtpush.config.tree import Scope
from mcmtpush.config.units import in_seconds
from mcmtpush.config.views import (
    DeliverySettings,
    ListenSettings,
    LoggerSettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
    Route,
    ScriptSettings,
    SimulatorSettings,
    TlsClientSettings,
    TlsServerSettings,
)
from mcmtpush.values import QueueKey


LISTENER = "esmtp_listener"
"""The kind of listener that this version opens."""

SCRIPT_LANGUAGES: Final[Mapping[str, Literal["lua", "python"]]] = {
    "scriptlet": "lua",
    "python": "python",
}
"""What the scripts in these scopes are written in."""

_MOST_KEPT = 16384
"""Chains and views that are kept: domains and clients come from strangers."""

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

_LISTEN_SAME = ("file_mode", "disable_nagle_algorithm", "protocol")
_LOGGER_SAME = (
    "logfile",
    "logmode",
    "enabled",
    "log_delivery",
    "log_tempfail",
    "log_permfail",
    "log_delivery_format",
    "log_tempfail_format",
    "log_permfail_format",
    "log_heartbeat_format",
)

Chain = tuple[Scope, ...]
"""The scopes asked, nearest first.  A view says what holds for its chain, no more."""

Ask = Callable[[str], Any]
"""Option name in, value out, within one chain of scopes."""


class Configuration:
    """One configuration that passed every check; it never changes.

    Attributes:
        root: the tree it was made from.
        hostname: name of this machine, where `hostname` is not configured.
        folders: where scripts are looked for that are not beside their stanza.
    """

    def __init__(
        self, root: Scope, hostname: str = "localhost", folders: Sequence[str] = ()
    ) -> None:
        self.root = root
        self.hostname = hostname
        self.folders = tuple(folders)
        self._fallback = Fallback(root)
        self._shares = Shares()
        keep = lru_cache(maxsize=_MOST_KEPT)
        self._sending: Callable[[QueueKey], Chain] = keep(self._fallback.sending)
        self._receiving: Callable[[str, str], Chain] = keep(self._make_receiving)
        self._queue: Callable[[Chain], QueueSettings] = keep(self._make_queue)
        self._delivery: Callable[[Chain], DeliverySettings] = keep(self._make_delivery)
        self._reception: Callable[[Chain], ReceptionSettings] = keep(
            self._make_reception
        )
        self._routing_key: Callable[[str], QueueKey] = keep(self._make_routing_key)
        self._process: ProcessSettings | None = None

    def process(self) -> ProcessSettings:
        """What the process as a whole needs."""
        if self._process is None:
            self._process = self._make_process()
        return self._process

    def queue(self, key: QueueKey) -> QueueSettings:
        """How one queue retries and gives up."""
        return self._queue(self._sending(key))

    def delivery(self, key: QueueKey) -> DeliverySettings:
        """How one queue reaches its gateway."""
        return self._delivery(self._sending(key))

    def reception(self, listen_address: str, peer_ip: str) -> ReceptionSettings:
        """What holds for a client of the listen that is named so in any spelling.

        `peer_ip` is without port; it does not matter for a Unix socket.
        """
        return self._reception(self._receiving(listen_address, peer_ip))

    def routing_key(self, domain: str) -> QueueKey:
        """The queue of a recipient domain that nobody assigned elsewhere."""
        return self._routing_key(domain)

    # -- the sending chain --------------------------------------------------------

    def _make_routing_key(self, domain: str) -> QueueKey:
        key = QueueKey(DEFAULT, DEFAULT, domain.lower())
        gateway = _asking(self._sending(key))("gateway")
        return key._replace(domain=gateway.lower()) if gateway else key

    def _make_queue(self, chain: Chain) -> QueueSettings:
        ask = _asking(chain)
        method = ask("delivery_method")
        # A module that is switched off leaves its messages queued.
        passive = method == "apn" and not self.process().apn_enabled
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

    def _make_delivery(self, chain: Chain) -> DeliverySettings:
        ask = _asking(chain)
        own_name = ask("ehlo_hostname") in _OWN_NAMES
        routes = read_routes(ask("routes"))
        return DeliverySettings(
            delivery_method=ask("delivery_method"),
            routes=routes,
            tls=_tls_client(ask),
            tls_mode=ask("tls"),
            tls_ifavailable_fallback=ask("tls_ifavailable_fallback"),
            bind_address=_unless(ask("bind_address"), "*"),
            ehlo_hostname=self.process().hostname if own_name else ask("ehlo_hostname"),
            **push_settings(lambda name: resolve(OPTIONS[name], chain), routes),
            **self._shared(chain),
            **_connections(ask),
        )

    def _shared(self, chain: Chain) -> dict[str, Any]:
        """What this queue has together with others."""

        def found(name: str) -> Resolved:
            return resolve(OPTIONS[name], chain)

        shares = self._shares
        server = found("server_max_outbound_connections")
        # The global one holds for the process, whoever is asked.
        own = server.scope is not None and server.scope is not self.root
        return {
            "message_throttle": shares.throttle(found("outbound_throttle_messages")),
            "connection_throttle": shares.throttle(
                found("outbound_throttle_connections")
            ),
            "scope_limit": shares.limit(found("scope_max_outbound_connections")),
            "binding_limit": shares.limit(server) if own else None,
        }

    def feedback_domains(self) -> list[str]:
        """The domains, by name, whose feedback service is to be polled."""
        names = [scope.name or "" for scope in self.root.of_kind("domain")]
        return [
            name.lower()
            for name in names
            if not name.startswith("/")
            and _is_polled(self.delivery(self.routing_key(name)))
        ]

    # -- the receiving chain ------------------------------------------------------

    def _make_receiving(self, listen: str, peer: str) -> Chain:
        return self._fallback.receiving(listen, peer, LISTENER)

    def _make_reception(self, chain: Chain) -> ReceptionSettings:
        ask = _asking(chain)
        context: Mapping[str, str] = ask("context") or {}
        return ReceptionSettings(
            mcmt_reception=mcmt_reception(ask("mcmt_reception"), context),
            hostname=self.process().hostname,
            idle_seconds=ask("idle_time"),
            context=context,
            smtp_extensions=ask("smtp_extensions") or (),
            relay_hosts=ask("relay_hosts") or (),
            relay_domains=ask("relay_domains") or (),
            tls=_tls_server(ask),
            **{name: ask(name) for name in _RECEPTION_SAME},
        )

    # -- the process --------------------------------------------------------------

    def _make_process(self) -> ProcessSettings:
        ask = _asking([self.root])
        return ProcessSettings(
            hostname=ask("hostname") or self.hostname,
            spoolbase=ask("spoolbase"),
            spool_mode=ask("spool_mode"),
            force_fsync=ask("force_fsync"),
            apn_enabled=any(is_on(scope) for scope in self.root.of_kind("apn")),
            workers=ask("workers"),
            max_resident_messages=ask("max_resident_messages"),
            memory_goal_percent=ask("memory_goal"),
            memory_hwm_percent=ask("memory_hwm"),
            delayed_queue_scan_interval_seconds=ask("delayed_queue_scan_interval"),
            server_limit=ask("server_max_outbound_connections"),
            token_events=ask("token_events"),
            token_events_mode=ask("token_events_mode"),
            listens=self._listens(),
            loggers=tuple(map(_logger, self.root.of_kind("apn_logger"))),
            simulator=self._simulator(),
            scripts=read_scripts(self.root, self.folders),
        )

    def _listens(self) -> tuple[ListenSettings, ...]:
        return tuple(
            self._listen(scope, self._fallback.receiving(scope.name, None, LISTENER))
            for scope in open_listens(self.root, LISTENER)
        )

    def _listen(self, scope: Scope, chain: Iterable[Scope]) -> ListenSettings:
        ask = _asking(chain)
        name = scope.name or ""
        address = parse_listen(name)
        return ListenSettings(
            address=name,
            host=address.host,
            port=address.port,
            path=address.path,
            backlog=ask("listen_backlog"),
            **{name: ask(name) for name in _LISTEN_SAME},
        )

    def _simulator(self) -> SimulatorSettings | None:
        scopes = list(filter(is_on, self.root.of_kind("apns_simulator")))
        if not scopes:
            return None
        ask = _asking(scopes)
        return SimulatorSettings(
            listens=tuple(
                self._listen(listen, [listen, self.root])
                for listen in open_listens(self.root, "apns_simulator")
            ),
            certificate=_unless(ask("tls_certificate"), "none"),
            key=_unless(ask("tls_key"), "none"),
            journal=ask("journal"),
            script=ask("script"),
        )


def is_on(scope: Scope) -> bool:
    """Whether a module, listener or listen is neither disabled nor switched off."""
    ask = _asking([scope])
    return bool(ask("enable") and ask("enabled"))


def open_listens(root: Scope, kind: str) -> Iterator[Scope]:
    """The listen stanzas of a kind of listener that are to be opened, in order."""
    for listener in filter(is_on, root.of_kind(kind)):
        yield from filter(is_on, listener.of_kind("listen"))


def read_scripts(root: Scope, folders: Sequence[str]) -> tuple[ScriptSettings, ...]:
    """The scripts of policy in the order of their stanzas; those without a source not.

    `folders` are looked in behind the one of the stanza's file.
    """
    found = []
    for scope in filter(is_on, root.of_kind(*SCRIPT_LANGUAGES)):
        ask = _asking([scope])
        for script in scope.of_kind("script"):
            source = resolve(OPTIONS["source"], [script])
            if source.setting is None or not source.value or script.place is None:
                continue
            beside = posixpath.dirname(source.setting.place.file)
            own = (beside, *folders)
            found.append(
                ScriptSettings(
                    name=script.name or "",
                    language=SCRIPT_LANGUAGES[scope.kind],
                    source=source.value,
                    folders=tuple(dict.fromkeys(map(posixpath.abspath, own))),
                    file=script.place.file,
                    line=script.place.line,
                    column=script.place.column,
                    memory_limit=ask("memory_limit"),
                    instruction_limit=ask("instruction_limit"),
                )
            )
    return tuple(found)


def mcmt_reception(value: Any, context: Mapping[str, str]) -> Any:
    """The connection context of this name beats the option."""
    by_context = context.get("mcmt_reception", "").lower()
    choices = OPTIONS["mcmt_reception"].choices or ()
    return by_context if by_context in choices else value


def read_routes(texts: Iterable[str] | None) -> tuple[Route, ...]:
    """The routes most preferred first, those of equal preference in their order."""
    routes = [parse_route(text, place) for place, text in enumerate(texts or ())]
    return tuple(sorted(routes, key=lambda route: route.preference))


def _asking(chain: Iterable[Scope]) -> Ask:
    scopes = tuple(chain)
    return lambda name: resolve(OPTIONS[name], scopes).value


def _is_polled(settings: DeliverySettings) -> bool:
    return settings.feedback_route is not None and settings.delivery_method == "apn"


def _unless(value: str | None, word: str) -> str | None:
    return None if value == word else value


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
        certificate=_unless(ask("tls_certificate"), "none"),
        key=_unless(ask("tls_key"), "none"),
        ca=_unless(ask("tls_ca"), "none"),
        verify=ask("tls_verify"),
        ciphers=_unless(ask("tls_ciphers"), "DEFAULT"),
        protocols=ask("tls_protocols"),
    )


def _tls_server(ask: Ask) -> TlsServerSettings:
    return TlsServerSettings(
        certificate=_unless(ask("tls_certificate"), "none"),
        key=_unless(ask("tls_key"), "none"),
        ciphers=_unless(ask("tls_ciphers"), "DEFAULT"),
        protocols=ask("tls_protocols"),
        client_ca=_unless(ask("tls_client_ca"), "none"),
        verify_mode=ask("tls_verify_mode"),
        use_ssl=ask("use_ssl"),
    )


def _logger(scope: Scope) -> LoggerSettings:
    ask = _asking([scope])
    return LoggerSettings(
        name=scope.name or "",
        heartbeat_seconds=ask("heartbeat"),
        **{name: ask(name) for name in _LOGGER_SAME},
    )
