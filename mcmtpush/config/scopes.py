"""Which scope supplies an option: the two fallback chains.

A chain is the list of scope instances that are asked, nearest first; an option
takes the first of them that sets it, if the option may stand there, else its
built-in default.  Values never merge across scopes.  This file knows no option
by name except `pathway`, which selects scopes of the receiving chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from attrs import define, field, frozen

from mcmtpush.config.addresses import client_address, parse_peer, same_listen
from mcmtpush.config.options import OPTIONS, Option
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.views import Network
from mcmtpush.values import QueueKey


DEFAULT = "default"
"""The binding, group and pathway that exist without being declared."""


@frozen
class Resolved:
    """What holds for one option, and what it keeps from holding.

    Attributes:
        value: the value, the built-in default when `setting` is None.
        setting: where it comes from.
        scope: the scope instance of `setting`.  Everybody who falls back to the same
            option of the same instance shares a throttle's bucket.
        shadowed: the candidates that lost, nearest first; earlier definitions in
            one scope instance come after the later ones.
    """

    value: Any
    setting: Setting | None
    scope: Scope | None
    shadowed: tuple[tuple[Scope, Setting], ...] = ()


def resolve_sending(root: Scope, option_name: str, key: QueueKey) -> Resolved:
    """The value of an option for the messages of one queue.

    Raises:
        KeyError: there is no such option.
    """
    return resolve(OPTIONS[option_name], Fallback(root).sending(key))


def resolve_receiving(
    root: Scope,
    option_name: str,
    listen: str | None,
    peer: str | None,
    listener_kind: str = "esmtp_listener",
) -> Resolved:
    """The value of an option for one client of one listen.

    Args:
        root: the whole configuration.
        option_name: a name of the option table.
        listen: the listen's name in any spelling; None leaves listens out.
        peer: the client's IP address; None leaves peers out, except for a Unix
            socket, whose clients all count as loopback.
        listener_kind: which kind of listener.

    Raises:
        KeyError: there is no such option.
    """
    chain = Fallback(root).receiving(listen, peer, listener_kind)
    return resolve(OPTIONS[option_name], chain)


def resolve(option: Option, chain: Iterable[Scope]) -> Resolved:
    """Ask the scopes of a chain in order."""
    name = option.name
    found = [
        (scope, setting)
        for scope in chain
        if name in scope.settings and takes_part(option, scope)
        for setting in reversed(scope.settings[name])
    ]
    if not found:
        return Resolved(option.default, None, None)
    scope, setting = found[0]
    return Resolved(setting.value, setting, scope, tuple(found[1:]))


def takes_part(option: Option, scope: Scope) -> bool:
    """Whether the option is valid in this scope.

    A domain inside a binding or a group counts only if the option is valid in
    that container too: `routes` stands in domains, but never differs by binding.
    """
    if scope.kind not in option.scopes:
        return False
    if scope.kind not in {"domain", "host"} or scope.parent is None:
        return True
    return scope.parent.parent is None or scope.parent.kind in option.scopes


def is_regex(domain: str) -> bool:
    """Whether the name of a domain stanza is a pattern, written `/re/`."""
    return len(domain) > 1 and domain[0] == domain[-1] == "/"


@lru_cache(maxsize=4096)
def compile_domain(name: str) -> re.Pattern[str] | None:
    """The pattern of a regex domain, to be searched for; None if there is none."""
    try:
        return re.compile(name[1:-1], re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        return None


@frozen
class _Domains:
    """The domain stanzas of one container, ready to be asked."""

    exact: dict[str, list[Scope]]
    patterns: list[tuple[re.Pattern[str], Scope]]

    @classmethod
    def of(cls, container: Scope) -> _Domains:
        exact: dict[str, list[Scope]] = {}
        patterns = []
        for scope in container.of_kind("domain"):
            name = scope.name or ""
            exact.setdefault(name.lower(), []).insert(0, scope)
            pattern = compile_domain(name) if is_regex(name) else None
            if pattern is not None:
                patterns.append((pattern, scope))
        return cls(exact, patterns)

    def matching(self, domain: str) -> Iterator[Scope]:
        yield from self.exact.get(domain, ())
        if domain and not is_regex(domain):
            yield from (scope for regex, scope in self.patterns if regex.search(domain))


class _Children:
    """The stanzas of one container, found by kind and by name."""

    def __init__(self, container: Scope) -> None:
        self._kinds: dict[str, list[Scope]] = {}
        self._names: dict[tuple[str, str | None], list[Scope]] = {}
        for scope in container.children:
            self._kinds.setdefault(scope.kind, []).append(scope)
            self._names.setdefault((scope.kind, scope.name), []).append(scope)

    def of_kind(self, kind: str) -> Sequence[Scope]:
        return self._kinds.get(kind, ())

    def named(self, kind: str, name: str) -> Sequence[Scope]:
        return self._names.get((kind, name), ())


@define
class Fallback:
    """Both chains of one configuration, which must not change any more.

    What was found out of a container is kept: there may be thousands of domains, and
    every one of them asks.
    """

    root: Scope
    _domains: dict[int, _Domains] = field(factory=dict, init=False)
    _children: dict[int, _Children] = field(factory=dict, init=False)

    def sending(self, key: QueueKey) -> tuple[Scope, ...]:
        """The scopes asked for one queue, nearest first.

        An empty `binding` or `domain` stands for one that no stanza names; the
        name of a regex stanza, slashes included, stands for that stanza.
        """
        groups = self._of(self.root).named("binding_group", key.binding_group)
        inner = self._in(groups, "binding", key.binding)
        outer = self._of(self.root).named("binding", key.binding)
        if key.binding_group == DEFAULT and key.binding != DEFAULT and not inner:
            groups = ()
        domain = key.domain.lower()
        return (
            *self._matching([*inner, *outer, *groups], domain),
            *inner,
            *outer,
            *groups,
            *self._matching([self.root], domain),
            self.root,
        )

    def _matching(self, containers: Sequence[Scope], domain: str) -> Iterator[Scope]:
        for container in containers:
            known = self._domains.get(id(container))
            if known is None:
                known = self._domains[id(container)] = _Domains.of(container)
            yield from known.matching(domain)

    def _of(self, container: Scope) -> _Children:
        known = self._children.get(id(container))
        if known is None:
            known = self._children[id(container)] = _Children(container)
        return known

    def _in(self, containers: Iterable[Scope], kind: str, name: str) -> list[Scope]:
        return [each for one in containers for each in self._of(one).named(kind, name)]

    def receiving(
        self, listen: str | None, peer: str | None, listener_kind: str
    ) -> tuple[Scope, ...]:
        """The scopes asked for one client of one listen, nearest first."""
        listeners = self._of(self.root).of_kind(listener_kind)
        listens = [
            scope
            for listener in listeners
            for scope in list(listener.of_kind("listen"))[::-1]
            if listen is not None and same_listen(scope.name or "", listen)
        ]
        near = (
            *_peers(listens, listen, peer),
            *_peers(listeners, listen, peer),
            *listens,
            *listeners,
        )
        pathway = resolve(OPTIONS["pathway"], near).value or DEFAULT
        return (*near, *self._pathways(pathway), self.root)

    def _pathways(self, name: str) -> Iterator[Scope]:
        outside = self._of(self.root)
        groups = outside.of_kind("pathway_group")
        inner = self._in(groups, "pathway", name)
        yield from inner
        yield from outside.named("pathway", name)
        holders = [scope.parent for scope in inner]
        if name == DEFAULT:
            holders = holders or [*outside.named("pathway_group", DEFAULT)]
        yield from (group for group in groups if group in holders)


def _peers(
    containers: Sequence[Scope], listen: str | None, peer: str | None
) -> list[Scope]:
    """The peer stanzas that hold the client, the narrowest block first."""
    client = client_address(peer or "", listen)
    if client is None:
        return []
    blocks: list[tuple[Network, Scope]] = []
    for container in containers:
        for scope in container.of_kind("peer"):
            try:
                blocks.insert(0, (parse_peer(scope.name or ""), scope))
            except ValueError:
                continue
    held = [(block, scope) for block, scope in blocks if client in block]
    held.sort(key=lambda item: -item[0].prefixlen)
    return [scope for _, scope in held]
