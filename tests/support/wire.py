"""Wires between protocols, whose bytes move when the test says so."""

from __future__ import annotations

from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.python.failure import Failure


LOOPBACK = IPv4Address("TCP", "127.0.0.1", 40000)
HOST_BUFFER = 4096  # bytes on a wire that make its writer pause


@define(eq=False)
class End:
    """One end of a wire, as a transport; bytes move when the wire does."""

    protocol: Any
    peer: Any = None
    out: bytes = b""
    reading: bool = True
    disconnecting: bool = False
    aborted: bool = False
    producer: Any = None
    choked: bool = False

    def write(self, data: bytes) -> None:
        if self.disconnecting:
            return
        self.out += data
        if self.producer is not None and len(self.out) > HOST_BUFFER:
            self.choked = True
            self.producer.pauseProducing()

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.disconnecting = self.aborted = True

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def getPeer(self) -> IPv4Address:
        return LOOPBACK

    getHost = getPeer

    def setTcpKeepAlive(self, _on: object) -> None:
        """Nothing to keep alive."""

    setTcpNoDelay = setTcpKeepAlive

    def take(self) -> bytes:
        """What was written, which leaves; the writer may go on."""
        data, self.out = self.out, b""
        if self.choked:
            self.choked = False
            if self.producer is not None:
                self.producer.resumeProducing()
        return data


class Wire:
    """Two protocols that are connected.  An abort loses what is under way."""

    def __init__(self, ours: Any, theirs: Any) -> None:
        self.ends = ours, theirs = End(ours), End(theirs)
        ours.peer, theirs.peer = theirs, ours
        self.cut = False
        theirs.protocol.makeConnection(theirs)
        ours.protocol.makeConnection(ours)

    def move(self) -> bool:
        """Carry what there is once in each direction; whether there was any."""
        if self.cut:
            return False
        if any(end.aborted for end in self.ends):
            self._cut(ConnectionLost, ConnectionAborted)
            return True
        moved = [self._carry(end) for end in self.ends]
        if any(end.disconnecting and not end.out for end in self.ends):
            self._cut(ConnectionDone, ConnectionDone)
            return True
        return any(moved)

    def kill(self) -> None:
        """Our process is dead: what it wrote still arrives."""
        ours, theirs = self.ends
        if not self.cut:
            self.cut = True
            if ours.out and not theirs.disconnecting:
                theirs.protocol.dataReceived(ours.out)
            theirs.protocol.connectionLost(Failure(ConnectionLost()))

    def _carry(self, end: End) -> bool:
        if not end.out or not end.peer.reading:
            return False
        end.peer.protocol.dataReceived(end.take())
        return True

    def _cut(self, reason: type[Exception], own: type[Exception]) -> None:
        self.cut = True
        for end in self.ends:
            end.protocol.connectionLost(Failure(own() if end.aborted else reason()))
