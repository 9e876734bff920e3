"""Passing on: an HTTP/2 connection that makes the same request of every message.

The codec is mcmtpush's own, with no queue, record or deadline around it: what is
refused or lost stays so, and nobody is told.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.internet.protocol import ClientFactory, Protocol

from mcmtpush.apns.requests import RequestDefaults, build_request
from mcmtpush.apns.streams import Streams
from mcmtpush.values import PushPart


PUSH = PushPart("0123456789abcdef" * 4, b'{"aps":{"alert":"You have mail"}}')
DEFAULTS = RequestDefaults("com.example.app", "alert", 10)


class Onward(Protocol):
    """One connection; what cannot be asked yet waits as a number."""

    waiting = asked = 0

    def __init__(self) -> None:
        self.streams = Streams(b"localhost", stream_limit=1000, careful=False)

    def connectionMade(self):
        """The first words."""
        self.streams.begin()
        self.transport.write(self.streams.output())

    def dataReceived(self, data):
        """Answers make room."""
        self.streams.feed(data)
        self.pass_on(0)

    def pass_on(self, count: int) -> None:
        """So many more."""
        self.waiting += count
        now, streams = time.time(), self.streams
        while self.waiting and streams.ready and streams.takes(len(PUSH.payload)):
            self.waiting -= 1
            self.asked += 1
            name = f"{self.asked:08X}/00-00001-00000000"
            request = build_request(PUSH, message_id=name, now=now, defaults=DEFAULTS)
            streams.open(request, name)
        self.transport.write(streams.output())

    def connectionLost(self, reason=None):
        """Whoever waits for the journal will see."""
        print("passes nothing on any more:", reason, file=sys.stderr)


def connect(port: int, credentials: Path) -> Onward:
    """To the simulator on this port, with what it made in its folder."""
    onward = Onward()
    factory = ClientFactory.forProtocol(lambda: onward)
    factory.noisy = False
    options = ssl.optionsForClientTLS(
        "localhost",
        trustRoot=ssl.Certificate.loadPEM((credentials / "ca.pem").read_bytes()),
        clientCertificate=ssl.PrivateCertificate.loadPEM(
            (credentials / "client.key").read_bytes()
            + (credentials / "client.pem").read_bytes()
        ),
        acceptableProtocols=[b"h2"],
    )
    reactor.connectSSL("127.0.0.1", port, factory, options)
    return onward
