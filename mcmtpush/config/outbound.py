"""Whether the domains of a configuration can be delivered by push.

Names the queues that a configuration distinguishes and asks of each what its
lane would be told.  Never reads a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from mcmtpush.config.addresses import read_routes
from mcmtpush.config.finding import about
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.push import HTTP2_SCHEME, KEY_OPTIONS
from mcmtpush.config.scopes import (
    DEFAULT,
    Fallback,
    Resolved,
    compile_domain,
    is_regex,
    resolve,
)
from mcmtpush.config.tree import Place, Scope
from mcmtpush.config.views import Route
from mcmtpush.errors import ConfigError
from mcmtpush.values import QueueKey


_WEIGHED: Final = (
    "delivery_method",
    "routes",
    "idle_timeout",
    "delivery_response_timeout",
    "tls_certificate",
    "tls_key",
    *KEY_OPTIONS,
    "apn_topic",
)
"""Options that decide whether a push can be delivered."""


@frozen
class Case:
    """One queue that the configuration distinguishes.

    `key.domain` is an exact name, the `/regex/` of a stanza, or empty for every
    domain that has no stanza.
    """

    key: QueueKey
    chain: tuple[Scope, ...]

    @property
    def exact(self) -> bool:
        """Whether it is about a single domain."""
        return bool(self.key.domain) and not is_regex(self.key.domain)

    @property
    def is_push(self) -> bool:
        """Whether its messages leave by push."""
        return bool(self.ask("delivery_method").value == "apn")

    @property
    def speaks_http2(self) -> bool:
        """Whether one of its routes is to Apple's HTTP/2 interface."""
        return any(route.scheme == HTTP2_SCHEME for route in self.routes())

    @property
    def speaks_binary(self) -> bool:
        """Whether one of its routes is not, as far as there are routes."""
        routes = self.routes()
        return not routes or any(route.scheme != HTTP2_SCHEME for route in routes)

    def routes(self) -> tuple[Route, ...]:
        """Where its messages go, most preferred first."""
        return read_routes(self.ask("routes").value)

    def ask(self, option_name: str) -> Resolved:
        """The value of an option for this queue."""
        return resolve(OPTIONS[option_name], self.chain)

    def place(self, option_name: str) -> Place | None:
        """Where the value of an option comes from; None for its default."""
        setting = self.ask(option_name).setting
        return setting.place if setting else None

    def is_faulty(self, option_name: str) -> bool:
        """Whether the option was given with a value that does not fit."""
        return any(option_name in scope.faulty for scope in self.chain)

    def covers(self, other: Case) -> bool:
        """Whether the other one is a single domain that this one also speaks of."""
        if self.exact or not other.exact:
            return False
        if not self.key.domain:
            return True
        pattern = compile_domain(self.key.domain)
        return bool(pattern and pattern.search(other.key.domain))


def cases(root: Scope) -> list[Case]:
    """Every queue that a stanza speaks of, and the rest of each container."""
    fallback = Fallback(root)
    keys = dict.fromkeys(_keys(root))
    return [Case(key, fallback.sending(key)) for key in keys]


def _keys(root: Scope) -> Iterator[QueueKey]:
    outside = [scope.name or "" for scope in root.of_kind("domain")]
    yield from _keys_in(root, DEFAULT, DEFAULT, [""])
    for binding in root.of_kind("binding"):
        yield from _keys_in(binding, DEFAULT, binding.name or "", outside)
    for group in root.of_kind("binding_group"):
        name = group.name or ""
        yield from _keys_in(group, name, DEFAULT if name == DEFAULT else "", outside)
        for binding in group.of_kind("binding"):
            yield from _keys_in(binding, name, binding.name or "", outside)


def _keys_in(
    container: Scope, group: str, binding: str, outside: Sequence[str]
) -> Iterator[QueueKey]:
    """Its own domains; the others too where it decides something about them."""
    names = [scope.name or "" for scope in container.of_kind("domain")]
    if container.parent is None or any(name in container.settings for name in _WEIGHED):
        names += [*outside, ""]
    for name in names:
        yield QueueKey(group, binding, name if is_regex(name) else name.lower())


def check_case(case: Case, others: Iterable[Case]) -> Iterator[ConfigError]:
    """Findings about one queue; `others` are all queues."""
    if case.is_push:
        yield from _check_timeouts(case)
        yield from _check_needs(case, others)
    yield from _check_schemes(case)


def _check_timeouts(case: Case) -> Iterator[ConfigError]:
    idle, response = case.ask("idle_timeout"), case.ask("delivery_response_timeout")
    method = case.ask("delivery_method").setting
    if case.is_faulty("idle_timeout") or case.is_faulty("delivery_response_timeout"):
        return
    if idle.value == 0 and idle.setting:
        yield about(
            idle.setting,
            "idle_timeout = 0 (connections never close) must not be used for "
            'delivery_method "apn": give a number of seconds',
        )
    elif not case.speaks_binary:
        return
    elif response.value >= idle.value * 1000 and method:
        yield about(
            response.setting or idle.setting or method,
            f"delivery_response_timeout ({response.value} milliseconds) is not below "
            f"idle_timeout ({idle.value} seconds): a connection may close before its "
            "errors are heard",
            "warning",
        )
    if response.value == 0 and response.setting:
        text = "delivery_response_timeout = 0 takes every refusal for a delivery"
        yield about(response.setting, text, "warning")


def _check_needs(case: Case, others: Iterable[Case]) -> Iterator[ConfigError]:
    """What a push cannot do without; a pattern may leave it to its domains."""
    method = case.ask("delivery_method").setting
    covered = [] if case.exact else [other for other in others if case.covers(other)]
    who = subject(case)
    if method is None:
        return
    routed = list(filter(_routed, (case, *covered)))
    if not routed:
        text = f'{who} has no routes: add routes = ( "apn2://api.push.apple.com" )'
        yield about(method, text)
    binary = not routed or any(one.speaks_binary for one in routed)
    if binary and not any(map(is_certified, (case, *covered))):
        text = f"{who} has no tls_certificate: gateways ask for one"
        yield about(method, text, "warning")


def _routed(case: Case) -> bool:
    return bool(case.ask("routes").value) or case.is_faulty("routes")


def is_certified(case: Case) -> bool:
    """Whether it has a certificate to present."""
    path = case.ask("tls_certificate").value
    return path not in {None, "none"} or case.is_faulty("tls_certificate")


def subject(case: Case) -> str:
    """The queue as messages name it."""
    if case.exact:
        return f'the apn domain "{case.key.domain}"'
    if case.key.domain:
        return f"the apn domain {case.key.domain}"
    return "every apn domain without a stanza"


def _check_schemes(case: Case) -> Iterator[ConfigError]:
    method, routes = case.ask("delivery_method"), case.ask("routes")
    if routes.setting is None:
        return
    for text in routes.value or ():
        (route,) = read_routes([text])
        if not _fits(method.value, route):
            yield about(
                routes.setting,
                f'route "{text}" does not fit delivery_method "{method.value}"'
                + ("" if method.setting else " (the default)"),
                "error" if case.is_push else "warning",
            )


def _fits(method: str, route: Route) -> bool:
    if method == "apn":
        known = {"", "apn", HTTP2_SCHEME, "http"}
        return route.scheme in known and route.host != "__mx__"
    foreign = {"apn", HTTP2_SCHEME, "gcm", "mm7"}
    return route.scheme not in foreign or route.scheme == method
