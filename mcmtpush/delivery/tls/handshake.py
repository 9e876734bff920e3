"""One handshake as the client: what is offered, and how the server's word is judged.

Knows no files and no routes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen
from OpenSSL import SSL
from service_identity import VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.delivery.tls.identity import readable
from mcmtpush.delivery.tls.resumption import Resumption
from mcmtpush.delivery.tls.shortcut import restore, shorten
from mcmtpush.errors import RemoteProtocolError


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
        if self.resumption is not None and isinstance(tls_protocol, TlsProtocol):
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
                reason = f"it is not for {readable(self.identity)}"
            except Exception as error:  # noqa: BLE001 - nothing may leave for C code
                reason = f"it cannot be read: {error}"
            protocol.failVerification(
                Failure(RemoteProtocolError(f"the certificate is refused: {reason}"))
            )
            return False

        return judge


class TlsProtocol(TLSMemoryBIOProtocol):
    """Looks after the session; without Twisted's aggregation of writes.

    Those are batches already.  A session is good for another connection once data
    came behind the handshake, its ticket among them, or once this one is closed.
    """

    _resumption: Resumption | None = None  # while there is something to look after
    _offered: SSL.Session | None = None
    _shaken = False

    def makeConnection(self, transport: ITransport) -> None:
        """TCP is connected."""
        shorten(transport)
        super().makeConnection(transport)

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
        restore(self.transport)
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
