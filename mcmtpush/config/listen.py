"""Which sockets are opened: the listens of a kind of listener.

Trusts that the tree passed every check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcmtpush.config.addresses import parse_listen
from mcmtpush.config.chain import asking
from mcmtpush.config.tree import Scope
from mcmtpush.config.views import ListenSettings


LISTENER = "esmtp_listener"
"""The kind of listener that this version opens."""

_LISTEN_SAME = ("file_mode", "disable_nagle_algorithm", "protocol")
"""Options whose view has their name and their value."""


def is_on(scope: Scope) -> bool:
    """Whether a module, listener or listen is neither disabled nor switched off."""
    ask = asking([scope])
    return bool(ask("enable") and ask("enabled"))


def open_listens(root: Scope, kind: str) -> Iterator[Scope]:
    """The listen stanzas of a kind of listener that are to be opened, in order."""
    for listener in filter(is_on, root.of_kind(kind)):
        yield from filter(is_on, listener.of_kind("listen"))


def listen_settings(scope: Scope, chain: Iterable[Scope]) -> ListenSettings:
    """Of one listen stanza, whose own chain is given."""
    ask = asking(chain)
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
