"""Replies on their way out: handed to the system at once where that is possible.

Twisted's transports write at the next turn of the reactor, at the price of two
system calls and a turn for each reply; a dialogue of seven replies a message feels
it.  What the system does not take at once goes the transport's way.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone


class Outflow:
    """Writes to one transport; used for everything that is written to it.

    Once the transport has bytes of its own to send (or speaks TLS), all goes
    through it, so that the order is kept; `producer` is then registered with it and
    told when it has too many.
    """

    def __init__(self, transport: Any, producer: IPushProducer) -> None:
        self._transport = transport
        self._producer: IPushProducer | None = producer
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        plain = isinstance(handle, socket.socket)
        self._socket: socket.socket | None = handle if plain else None
        if not plain:
            transport.registerProducer(producer, True)

    @property
    def direct(self) -> bool:
        """Whether nothing ever waited to be sent."""
        return self._socket is not None

    def write(self, data: bytes) -> None:
        """Send this behind all that was written before."""
        if self._socket is None:
            self._transport.write(data)
            return
        try:
            sent = self._socket.send(data)
        except OSError:
            # Full, or broken: the transport finds out which.
            sent = 0
        if sent < len(data):
            self.divert()
            self._transport.write(data[sent:])

    def close(self) -> None:
        """Hang up behind what was written.

        Where nothing waits to be sent, at once: Twisted would ask the system whether
        the connection can be written to, at the price of a turn and three system
        calls.  Call it from what the reactor does for this very connection or from a
        timer, as there may be events of others that are not looked at yet.
        """
        if self._socket is None:
            self._transport.unregisterProducer()
            self._transport.loseConnection()
        else:
            self._transport.connectionLost(connectionDone)

    def end(self) -> None:
        """The transport is gone: let go of all, so that no garbage is to be found."""
        self._socket = self._transport = self._producer = None

    def divert(self) -> None:
        """From now on everything goes through the transport."""
        if self._socket is not None:
            self._socket = None
            self._transport.registerProducer(self._producer, True)
