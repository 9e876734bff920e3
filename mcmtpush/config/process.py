"""What the process as a whole is told: views made from the root, and its stanzas.

Trusts that the tree passed every check.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcmtpush.config.chain import asking, unless
from mcmtpush.config.listen import LISTENER, is_on, listen_settings, open_listens
from mcmtpush.config.scopes import Fallback
from mcmtpush.config.script import read_scripts
from mcmtpush.config.tree import Scope
from mcmtpush.config.views import (
    ListenSettings,
    LoggerSettings,
    ProcessSettings,
    SimulatorSettings,
)


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
"""Options whose view has their name and their value."""


def process_settings(
    root: Scope, fallback: Fallback, hostname: str, folders: Sequence[str]
) -> ProcessSettings:
    """`hostname` and `folders` are those of `Configuration`."""
    ask = asking([root])
    return ProcessSettings(
        hostname=ask("hostname") or hostname,
        spoolbase=ask("spoolbase"),
        spool_mode=ask("spool_mode"),
        force_fsync=ask("force_fsync"),
        apn_enabled=any(is_on(scope) for scope in root.of_kind("apn")),
        workers=ask("workers"),
        max_resident_messages=ask("max_resident_messages"),
        memory_goal_percent=ask("memory_goal"),
        memory_hwm_percent=ask("memory_hwm"),
        delayed_queue_scan_interval_seconds=ask("delayed_queue_scan_interval"),
        server_limit=ask("server_max_outbound_connections"),
        token_events=ask("token_events"),
        token_events_mode=ask("token_events_mode"),
        listens=_listens(root, fallback),
        loggers=tuple(map(_logger, root.of_kind("apn_logger"))),
        simulator=_simulator(root),
        scripts=read_scripts(root, folders),
    )


def _listens(root: Scope, fallback: Fallback) -> tuple[ListenSettings, ...]:
    return tuple(
        listen_settings(scope, fallback.receiving(scope.name, None, LISTENER))
        for scope in open_listens(root, LISTENER)
    )


def _simulator(root: Scope) -> SimulatorSettings | None:
    scopes = list(filter(is_on, root.of_kind("apns_simulator")))
    if not scopes:
        return None
    ask = asking(scopes)
    return SimulatorSettings(
        listens=tuple(
            listen_settings(listen, [listen, root])
            for listen in open_listens(root, "apns_simulator")
        ),
        certificate=unless(ask("tls_certificate"), "none"),
        key=unless(ask("tls_key"), "none"),
        journal=ask("journal"),
        script=ask("script"),
    )


def _logger(scope: Scope) -> LoggerSettings:
    ask = asking([scope])
    return LoggerSettings(
        name=scope.name or "",
        heartbeat_seconds=ask("heartbeat"),
        **{name: ask(name) for name in _LOGGER_SAME},
    )
