"""The peer: bare `twisted.mail`, throwing every message away.  `bare.py PORT`.

When it is stopped it prints how many it took.
"""

from __future__ import annotations

import sys

from twisted.internet import defer, reactor
from twisted.mail import smtp
from zope.interface import implementer


@implementer(smtp.IMessage)
class Nothing:
    """Takes lines, keeps none."""

    count = 0

    def lineReceived(self, line: bytes) -> None:
        """Throw away."""

    def eomReceived(self) -> defer.Deferred[None]:
        """Say yes."""
        Nothing.count += 1
        return defer.succeed(None)

    def connectionLost(self) -> None:
        """Nothing was kept."""


@implementer(smtp.IMessageDelivery)
class Anybody:
    """Accepts everybody."""

    def receivedHeader(self, helo, origin, recipients):
        """None."""
        return b""

    def validateFrom(self, helo, origin):
        """Everybody."""
        return origin

    def validateTo(self, user):
        """Everybody."""
        return Nothing


class Factory(smtp.SMTPFactory):
    """ESMTP with nothing behind it."""

    protocol = smtp.ESMTP

    def buildProtocol(self, address):
        """One session."""
        protocol = super().buildProtocol(address)
        protocol.delivery = Anybody()
        return protocol


if __name__ == "__main__":
    reactor.listenTCP(int(sys.argv[1]), Factory(), backlog=500, interface="127.0.0.1")
    reactor.run()
    print("took", Nothing.count, flush=True)
