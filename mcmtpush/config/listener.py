"""Whether what is listened on can be, and what clients will find there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcmtpush.config.addresses import same_listen
from mcmtpush.config.finding import about
from mcmtpush.config.listen import LISTENER, open_listens
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.outbound import Case
from mcmtpush.config.reception import mcmt_reception
from mcmtpush.config.scopes import Fallback, resolve
from mcmtpush.config.tree import Scope
from mcmtpush.errors import ConfigError


def check_listens(root: Scope, deliveries: list[Case]) -> Iterator[ConfigError]:
    """Every listen that is to be opened; `deliveries` are all queues."""
    fallback = Fallback(root)
    pushes = any(case.is_push for case in deliveries)
    before: list[Scope] = []
    for kind in (LISTENER, "apns_simulator"):
        for listen in open_listens(root, kind):
            name = listen.name or ""
            for other in before:
                if same_listen(name, other.name or ""):
                    text = f'"{name}" is listened on already, see {other.place}'
                    yield about(listen, text)
            before.append(listen)
            if kind == LISTENER:
                yield from _check_listen(fallback, listen, pushes=pushes)


def _check_listen(
    fallback: Fallback, listen: Scope, *, pushes: bool
) -> Iterator[ConfigError]:
    chain = fallback.receiving(listen.name, None, LISTENER)
    certificate = resolve(OPTIONS["tls_certificate"], chain)
    use_ssl = resolve(OPTIONS["use_ssl"], chain)
    faulty = any("tls_certificate" in scope.faulty for scope in chain)
    bare = certificate.value in {None, "none"} and not faulty
    if use_ssl.value and use_ssl.setting and bare:
        yield about(use_ssl.setting, "use_ssl needs tls_certificate and tls_key")
    if pushes and not _takes_pushes(listen, chain):
        setting = resolve(OPTIONS["mcmt_reception"], chain).setting
        yield about(
            setting or listen,
            f'a push injected at "{listen.name}" is queued as ordinary mail and not '
            'delivered (mcmt_reception is "passthru"): set it to "allow", or to '
            '"reject" where no pushes come in',
            "warning",
        )


def _takes_pushes(listen: Scope, chain: tuple[Scope, ...]) -> bool:
    """Whether anything but `passthru` was chosen for some client of the listen."""
    holders = [listen] if listen.parent is None else [listen, listen.parent]
    peers = [peer for holder in holders for peer in holder.of_kind("peer")]
    return any(
        _reception_by(nearer) != "passthru"
        for nearer in (chain, *((peer, *chain) for peer in peers))
    )


def _reception_by(chain: tuple[Scope, ...]) -> Any:
    context = resolve(OPTIONS["context"], chain).value or {}
    return mcmt_reception(resolve(OPTIONS["mcmt_reception"], chain).value, context)
