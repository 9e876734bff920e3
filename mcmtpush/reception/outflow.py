"""Replies on their way out: handed to the system at once where that is possible.

Twisted's transports write at the next turn of the reactor, at the price of two
system calls and a turn for each reply; a dialogue of seven replies a message feels
it.  What the system does not take at once goes the transport's way.
"""

from __future__ import annotations

import socket
from typing import Any


class Outflow:
    """Writes to one transport; used for everything that is written to it.

    Once the transport has bytes of its own to send (or speaks TLS), all goes
    through it, so that the order is kept.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        plain = isinstance(handle, socket.socket)
        self._socket: socket.socket | None = handle if plain else None

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

    def divert(self) -> None:
        """From now on everything goes through the transport."""
        self._socket = None
