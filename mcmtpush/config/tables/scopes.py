"""The scope kinds, this program's and those of the original it recognises."""

from __future__ import annotations

from mcmtpush.config.tables.declaration import BINDINGS, GLOBAL, LISTENERS, ScopeKind


def _kind(
    name: str,
    text: str,
    stands_in: frozenset[str] = GLOBAL,
    *,
    anonymous: bool = True,
    used: bool = True,
) -> ScopeKind:
    return ScopeKind(name, anonymous, stands_in, used, checked=True, help=text)


_LISTEN = LISTENERS | {"apns_simulator"}

SCOPE_KINDS: tuple[ScopeKind, ...] = (
    ScopeKind("global", True, frozenset(), True, True, "The file itself."),
    _kind("binding_group", "A group of bindings.", anonymous=False),
    _kind(
        "binding",
        "A way out: its own queues and source address.",
        GLOBAL | {"binding_group"},
        anonymous=False,
    ),
    _kind(
        "domain",
        "A recipient domain, or /regex/.",
        GLOBAL | BINDINGS,
        anonymous=False,
    ),
    _kind(
        "host",
        "A target host.",
        GLOBAL | BINDINGS,
        anonymous=False,
        used=False,
    ),
    _kind("esmtp_listener", "Reception by SMTP."),
    _kind("http_listener", "Reception by HTTP.", used=False),
    _kind("control_listener", "The operators' console.", used=False),
    _kind("ecstream_listener", "Reception by ECStream.", used=False),
    _kind("listen", "One socket, such as 127.0.0.1:2525.", _LISTEN, anonymous=False),
    _kind(
        "peer",
        "Clients from one block of addresses.",
        LISTENERS | {"listen"},
        anonymous=False,
    ),
    _kind("pathway_group", "A group of pathways.", anonymous=False),
    _kind(
        "pathway",
        "A way in: its own limits.",
        GLOBAL | {"pathway_group"},
        anonymous=False,
    ),
    _kind("security", "User and rights after the start.", used=False),
    _kind("debug_flags", "Which parts report what.", used=False),
    _kind("authorization", "What console users may do.", used=False),
    _kind(
        "role",
        "The commands of one role.",
        frozenset({"authorization"}),
        anonymous=False,
        used=False,
    ),
    _kind("apn", "Delivery to Apple."),
    _kind("apn_logger", "A log of push deliveries.", anonymous=False),
    _kind("apns_simulator", "A pretend Apple inside this process."),
    _kind("scriptlet", "Policy in Lua.", anonymous=False),
    _kind("python", "Policy in Python."),
    _kind(
        "script",
        "One script of policy.",
        frozenset({"scriptlet", "python"}),
        anonymous=False,
    ),
    ScopeKind("alerting", True, GLOBAL, True, False, "Beside scriptlet; sets nothing."),
    _kind("httpsrv", "The HTTP server.", used=False),
    _kind("restinjector", "Injection by HTTP.", used=False),
)
