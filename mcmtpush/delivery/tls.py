"""TLS towards a gateway: who we are, whom we believe, and how a route is reached.

Speaks TLS 1.2 and later only.  Files are read when a connection needs them and
again when they have changed, so that a renewed certificate needs no restart; a
file that cannot be used is a `ConfigError` that names the option and the path.  All
queues with equal settings share what was read, and the sessions of their handshakes
with one gateway.  Knows no notifications and keeps no connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from math import inf
from typing import Any, Final
from weakref import WeakValueDictionary

from attrs import evolve, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.config.views import (
    DeliverySettings,
    ProxySettings,
    Route,
    TlsClientSettings,
)
from mcmtpush.delivery.address import EveryAddress, Means, Rest, RotatingEndpoint
from mcmtpush.delivery.expiry import Expiries
from mcmtpush.delivery.proxy import ProxyEndpoint
from mcmtpush.delivery.resumption import Resumption
from mcmtpush.delivery.routes import HTTP2, port_of
from mcmtpush.errors import ConfigError, RemoteProtocolError
from mcmtpush.files import stamp
from mcmtpush.ports import Clock, Dice


_HTTP2_PROTOCOL: Final = b"h2"
"""What is agreed on in the handshake (ALPN); RFC 9113, 3.1."""

PLACES_LIMIT: Final = 256
"""Sessions are kept for so many gateways; the configuration may change all day."""

GLANCE_SECONDS: Final = 1.0
"""Files are looked at again after so long: all lanes may connect at one moment."""

_log = Logger()

_VERSIONS: Final = {
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
_NAMES: Final = {name.lower(): name for name in _VERSIONS}
_RETIRED: Final = frozenset({"sslv2", "sslv3", "tlsv1", "tlsv1.0", "tlsv1.1"})

_FAULTS: Final = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed and not in tls_ca",
    19: "its chain ends in a certificate that is not in tls_ca",
    20: "its issuer is not in tls_ca",
    21: "its issuer is not in tls_ca",
    26: "it was not issued for a server",
}
"""OpenSSL's verification codes, in words; X509_V_ERR_... in x509_vfy.h."""


def read_protocols(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The TLS versions that `tls_protocols` leaves, and retired ones it asks for.

    `+ALL:-TLSv1.2`: names joined by colons, `+` (or nothing) adds, `-` removes;
    a list that begins by removing begins with all.  Raises `ConfigError` for an
    unknown name and when nothing is left.
    """
    items = [item.strip() for item in text.split(":") if item.strip()]
    names = set(_VERSIONS) if not items or items[0].startswith("-") else set()
    retired = []
    for item in items:
        name = item.lstrip("+-").lower()
        if name == "all":
            found = set(_VERSIONS)
        elif name in _NAMES:
            found = {_NAMES[name]}
        elif name in _RETIRED:
            found = set()
            if not item.startswith("-"):
                retired.append(item.lstrip("+"))
        else:
            raise _fault("tls_protocols", f"{item!r} is no version of TLS")
        names = names - found if item.startswith("-") else names | found
    if not names:
        raise _fault(
            "tls_protocols", f"{text!r} leaves nothing; TLSv1.2 and TLSv1.3 are spoken"
        )
    return frozenset(names), tuple(retired)


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
            identity = _identity(host)
        context = self._current()
        self._warn_of_end()
        resumption = None if port is None else self._resumption(host, port)
        return ClientTls(context, _server_name(host), identity, resumption)

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
                raise _fault(
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
                raise _fault(
                    "tls_ciphers", f"{ciphers!r} names no cipher that OpenSSL knows"
                ) from error
        ends_at = None
        if _given(settings.certificate):
            ends_at = _load_certificate(
                context, settings.certificate or "", settings.key
            )
        _load_trust(context, settings)
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
        versions = sorted(_VERSIONS[name] for name in names)
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


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class ClientTls:
    """Makes the TLS side of connections to one host.

    Attributes:
        server_name: sent to the server; None for an address.
        identity: what the server's certificate must name; None for anything.
        resumption: the session to offer, and where to leave another; None for none.
    """

    context: SSL.Context
    server_name: bytes | None
    identity: DNS_ID | IPAddress_ID | None
    resumption: Resumption | None = None

    def clientConnectionForTLS(self, tls_protocol: TLSMemoryBIOProtocol) -> Any:
        """Twisted wants one more connection for this protocol."""
        connection = SSL.Connection(self.context, None)
        if self.server_name is not None:
            connection.set_tlsext_host_name(self.server_name)
        mode = self.context.get_verify_mode()
        if mode != SSL.VERIFY_NONE:
            connection.set_verify(mode, self._judge(tls_protocol))
        if self.resumption is not None and isinstance(tls_protocol, _Tls):
            session = self.resumption.offer()
            tls_protocol.watch(self.resumption, session)
            if session is not None:
                connection.set_session(session)
        return connection

    def _judge(self, protocol: TLSMemoryBIOProtocol) -> Callable[..., bool]:
        """OpenSSL's callback for each certificate of the chain, the leaf last."""

        def judge(_: object, certificate: Any, code: int, depth: int, ok: int) -> bool:
            try:
                if not ok:
                    reason = _FAULTS.get(code, f"OpenSSL verification error {code}")
                elif depth or self.identity is None:
                    return True
                else:
                    verify_service_identity(
                        extract_patterns(certificate), [self.identity], []
                    )
                    return True
            except VerificationError:
                reason = f"it is not for {_readable(self.identity)}"
            except Exception as error:  # noqa: BLE001 - nothing may leave for C code
                reason = f"it cannot be read: {error}"
            protocol.failVerification(
                Failure(RemoteProtocolError(f"the certificate is refused: {reason}"))
            )
            return False

        return judge


class _Tls(TLSMemoryBIOProtocol):
    """Looks after the session; without Twisted's aggregation of writes.

    Those are batches already.  A session is good for another connection once data
    came behind the handshake, its ticket among them, or once this one is closed.
    """

    _resumption: Resumption | None = None  # while there is something to look after
    _offered: SSL.Session | None = None
    _shaken = False

    def watch(self, resumption: Resumption, offered: SSL.Session | None) -> None:
        """This session is offered; None for none, so that there will be another."""
        self._resumption, self._offered = resumption, offered

    def dataReceived(self, data: bytes) -> None:
        """The handshake goes on, or something comes behind it."""
        super().dataReceived(data)
        if self._resumption is None:
            return
        if self._shaken:
            self._keep()
        elif self.getHandle().get_finished() is not None:
            self._shaken = True
            if self._offered is not None:
                self._resumption.worked()
                self._resumption = None

    def loseConnection(self) -> None:
        """This side ends it."""
        if self._shaken:
            self._keep()
        super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        if self._resumption is not None and self._offered is not None:
            self._resumption.failed(self._offered)
        self._resumption = None
        # OpenSSL would spoil the session of one that was not closed in peace.
        self.getHandle().set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
        super().connectionLost(reason)

    def _keep(self) -> None:
        if self._resumption is not None:
            self._resumption.keep(self.getHandle().get_session())
            self._resumption = None


class _TlsFactory(TLSMemoryBIOFactory):
    protocol = _Tls


@implementer(IStreamClientEndpoint)
@frozen
class TlsEndpoint:
    """Connects with TLS; fires with the protocol once TCP is connected.

    The protocol is told of the finished handshake through `IHandshakeListener`.
    """

    endpoint: IStreamClientEndpoint
    creator: IOpenSSLClientConnectionCreator
    clock: IReactorTime

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Twisted's interface: one connection attempt."""
        wrapping = _TlsFactory(self.creator, True, factory, self.clock)
        return self.endpoint.connect(wrapping).addCallback(_unwrap)


def _unwrap(protocol: Any) -> IProtocol:
    wrapped: IProtocol = protocol.wrappedProtocol
    return wrapped


@frozen
class Connector:
    """How one queue reaches its routes; `http2_contexts` are for their scheme.

    Only routes over HTTP/2 go through the `proxy`, if there is one.
    """

    contexts: TlsContexts
    http2_contexts: TlsContexts
    means: Means
    proxy: ProxySettings | None = None

    def __call__(self, route: Route) -> IStreamClientEndpoint:
        """For one connection; raises `ConfigError` when TLS files cannot be used."""
        host = route.host.strip("[]")
        if route.scheme != HTTP2:
            endpoint = self._reach(host, port_of(route))
            creator = self.contexts.creator(host, port_of(route))
        else:
            endpoint = self._tunnel(host, port_of(route))
            creator = self.http2_contexts.creator(host, port_of(route))
        return TlsEndpoint(endpoint, creator, self.means.reactor)

    def _reach(self, host: str, port: int) -> IStreamClientEndpoint:
        return EveryAddress(RotatingEndpoint(host, port, self.means))

    def _tunnel(self, host: str, port: int) -> IStreamClientEndpoint:
        proxy = self.proxy
        if proxy is None:
            return self._reach(host, port)
        near = self._reach(proxy.host, proxy.port)
        return ProxyEndpoint(near, host, port, proxy.authorization)

    def fail(self, address: str) -> None:
        """A connection to this IP address was worth nothing: let it rest."""
        self.means.rest.fail(address)


def connector(
    reactor: Any, settings: DeliverySettings, dice: Dice, shared: SharedContexts
) -> Connector:
    """How a queue reaches its routes: by name or address, over TLS.

    Names are looked up for every connection, IPv6 and IPv4; addresses take turns,
    and one that failed rests.
    """
    means = Means(
        reactor,
        reactor.nameResolver,
        reactor,
        dice,
        Rest(reactor, rest_seconds=settings.host_failure_retry_seconds),
        settings.connect_timeout_seconds,
        settings.bind_address,
    )
    return Connector(
        shared.of(settings.tls),
        shared.of(_http2_tls(settings), (_HTTP2_PROTOCOL,)),
        means,
        settings.proxy,
    )


def _http2_tls(settings: DeliverySettings) -> TlsClientSettings:
    """A client that shows a certificate is not asked for its tokens."""
    if settings.key is None:
        return settings.tls
    return evolve(settings.tls, certificate=None, key=None)


# -- files ------------------------------------------------------------------------


def _load_certificate(context: SSL.Context, path: str, key_path: str | None) -> float:
    """When it ends, seconds since the epoch."""
    content = _read("tls_certificate", path)
    try:
        chain = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _fault(
            "tls_certificate", f"{path} holds no PEM certificate", path
        ) from error
    key = _load_key(path, content, key_path)
    if chain[0].public_key() != key.public_key():
        where = key_path if _given(key_path) else path
        raise _fault(
            "tls_key", f"the key in {where} does not belong to the certificate", path
        )
    context.use_certificate(crypto.X509.from_cryptography(chain[0]))
    for issuer in chain[1:]:
        context.add_extra_chain_cert(crypto.X509.from_cryptography(issuer))
    context.use_privatekey(crypto.PKey.from_cryptography_key(key))
    return chain[0].not_valid_after_utc.timestamp()


def _load_key(certificate_path: str, content: bytes, key_path: str | None) -> Any:
    if key_path is not None and _given(key_path):
        path, content = key_path, _read("tls_key", key_path)
    else:
        path = certificate_path
    try:
        return load_pem_private_key(content, None)
    except TypeError as error:
        raise _fault(
            "tls_key", f"the key in {path} has a pass phrase; remove it", path
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "" if path != certificate_path else " and tls_key is not set"
        raise _fault("tls_key", f"{path} holds no PEM key{hint}", path) from error


def _load_trust(context: SSL.Context, settings: TlsClientSettings) -> None:
    if settings.verify == "no":
        context.set_verify(SSL.VERIFY_NONE)
        return
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    path = settings.ca
    if path is None or not _given(path):
        context.set_default_verify_paths()
        return
    try:
        trusted = x509.load_pem_x509_certificates(_read("tls_ca", path))
    except ValueError as error:
        raise _fault("tls_ca", f"{path} holds no PEM certificate", path) from error
    store = context.get_cert_store()
    if store is None:
        raise _fault("tls_ca", f"OpenSSL keeps no certificates for {path}", path)
    for certificate in trusted:
        store.add_cert(crypto.X509.from_cryptography(certificate))


def _read(option: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - settings are strings
            return file.read()
    except OSError as error:
        raise _fault(
            option, f"{path} cannot be read: {error.strerror}", path
        ) from error


def _given(path: str | None) -> bool:
    """`none` cancels what a wider scope sets."""
    return path is not None and path != "none"


def _fault(option: str, message: str, path: str = "configuration") -> ConfigError:
    return ConfigError(f"{option}: {message}", path, option=option)


# -- names ------------------------------------------------------------------------


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=PLACES_LIMIT)
def _server_name(host: str) -> bytes | None:
    if _is_address(host):
        return None
    try:
        return host.encode("idna")
    except UnicodeError:
        return None


@lru_cache(maxsize=PLACES_LIMIT)
def _identity(host: str) -> DNS_ID | IPAddress_ID:
    try:
        if _is_address(host):
            return IPAddress_ID(host)
        return DNS_ID(host.encode("idna").decode("ascii"))
    except ValueError as error:
        raise _fault(
            "tls_verify", f"no certificate can be for {host!r}; use ca or another route"
        ) from error


def _readable(identity: DNS_ID | IPAddress_ID | None) -> str:
    if isinstance(identity, DNS_ID):
        return identity.hostname.decode("ascii")
    return "" if identity is None else str(identity.ip)
