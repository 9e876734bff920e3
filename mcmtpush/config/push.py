"""What a queue is told about delivery by push: its part of `DeliverySettings`.

Both of Apple's interfaces are here, the binary one and the one over HTTP/2 (routes
with the scheme `apn2`).  Looks values up through the caller, which knows the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mcmtpush.config.addresses import parse_route
from mcmtpush.config.proxy import Proxy
from mcmtpush.config.scopes import Resolved
from mcmtpush.config.units import in_seconds
from mcmtpush.config.views import GuardSettings, KeySettings, ProxySettings, Route


HTTP2_SCHEME: Final = "apn2"
REQUEST_SECONDS: Final = 30.0
"""How long an answer over HTTP/2 is waited for where nobody says how long."""

IDLE_SECONDS: Final = 3600
"""How long a connection over HTTP/2 is kept idle; Apple advises hours to days."""

KEY_OPTIONS: Final = ("apn_key_file", "apn_key_id", "apn_team_id")
"""What makes provider tokens; one does not go without the others."""

ENVIRONMENTS: Final[Mapping[str, str]] = {
    "api.push.apple.com": "production",
    "api.sandbox.push.apple.com": "development",
    "api.development.push.apple.com": "development",
}
"""By the host of a route: which of Apple's environments it is in."""

_MANAGEMENT: Final[Mapping[str, Route]] = {
    "api.push.apple.com": Route(
        HTTP2_SCHEME, "api-manage-broadcast.push.apple.com", 2196, 0
    ),
    **dict.fromkeys(
        ("api.sandbox.push.apple.com", "api.development.push.apple.com"),
        Route(HTTP2_SCHEME, "api-manage-broadcast.sandbox.push.apple.com", 2195, 0),
    ),
}
"""By the host of a route: where Apple manages that environment's channels."""

Find = Callable[[str], Resolved]
"""Option name in, what holds out, within one chain of scopes."""


def push_settings(find: Find, routes: Sequence[Route]) -> dict[str, Any]:
    """The fields of `DeliverySettings` that are about push."""
    feedback = find("apn_feedback_route").value
    return {
        "apn_expiry_seconds": find("apn_expiry").value,
        "guard": _guard(find),
        "flush_interval_seconds": find("apn_flush_interval").value,
        "unsettled_limit": find("apn_unsettled_limit").value,
        "unsettled_bytes": find("apn_unsettled_bytes").value,
        "feedback_route": None if feedback is None else parse_route(feedback, 0),
        "feedback_interval_seconds": find("apn_feedback_interval").value,
        **_http2(find, routes),
    }


def _http2(find: Find, routes: Sequence[Route]) -> dict[str, Any]:
    priority = find("apn_priority").value
    return {
        "key": _key(find),
        "topic": find("apn_topic").value or None,
        "push_type": find("apn_push_type").value,
        "priority": None if priority == "unset" else int(priority),
        "collapse_id": find("apn_collapse_id").value or None,
        "proxy": _proxy(find("apn_proxy").value),
        "request_timeout_seconds": _request_timeout(find),
        "http2_idle_seconds": _idle(find),
        "manage_route": _second_host(find("apn_manage_host").value)
        or manage_route(routes),
    }


def has_key(find: Find) -> bool:
    """Whether provider tokens can be made: nothing of the key is missing."""
    return _key(find) is not None


def _key(find: Find) -> KeySettings | None:
    file, key_id, team_id = (find(name).value for name in KEY_OPTIONS)
    if file in {None, "none"} or not key_id or not team_id:
        return None
    return KeySettings(file, key_id, team_id)


def _proxy(value: Proxy | str | None) -> ProxySettings | None:
    if not isinstance(value, Proxy):
        return None
    return ProxySettings(value.host, value.port, value.authorization)


def _request_timeout(find: Find) -> float:
    """The response window of the binary interface, if somebody set one."""
    found = find("delivery_response_timeout")
    if found.setting is None:
        return REQUEST_SECONDS
    return in_seconds(found.value, "milliseconds")


def _idle(find: Find) -> int:
    """How long an idle connection is kept, an hour unless somebody says."""
    found = find("idle_timeout")
    return IDLE_SECONDS if found.setting is None else int(found.value)


def _second_host(text: str | None) -> Route | None:
    """A host that is spoken to over HTTP/2 whatever scheme is written."""
    if text is None:
        return None
    route = parse_route(text, 0)
    return Route(HTTP2_SCHEME, route.host, route.port or 443, 0)


def manage_route(routes: Sequence[Route]) -> Route | None:
    """Where channels are managed by the first route over HTTP/2.

    For Apple's hosts its host for that; anybody else, such as a simulator, does it
    where pushes are taken.
    """
    for route in routes:
        if route.scheme == HTTP2_SCHEME:
            return _MANAGEMENT.get(route.host, route)
    return None


def _guard(find: Find) -> GuardSettings:
    return GuardSettings(
        first=find("apn_guard_first").value,
        window=find("apn_guard_window").value,
        share=find("apn_guard_share").value / 100,
    )
