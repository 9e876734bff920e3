"""TLS on a listener: contexts made of settings, and what a handshake told.

TLS 1.2 is the oldest version offered, whatever `tls_protocols` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
)
from zope.interface import implementer

from mcmtpush.config.views import TlsServerSettings
from mcmtpush.errors import ConfigError


_VERSIONS = {
    "sslv2": None,
    "sslv3": None,
    "tlsv1": None,
    "tlsv1.0": None,
    "tlsv1.1": None,
    "tlsv1.2": SSL.TLS1_2_VERSION,
    "tlsv1.3": SSL.TLS1_3_VERSION,
}
_UNVERIFIED = "client certificate not verified"


@implementer(IOpenSSLServerConnectionCreator)
@frozen
class ServerContext:
    """Gives every connection the same OpenSSL context."""

    _context: SSL.Context

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:  # noqa: ARG002 - Twisted's
        """The OpenSSL side of one connection."""
        return SSL.Connection(self._context, None)


@define(eq=False)
class ServerContexts:
    """Makes a context once for each kind of settings."""

    _made: dict[TlsServerSettings, ServerContext] = field(init=False, factory=dict)

    def make(self, settings: TlsServerSettings) -> ServerContext:
        """The context; raises ConfigError naming the file that does not serve."""
        made = self._made.get(settings)
        if made is None:
            made = self._made[settings] = ServerContext(_make_context(settings))
        return made

    def prepare(self, settings: TlsServerSettings) -> None:
        """Make the context if these want one; raises ConfigError if it is broken."""
        if settings.certificate is not None or settings.use_ssl:
            self.make(settings)

    def replace(self, others: ServerContexts) -> None:
        """Go on with these, and make all others anew: files may have changed."""
        self._made = dict(others._made)


def offered_versions(protocols: str) -> list[int]:
    """The TLS versions, of 1.2 and 1.3, that `tls_protocols` leaves on.

    The option is words with `+` or `-` before them, obeyed in order; `ALL` is
    every version.  Raises ConfigError if nothing is left.
    """
    enabled: set[int] = set()
    for sign, name in re.findall(r"([+-]?)([^\s,:+-]+)", protocols):
        if name.upper() == "ALL":
            named = {SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION}
        elif name.lower() in _VERSIONS:
            named = {version for version in [_VERSIONS[name.lower()]] if version}
        else:
            raise ConfigError(f'"{name}" is no protocol', "tls_protocols")
        enabled = enabled - named if sign == "-" else enabled | named
    if not enabled:
        raise ConfigError(
            f'"{protocols}" leaves nothing on: write TLSv1.2 or TLSv1.3 too',
            "tls_protocols",
        )
    return sorted(enabled)


def _make_context(settings: TlsServerSettings) -> SSL.Context:
    certificate = settings.certificate
    if certificate is None:
        raise ConfigError("TLS needs tls_certificate", "tls_certificate")
    versions = offered_versions(settings.protocols)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(versions[0])
    context.set_max_proto_version(versions[-1])
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_TICKET
    )
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # A resumed session would not show the client's certificate again.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    _load(context, settings, certificate)
    _set_verification(context, settings)
    return context


def _load(context: SSL.Context, settings: TlsServerSettings, certificate: str) -> None:
    with _blaming(certificate, "cannot be used as a certificate"):
        context.use_certificate_chain_file(certificate)
    key = settings.key or certificate
    with _blaming(key, f"cannot be used as the key of {certificate}"):
        context.use_privatekey_file(key)
        context.check_privatekey()
    if settings.ciphers:
        with _blaming("tls_ciphers", f'"{settings.ciphers}" cannot be used'):
            context.set_cipher_list(settings.ciphers.encode("ascii", "replace"))
    if settings.client_ca:
        with _blaming(settings.client_ca, "cannot be used as tls_client_ca"):
            context.load_verify_locations(settings.client_ca)
            context.load_client_ca(settings.client_ca.encode())


@contextmanager
def _blaming(place: str, fault: str) -> Iterator[None]:
    try:
        yield
    except SSL.Error as error:
        reasons = error.args[0] if error.args else ()
        why = "; ".join(reason for *_, reason in reasons if reason)
        raise ConfigError(f"{fault}: {why or 'unreadable'}", place) from error


def _set_verification(context: SSL.Context, settings: TlsServerSettings) -> None:
    """Ask for a client certificate unless told not to; a bad one ends nothing.

    `require` makes the handshake fail without one.  Whether it was good is
    remembered on the connection and told by `tls_facts`.
    """
    if settings.verify_mode == "none" or not (
        settings.client_ca or settings.verify_mode == "require"
    ):
        context.set_verify(SSL.VERIFY_NONE)
        return
    mode = SSL.VERIFY_PEER
    if settings.verify_mode == "require":
        mode |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    context.set_verify(mode, _remember)


def _remember(
    connection: SSL.Connection, _x509: object, _error: int, _depth: int, ok: int
) -> bool:
    if not ok:
        connection.set_app_data(_UNVERIFIED)
    return True


def tls_facts(transport: Any) -> dict[str, str]:
    """A finished handshake as context variables."""
    facts = {"tls": "on"}
    connection = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(connection, SSL.Connection):
        return facts
    bits = str(connection.get_cipher_bits() or 0)
    facts["tls_cipher"] = connection.get_cipher_name() or ""
    facts["tls_cipher_algbits"] = facts["tls_cipher_usebits"] = bits
    certificate = connection.get_peer_certificate()
    if certificate is not None:
        subject, issuer = certificate.get_subject(), certificate.get_issuer()
        facts["tls_client_cert_subject"] = _name(subject)
        facts["tls_client_cert_subject_cn"] = subject.CN or ""
        facts["tls_client_cert_issuer"] = _name(issuer)
        facts["tls_client_cert_issuer_cn"] = issuer.CN or ""
        if connection.get_app_data() != _UNVERIFIED:
            facts["tls_client_verified"] = "yes"
    return facts


def _name(name: Any) -> str:
    return "".join(
        f"/{key.decode('ascii', 'replace')}={value.decode('utf-8', 'replace')}"
        for key, value in name.get_components()
    )
