"""The OpenSSL context of connections to gateways, made of settings and files.

Speaks TLS 1.2 and later only.  Files are read when a connection needs them and
again when they have changed, so that a renewed certificate needs no restart.  All
queues with equal settings share what was read, and the sessions of their handshakes
with one gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final
from weakref import WeakValueDictionary

from OpenSSL import SSL
from service_identity.hazmat import DNS_ID, IPAddress_ID
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger

from mcmtpush.config.views import TlsClientSettings
from mcmtpush.delivery.tls.certificate import is_given, load_certificate, load_trust
from mcmtpush.delivery.tls.expiry import Expiries
from mcmtpush.delivery.tls.fault import fault
from mcmtpush.delivery.tls.handshake import ClientTls
from mcmtpush.delivery.tls.identity import PLACES_LIMIT, identity_of, server_name
from mcmtpush.delivery.tls.resumption import Resumption
from mcmtpush.delivery.tls.version import VERSIONS, read_protocols
from mcmtpush.errors import ConfigError
from mcmtpush.files import stamp
from mcmtpush.ports import Clock


GLANCE_SECONDS: Final = 1.0
"""Files are looked at again after so long: all lanes may connect at one moment."""

_log = Logger()


class TlsContexts:
    """The OpenSSL context of some queues' connections, rebuilt when files change.

    New files that cannot be used leave the old context in use until they change
    again.  With `expiries` a certificate that ends soon is warned about, and a new
    one that is over counts as one that cannot be used.  `protocols` are offered to
    the server (ALPN).  With a `clock` sessions are resumed, another context begins
    without any, and files are looked at once a second at most.
    """

    def __init__(
        self,
        settings: TlsClientSettings,
        expiries: Expiries | None = None,
        protocols: Sequence[bytes] = (),
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._expiries = expiries
        self._protocols = list(protocols)
        self._clock = clock
        self._context: SSL.Context | None = None
        self._ends_at: float | None = None
        self._stamps: tuple[object, ...] = ()
        self._looked_at = -inf
        self._warned = False
        self._resumptions: dict[tuple[str, int], Resumption] = {}

    def creator(
        self, host: str, port: int | None = None
    ) -> IOpenSSLClientConnectionCreator:
        """What makes connections to `host`; raises `ConfigError`.

        Without a port no session is kept.
        """
        identity: DNS_ID | IPAddress_ID | None = None
        if self._settings.verify == "host":
            identity = identity_of(host)
        context = self._current()
        self._warn_of_end()
        resumption = None if port is None else self._resumption(host, port)
        return ClientTls(context, server_name(host), identity, resumption)

    def _resumption(self, host: str, port: int) -> Resumption | None:
        known = self._resumptions
        if self._clock is None or (host, port) in known:
            return known.get((host, port))
        if len(known) >= PLACES_LIMIT:
            known.clear()
        known[host, port] = resumption = Resumption(self._clock)
        return resumption

    def _current(self) -> SSL.Context:
        now = inf if self._clock is None else self._clock.seconds()
        if self._context is not None and now - self._looked_at < GLANCE_SECONDS:
            return self._context
        self._looked_at = now
        settings = self._settings
        paths = (settings.certificate, settings.key, settings.ca)
        stamps = tuple(map(stamp, paths))
        if self._context is None:
            self._use(*self._build())
        elif stamps != self._stamps:
            self._renew()
        self._stamps = stamps
        assert self._context is not None  # noqa: S101 - or it was raised
        return self._context

    def _use(self, context: SSL.Context, ends_at: float | None) -> None:
        """No session is ever offered with another certificate than its own."""
        self._context, self._ends_at = context, ends_at
        self._resumptions = {}

    def _renew(self) -> None:
        try:
            context, ends_at = self._build()
            if ends_at is not None and self._expiries and self._expiries.over(ends_at):
                raise fault(
                    "tls_certificate", f"{self._settings.certificate} has expired"
                )
        except ConfigError as error:
            _log.error(
                "{fault}; new connections go on with what was read before, until "
                "the file is corrected",
                fault=error.message,
            )
        else:
            self._use(context, ends_at)

    def _warn_of_end(self) -> None:
        path = self._settings.certificate
        if self._expiries is None or self._ends_at is None or path is None:
            return
        left = self._expiries.due(path, self._ends_at)
        if left is None:
            return
        days = int(abs(left) // 86400)
        if left > 0:
            text = "{path}: the certificate ends in {days} days; renew it"
        else:
            text = "{path}: the certificate ended {days} days ago; renew it"
        _log.warn(text, path=path, days=days)

    def _build(self) -> tuple[SSL.Context, float | None]:
        """A context, and when its certificate ends, seconds since the epoch."""
        settings = self._settings
        context = SSL.Context(SSL.TLS_METHOD)
        self._set_versions(context)
        context.set_options(SSL.OP_NO_COMPRESSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # we keep our own
        # Half the memory of a connection, of which there may be one for each app.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if self._protocols:
            context.set_alpn_protos(self._protocols)
        ciphers = settings.ciphers
        if ciphers and ciphers != "DEFAULT":
            try:
                context.set_cipher_list(ciphers.encode())
            except SSL.Error as error:
                raise fault(
                    "tls_ciphers", f"{ciphers!r} names no cipher that OpenSSL knows"
                ) from error
        ends_at = None
        if is_given(settings.certificate):
            ends_at = load_certificate(
                context, settings.certificate or "", settings.key
            )
        load_trust(context, settings)
        return context, ends_at

    def _set_versions(self, context: SSL.Context) -> None:
        names, retired = read_protocols(self._settings.protocols)
        if retired and not self._warned:
            self._warned = True
            _log.warn(
                "tls_protocols asks for {retired}, which is not spoken here; "
                "TLS 1.2 and later are",
                retired=", ".join(retired),
            )
        versions = sorted(VERSIONS[name] for name in names)
        context.set_min_proto_version(versions[0])
        context.set_max_proto_version(versions[-1])


class SharedContexts:
    """One `TlsContexts` for all who have equal settings, as long as anybody has it."""

    def __init__(self, expiries: Expiries, clock: Clock) -> None:
        self._expiries = expiries
        self._clock = clock
        self._known: WeakValueDictionary[
            tuple[TlsClientSettings, tuple[bytes, ...]], TlsContexts
        ] = WeakValueDictionary()

    def of(
        self, settings: TlsClientSettings, protocols: tuple[bytes, ...] = ()
    ) -> TlsContexts:
        """For connections with these settings that offer these protocols."""
        known = self._known.get((settings, protocols))
        if known is None:
            known = TlsContexts(settings, self._expiries, protocols, self._clock)
            self._known[settings, protocols] = known
        return known
