"""Who shows which certificate, and whether that can work."""

from __future__ import annotations

from collections.abc import Iterator

from mcmtpush.config.credentials import Credentials
from mcmtpush.config.listen import LISTENER, open_listens
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.outbound import Case
from mcmtpush.config.push import ENVIRONMENTS, HTTP2_SCHEME, has_key
from mcmtpush.config.scopes import Fallback, resolve
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.errors import ConfigError


def check_credentials(
    root: Scope, deliveries: list[Case], credentials: Credentials
) -> Iterator[ConfigError]:
    """Of every scope, of every queue that pushes and of every listen."""
    for scope in root.walk():
        yield from credentials.check_files(scope)
    for case in deliveries:
        if case.is_push:
            certificate, key = case.ask("tls_certificate"), case.ask("tls_key")
            yield from credentials.check_pair(
                certificate.setting,
                key.setting,
                complete=case.exact and not case.is_faulty("tls_key"),
            )
            if certificate.setting and case.speaks_http2 and not has_key(case.ask):
                yield from _check_apples(case, certificate.setting, credentials)
    fallback = Fallback(root)
    for kind in (LISTENER, "apns_simulator"):
        for listen in open_listens(root, kind):
            chain = fallback.receiving(listen.name, None, kind)
            yield from credentials.check_pair(
                resolve(OPTIONS["tls_certificate"], chain).setting,
                resolve(OPTIONS["tls_key"], chain).setting,
                complete=not any("tls_key" in scope.faulty for scope in chain),
            )


def _check_apples(
    case: Case, certificate: Setting, credentials: Credentials
) -> Iterator[ConfigError]:
    """What Apple will say of a certificate that is shown over HTTP/2."""
    if case.exact and not case.ask("apn_topic").value:
        yield from credentials.check_topic(certificate)
    for route in case.routes():
        environment = ENVIRONMENTS.get(route.host)
        if environment is not None and route.scheme == HTTP2_SCHEME:
            yield from credentials.check_environment(
                certificate, environment, route.host
            )
