"""The ceiling: a server that says what a client waits for and reads nothing.

    deaf.py PORT [FOLDER [APNS-PORT]]

It looks at the first letter of a command and for the end of a message, no further:
no addresses, no limits, no content, no queue, no log.  With a FOLDER every message
is a row of a SQLite database there, committed as durably and in groups as mcmtpush
does, before its 250; what is faster than that on Twisted's transports keeps less.
Several can share a port.  With an APNS-PORT what is durable is passed on to the
simulator there over HTTP/2, and stays in the database.

When it is stopped it prints how many it took.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure


GONE = Failure(ConnectionDone())
FINE, GO, KEPT, BYE = b"250 fine\r\n", b"354 go\r\n", b"250 kept\r\n", b"221 bye\r\n"


class Nowhere:
    """Keeps nothing."""

    def store(self, deaf: Deaf, _content: bytes) -> None:
        """Say yes."""
        deaf.kept()


class Disk:
    """Commits all that came in one turn, one commit at a time."""

    def __init__(self, path: Path, pass_on: Callable[[int], None]) -> None:
        self.path, self.pass_on = path, pass_on
        self.waiting: list[tuple[Deaf, bytes]] = []
        self.busy = self.booked = False
        self.batches: SimpleQueue[list[tuple[Deaf, bytes]]] = SimpleQueue()
        threading.Thread(target=self.work, daemon=True).start()

    def store(self, deaf: Deaf, content: bytes) -> None:
        """Wait for the others of this turn."""
        self.waiting.append((deaf, content))
        if not self.booked:
            self.booked = True
            reactor.callLater(0, self.look)

    def look(self) -> None:
        """The next commit, if none is under way."""
        self.booked = False
        if self.waiting and not self.busy:
            self.busy = True
            self.batches.put(self.waiting)
            self.waiting = []

    def work(self) -> None:
        """The thread that commits."""
        database = sqlite3.connect(self.path, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE entry (row INTEGER PRIMARY KEY, content BLOB)")
        while True:
            batch = self.batches.get()
            rows = [(content,) for _, content in batch]
            database.execute("BEGIN")
            database.executemany("INSERT INTO entry (content) VALUES (?)", rows)
            database.execute("COMMIT")
            reactor.callFromThread(self.done, batch)

    def done(self, batch: list[tuple[Deaf, bytes]]) -> None:
        """These are durable."""
        for deaf, _ in batch:
            deaf.kept()
        self.pass_on(len(batch))
        self.busy = False
        self.look()


def stay(_count: int) -> None:
    """What is kept is not passed on."""


class Deaf(Protocol):
    """One session."""

    disk: Nowhere | Disk
    taken = 0
    content = b""
    reading = False

    def connectionMade(self):
        """A banner, straight to the system as all replies."""
        self.said = self.transport.getHandle().send
        self.said(b"220 deaf ESMTP\r\n")

    def dataReceived(self, data):
        """A command, or a piece of a message."""
        if self.reading:
            self.content += data
            if self.content.endswith(b"\r\n.\r\n"):
                content, self.content, self.reading = self.content, b"", False
                self.disk.store(self, content)
        elif data[:1] == b"D":
            self.reading = True
            self.said(GO)
        elif data[:1] == b"Q":
            self.said(BYE)
            self.transport.connectionLost(GONE)
        else:
            self.said(FINE)

    def kept(self):
        """The message may be answered."""
        Deaf.taken += 1
        self.said(KEPT)


def main(port: int, folder: str = "", apns_port: str = "") -> None:
    """Serve until SIGTERM."""
    listening = socket.create_server(("127.0.0.1", port), backlog=500, reuse_port=True)
    listening.setblocking(False)
    factory = Factory.forProtocol(Deaf)
    factory.noisy = False
    pass_on = stay
    if apns_port:
        import onward  # noqa: PLC0415 - beside this file

        credentials = Path(folder) / "spool" / "development"
        pass_on = onward.connect(int(apns_port), credentials).pass_on
    name = f"deaf-{os.getpid()}.db"
    Deaf.disk = Disk(Path(folder) / name, pass_on) if folder else Nowhere()
    reactor.adoptStreamPort(listening.fileno(), socket.AF_INET, factory)
    reactor.run()
    print("took", Deaf.taken, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
