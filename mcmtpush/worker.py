"""A worker's process: `python -m mcmtpush.worker`, started by `mcmtpush.workers` only.

Everything it needs to know comes through the pipe, so that it reads no configuration:
what its parent was started with holds for it, too, whatever the files say by now.

Descriptors: 3 is written to, 4 is read from the parent; the others are told.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Final

from twisted.internet import stdio
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, globalLogBeginner

from mcmtpush.config.part import Part, unpack
from mcmtpush.config.settings import Configuration
from mcmtpush.dispatch import hasten
from mcmtpush.duty import Duty
from mcmtpush.errors import ConfigError, StartError
from mcmtpush.files import DiskFiles
from mcmtpush.gateway import Gateway
from mcmtpush.intercom import (
    ORDER_LIMIT,
    ORDERS,
    Begin,
    Counted,
    Declined,
    Ear,
    Emptied,
    Failed,
    Follow,
    Obey,
    Order,
    Ready,
    Resume,
    Stop,
)
from mcmtpush.memory import ProcessMemory, tolerate_garbage
from mcmtpush.parent import Parent, RelayedOrders
from mcmtpush.reception.board import Board
from mcmtpush.spool.lock import SpoolLock
from mcmtpush.world import World


TO_PARENT: Final = 3
FROM_PARENT: Final = 4

COUNT_SECONDS: Final = 5.0
"""Between two reports of all counters."""

EMPTY_SECONDS: Final = 1.0
"""Between two looks at whether a spool is empty."""

GOODBYE_SECONDS: Final = 2.0
"""What the parent gets to take the last words."""

log = Logger()


class KnownFiles(DiskFiles):
    """Files; of scripts that the parent has read, what it read.

    Attributes:
        texts: of those, by path.
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def read(self, path: str) -> bytes:
        """The content; raises OSError."""
        known = self.texts.get(path)
        return super().read(path) if known is None else known.encode()


class Worker:
    """One process's work, from the first word to the last."""

    def __init__(self, reactor: Any, begin: Begin, ear: Ear) -> None:
        self.reactor = reactor
        self.begin = begin
        self.parent = Parent(ear, reactor, heed=self.heed, gone=self.gone)
        self.orders = RelayedOrders(self.parent.tell)
        started, _ = unpack(begin.started)
        self.latest, scripts = unpack(begin.latest)
        self.files = KnownFiles(scripts)
        self.gateway = Gateway(started, self._world())
        self.gateway.configuration.adopt(self.latest)
        self.code = 1
        self._ended = False
        self._leaving = False
        self._counting = LoopingCall(self.count)
        self._counting.clock = reactor
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor

    def _world(self) -> World:
        begin = self.begin
        duty = Duty(
            part=Part(begin.number, begin.of, begin.drains),
            lock=SpoolLock(begin.lock),
            sockets=begin.sockets,
            orders=self.orders,
            board=self._board(),
        )
        return World(
            reactor=self.reactor,
            now=time.time,
            dice=random.SystemRandom(),
            pid=os.getpid,
            memory=ProcessMemory(),
            reread=self._reread,
            files=self.files,
            duty=duty,
        )

    def _board(self) -> Board | None:
        begin = self.begin
        if not begin.board:
            return None
        board = Board.of(begin.board, begin.listens, begin.number - 1)
        os.close(begin.board)
        return board

    def _reread(self) -> tuple[Configuration, list[ConfigError]]:
        """What the parent has read and checked."""
        return self.latest, []

    def start(self) -> None:
        """Once the reactor runs."""
        try:
            self.gateway.startService()
        except StartError as error:
            self.parent.tell(Failed(str(error)))
            self._leave(1)
            return
        self.parent.tell(Ready())
        self._counting.start(COUNT_SECONDS)
        if self.begin.drains:
            self._looking.start(EMPTY_SECONDS)

    def count(self) -> None:
        """Tell the parent how much was done."""
        self.parent.count(self.gateway.counters.snapshot())

    def look(self) -> None:
        """Whether there is nothing left to do, for one that only drains."""
        if self.gateway.empty and not self.orders.pending():
            log.info("the spool is empty")
            self.parent.tell(Emptied())
            self.end()

    # -- orders ----------------------------------------------------------------

    def heed(self, order: Order) -> None:
        """What the parent says; too late for one that is about to leave."""
        if self._leaving:
            return
        match order:
            case Stop(hurry=hurry):
                self.end()
                if hurry:
                    self.gateway.hurry()
            case Follow(configuration=text) if not self._ended:
                self._follow(text)
            case Resume() if not self._ended:
                self.gateway.resume()
            case Obey():
                self.orders.take(order)

    def _follow(self, text: str) -> None:
        if not text:
            self.gateway.reopen()
            return
        before = self.latest, self.files.texts
        self.latest, self.files.texts = unpack(text)
        if not self.gateway.reload():
            self.latest, self.files.texts = before
            self.parent.tell(Declined())

    def gone(self) -> None:
        """The parent is: nobody would replace this one, and the spool is wanted."""
        if self._leaving:
            self._stop()
        else:
            self.end()

    def end(self) -> None:
        """Drain, say goodbye, leave; only the first time."""
        if self._ended:
            return
        self._ended = True
        if self._looking.running:
            self._looking.stop()
        Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        # Counters are told meanwhile, too: who says nothing is taken to hang.
        await self.gateway.stopService()
        if self._counting.running:
            self._counting.stop()
        self.parent.tell(Counted(dict(self.gateway.counters.snapshot())))
        self._leave(0)

    def _leave(self, code: int) -> None:
        self.code, self._ended, self._leaving = code, True, True
        if self.parent.leave():
            self.reactor.callLater(GOODBYE_SECONDS, self._stop)
        else:
            self._stop()

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):
            self.reactor.stop()


def main() -> int:
    """Work until the parent says so, or is gone; the exit code."""
    from twisted.internet import reactor as installed  # noqa: PLC0415 - only now

    reactor: Any = installed
    reactor.seconds = time.monotonic
    hasten(reactor)
    tolerate_garbage()
    for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.set_blocking(descriptor, False)  # nobody may be reading
    begin, ear = listen()
    worker = Worker(reactor, begin, ear)
    observer: Any = worker.parent.observe
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    pipes: Any = stdio.StandardIO
    pipes(worker.parent, stdin=FROM_PARENT, stdout=TO_PARENT, reactor=reactor)
    heed_signals(reactor, worker)
    reactor.callWhenRunning(worker.start)
    reactor.run(installSignalHandlers=False)
    return worker.code


def listen() -> tuple[Begin, Ear]:
    """Wait for the first word, which the parent says before any other."""
    ear = Ear(ORDERS, ORDER_LIMIT)
    while data := os.read(FROM_PARENT, 1):
        for begin in ear.feed(data):
            assert isinstance(begin, Begin)  # noqa: S101 - for the checker of types
            return begin, ear
    raise SystemExit("mcmtpush: a worker is started by its parent only")


def heed_signals(reactor: Any, worker: Worker) -> None:
    """SIGTERM and SIGINT drain; the parent starts another one, unless it ends, too.

    All else is said by the parent: a terminal sends its signals to everybody.
    """

    def end(_: int, __: object) -> None:
        reactor.callFromThread(worker.end)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
