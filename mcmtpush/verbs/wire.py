"""One TLS connection that waits: for verbs, which have nothing else to do.

Certificates are presented and verified exactly as the gateway does it.  Knows no
HTTP/2 and no notifications.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Any, Final

from attrs import define, evolve, field
from OpenSSL import SSL
from twisted.python.failure import Failure

from mcmtpush.config.views import DeliverySettings, ProxySettings, Route
from mcmtpush.delivery.tls.context import TlsContexts
from mcmtpush.errors import McmtPushError


ALPN: Final = b"h2"
PATIENCE_SECONDS: Final = 30
"""The gateway may wait longer for a connection; somebody at a terminal does not."""

_PIECE: Final = 65536
_LONGEST_ANSWER: Final = 16384  # of a proxy


class WireError(McmtPushError):
    """The other side was not reached, or went away; the text says at which step."""


@define
class _Verdict:
    """What the verification of the server's certificate says, if it says no."""

    failure: Failure | None = None

    def failVerification(self, failure: Failure) -> None:  # noqa: N802 - Twisted's
        """Called in the handshake."""
        self.failure = failure


@define(eq=False)
class Wire:
    """A connection, after its handshake.

    Attributes:
        peer: the address that was connected to.
        version: of TLS.
    """

    peer: str
    version: str
    _socket: socket.socket = field(repr=False)
    _tls: SSL.Connection = field(repr=False)
    _deadline: float = field(repr=False)

    def send(self, data: bytes) -> None:
        """Write all of it; raises WireError."""
        if data:
            self._tls.sendall(data)
            _flush(self._socket, self._tls, self._deadline)

    def receive(self) -> bytes:
        """What came, at least a byte, or nothing at the end; raises WireError."""
        while True:
            try:
                return bytes(self._tls.recv(_PIECE))
            except SSL.WantReadError:
                if not _fill(self._socket, self._tls, self._deadline):
                    return b""
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                raise WireError(f"TLS ended: {_reason(error)}") from error

    def close(self) -> None:
        """At once."""
        self._socket.close()


def connect(route: Route, settings: DeliverySettings) -> Wire:
    """Connect to a route over HTTP/2 as the gateway would, within its time limits.

    Raises WireError, and ConfigError when a certificate cannot be used.
    """
    tls = settings.tls
    if settings.key is not None:
        # Who presents a certificate is not asked for a token.
        tls = evolve(tls, certificate=None, key=None)
    creator = TlsContexts(tls).creator(route.host)
    patience = min(settings.connect_timeout_seconds, PATIENCE_SECONDS)
    deadline = time.monotonic() + patience
    link, peer = _reach(route, settings, deadline)
    try:
        verdict = _Verdict()
        connection: Any = creator.clientConnectionForTLS(verdict)  # type: ignore[arg-type]
        connection.set_alpn_protos([ALPN])
        connection.set_connect_state()
        _shake_hands(link, connection, verdict, deadline)
    except BaseException as error:
        link.close()
        if isinstance(error, WireError):
            raise WireError(f"{peer}: {error}") from error
        raise
    waiting = time.monotonic() + settings.request_timeout_seconds
    version = connection.get_protocol_version_name()
    return Wire(peer, version, link, connection, waiting)


def _reach(
    route: Route, settings: DeliverySettings, deadline: float
) -> tuple[socket.socket, str]:
    """A TCP connection to the route or through the proxy, and whom it leads to."""
    proxy = settings.proxy
    port = route.port or 443
    near = (route.host, port) if proxy is None else (proxy.host, proxy.port)
    bind = settings.bind_address
    try:
        link = socket.create_connection(
            near, _left(deadline), None if bind is None else (bind, 0)
        )
    except OSError as error:
        name = f"{near[0]}:{near[1]}"
        who = name if proxy is None else f"the proxy {name}"
        raise WireError(f"{who} cannot be reached: {_why(error)}") from error
    if proxy is None:
        host, port = link.getpeername()[:2]
        return link, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        _pass_proxy(link, proxy, _authority(route.host, port), deadline)
    except BaseException:
        link.close()
        raise
    return link, f"{_authority(route.host, port)} through {near[0]}:{near[1]}"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _pass_proxy(
    link: socket.socket, proxy: ProxySettings, target: str, deadline: float
) -> None:
    """HTTP's CONNECT; RFC 9110, section 9.3.6."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    answer = b""
    try:
        link.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER:
            link.settimeout(_left(deadline))
            data = link.recv(_PIECE)
            if not data:
                break
            answer += data
    except OSError as error:
        raise WireError(f"the proxy does not answer: {_why(error)}") from error
    status = re.match(rb"HTTP/1\.[01] ([0-9]{3})([ -~]*)", answer)
    if status is None:
        raise WireError("the proxy does not speak HTTP")
    if not status[1].startswith(b"2"):
        text = (status[1] + status[2]).decode("ascii")
        hint = "; check user and password in apn_proxy" if status[1] == b"407" else ""
        raise WireError(f"the proxy refuses the connection: {text}{hint}")


def _shake_hands(
    link: socket.socket, tls: SSL.Connection, verdict: _Verdict, deadline: float
) -> None:
    while True:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            _flush(link, tls, deadline)
            if not _fill(link, tls, deadline):
                raise WireError("closed during the TLS handshake") from None
        except SSL.Error as error:
            if verdict.failure is not None:
                raise WireError(verdict.failure.getErrorMessage()) from error
            raise WireError(f"no TLS: {_reason(error)}") from error
        else:
            _flush(link, tls, deadline)
            break
    if tls.get_alpn_proto_negotiated() != ALPN:
        raise WireError("HTTP/2 is not offered there (ALPN h2)")


def _flush(link: socket.socket, tls: SSL.Connection, deadline: float) -> None:
    """Send what TLS has to say."""
    while True:
        try:
            data = tls.bio_read(_PIECE)
        except SSL.WantReadError:
            return
        try:
            link.settimeout(_left(deadline))
            link.sendall(data)
        except OSError as error:
            raise WireError(f"the connection broke: {_why(error)}") from error


def _fill(link: socket.socket, tls: SSL.Connection, deadline: float) -> bool:
    """Give TLS what came; False at the end."""
    try:
        link.settimeout(_left(deadline))
        data = link.recv(_PIECE)
    except TimeoutError:
        raise WireError("no answer in time") from None
    except OSError as error:
        raise WireError(f"the connection broke: {_why(error)}") from error
    if data:
        tls.bio_write(data)
    return bool(data)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise WireError("no answer in time")
    return left


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words, such as "tlsv1 alert unknown ca"."""
    queue = error.args[0] if error.args else None
    if isinstance(queue, list) and queue:
        return str(queue[-1][-1])
    return str(error) or type(error).__name__
