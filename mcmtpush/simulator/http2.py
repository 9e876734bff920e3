"""The simulator's HTTP/2 half, as a Twisted factory.

Only the transport's side: TLS, what it says of the client, and bytes.  What is
done with them is `provider`'s business.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    INegotiated,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.ports import Clock, Dice, Now
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.occasion import Occasions
from mcmtpush.simulator.provider.channel import Channels
from mcmtpush.simulator.provider.identity import Authority, Identity, read_identity
from mcmtpush.simulator.provider.server import Outlet, Server
from mcmtpush.simulator.provider.session import Session
from mcmtpush.simulator.provider.trust import Keyring
from mcmtpush.simulator.provider.verdict import acts_behind
from mcmtpush.simulator.script import Script
from mcmtpush.simulator.vocabulary import APN2


_log = Logger()

ALPN: Final = b"h2"
PATIENCE_SECONDS: Final = 5.0
"""How long a peer may take for its handshake, or to close its side."""


@implementer(IPushProducer)
class _Outlet:
    """A transport as a session sees it.

    Reads nothing while the client does not read its answers, or while the session
    wants nothing; aborts when the client does not close its side.
    """

    def __init__(self, transport: Any, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._full = self._unwanted = self._ending = False
        self._timer: Any = None
        transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        if self._ending:
            return
        self._ending = True
        self._timer = self._clock.callLater(PATIENCE_SECONDS, self.abort)
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    def abort(self) -> None:
        self._ending = True
        self._transport.abortConnection()

    def forget(self) -> None:
        """The connection is gone."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def pause(self) -> None:
        self._unwanted = True
        self._transport.pauseProducing()

    def resume(self) -> None:
        self._unwanted = False
        self._read_if_wanted()

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._full = True
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It reads again."""
        self._full = False
        self._read_if_wanted()

    def stopProducing(self) -> None:
        """The connection is gone, as will be told."""

    def _read_if_wanted(self) -> None:
        if not (self._full or self._unwanted or self._ending):
            self._transport.resumeProducing()


@implementer(IHandshakeListener)
class ApnsHttp2Protocol(Protocol):
    """One client of the provider API."""

    transport: Any

    def __init__(self, server: ApnsHttp2Factory) -> None:
        self._server = server
        self._session: Session | None = None
        self._outlet: _Outlet | None = None
        self._timer: Any = None
        self._warned = False

    def connectionMade(self) -> None:
        """Begin, after the handshake where there is TLS."""
        self._server.connected.add(self)
        if INegotiated.providedBy(self.transport):
            abort = self.transport.abortConnection
            clock = self._server.state.clock
            self._timer = clock.callLater(PATIENCE_SECONDS, abort)
        else:
            self._open(self._server.identity)

    def handshakeCompleted(self) -> None:
        """The TLS client is there; one that does not ask for HTTP/2 gets nothing."""
        self._stop_waiting()
        if self.transport.negotiatedProtocol != ALPN:
            _log.warn("a client without ALPN h2 was turned away")
            self.transport.abortConnection()
            return
        self._open(self._server.identify(self.transport.getHandle()))

    def dataReceived(self, data: bytes) -> None:
        """Bytes for the session."""
        if self._session is None:
            return
        self._session.feed(data)
        if self._session.trust.der and not self._warned:
            self._warned = True
            _log.warn(
                "connection {number}: a provider token has its signature in DER; JWS "
                "wants the 64 bytes of r and s",
                number=self._session.number,
            )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was not told of is told now."""
        _log.debug("HTTP/2 connection: {why}", why=reason.getErrorMessage())
        self._stop_waiting()
        self._server.connected.discard(self)
        if self._session is not None and self._outlet is not None:
            self._outlet.forget()
            self._session.close()

    def _open(self, identity: Identity | None) -> None:
        self._outlet = _Outlet(self.transport, self._server.state.clock)
        self._session = self._server.connect(identity, self._outlet)
        self._session.open()

    def _stop_waiting(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class ApnsHttp2Factory(ServerFactory):
    """The pretend provider API: one for all connections of a server.

    Attributes:
        state: what its connections share.
        identity: of clients that come without TLS; None means that they need
            provider tokens.
    """

    noisy = False

    def __init__(
        self,
        *,
        script: Script,
        journal: Journal,
        clock: Clock,
        now: Now,
        dice: Dice,
        keyring: Keyring | None = None,
        authority: Authority | None = None,
        identity: Identity | None = None,
    ) -> None:
        """`dice` wants to be `random.Random(script.seed)`.

        `keyring` holds the keys whose tokens are believed; `authority` decides
        which client certificates are, and without one none is.
        """
        self.state = Server(
            script,
            journal,
            clock,
            now,
            Occasions(script, dice, APN2, acts_behind),
            keyring or Keyring(),
            Channels(script.http2.channels, dice),
        )
        self.identity = identity
        self.connected: set[ApnsHttp2Protocol] = set()
        self._authority = authority

    def buildProtocol(self, addr: IAddress | None) -> ApnsHttp2Protocol:
        """A client is here."""
        _log.debug("HTTP/2 connection from {peer}", peer=addr)
        protocol = ApnsHttp2Protocol(self)
        protocol.factory = self
        return protocol

    def connect(self, identity: Identity | None, outlet: Outlet) -> Session:
        """Connections are numbered in the order of their handshakes."""
        return Session(self.state, self.state.occasions.connect(), identity, outlet)

    def identify(self, handle: Any) -> Identity | None:
        """What a TLS connection's client certificate says, if there is one."""
        shown = handle.get_peer_certificate(as_cryptography=True)
        if shown is None:
            return None
        chain = handle.get_peer_cert_chain(as_cryptography=True) or ()
        authority = self._authority
        now = self.state.now()
        trusted = authority is not None and authority.trusts(shown, chain, now)
        return read_identity(shown, trusted=trusted)

    def disconnect(self) -> None:
        """Cut every connection off; for whoever takes the listener down."""
        for protocol in list(self.connected):
            protocol.transport.abortConnection()
