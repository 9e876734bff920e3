"""The composition root: every part is built here, every arrow drawn here.

An arrow that is not on this screen does not exist.  Only this file, `workers`, `tap`
and `worker` know the reactor.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TextIO

from attrs import field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.names.client import createResolver
from twisted.python.failure import Failure

from mcmtpush.config.current import Current
from mcmtpush.config.part import ALONE, Part
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ListenSettings, ScriptSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.notice import Notifier
from mcmtpush.disposition.settle import Settler
from mcmtpush.embedded import EmbeddedSimulator
from mcmtpush.errors import McmtPushError
from mcmtpush.files import DiskFiles
from mcmtpush.hooks.chain import Chain, Provider
from mcmtpush.hooks.loading import load as load_policy
from mcmtpush.hooks.policy import Policy
from mcmtpush.lanes import Lanes
from mcmtpush.obedience import Obedience, OrderSource
from mcmtpush.pollers import Pollers
from mcmtpush.ports import Dice, Files, Memory, Now, Spool
from mcmtpush.pressure import Pressure
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.reception.acceptance import Destination
from mcmtpush.reception.board import Board
from mcmtpush.reception.esmtp import EsmtpFactory
from mcmtpush.reception.listener import Listener
from mcmtpush.reception.session import Sessions
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.records.logfile import ALONE as LOG_ALONE
from mcmtpush.records.token import TokenEvents
from mcmtpush.records.writer import RecordLogs
from mcmtpush.reload import Reload, Reread
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.lock import FileLock
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.order import Orders
from mcmtpush.spool.worker import WriterThread
from mcmtpush.spool.writer import SpoolWriter
from mcmtpush.values import Attempt, Entry, MessageIds, QueueKey, Submission


GOODBYE_SECONDS = 5.0
"""What sessions get at shutdown to finish their transaction."""

PURGE_SECONDS = 3600.0
"""Between two looks at dead letters that have been kept for long enough."""

SETTLED_SECONDS = 10.0
"""What records and spool get at shutdown to take what was settled."""

LEDGER = "workers.db"
"""In the spool folder: what limits are counted in over all workers."""

log = Logger()


class StartError(McmtPushError):
    """The program cannot start; one line says why."""


@frozen
class Duty:
    """What a worker has of its parent; a process without one has none of it.

    Attributes:
        part: of the work.
        lock: of the spool, inherited.
        sockets: by listen address, descriptors that are inherited.
        orders: where operators' orders come from, instead of the spool's folder.
        board: how many sessions other workers have.
    """

    part: Part = ALONE
    lock: TextIO | None = None
    sockets: Mapping[str, int] = field(factory=dict)
    orders: OrderSource | None = None
    board: Board | None = None


@frozen
class World:
    """What the outside lends: the only place where it comes in.

    Attributes:
        reactor: Twisted's, with timers that do not jump.
        now: the wall clock.
        dice: chance.
        pid: asked late, since daemonising changes it.
        memory: how much of it is used.
        reread: the configuration, as its files are now.
        files: where scripts of policy are.
        duty: of a worker.
    """

    reactor: Any
    now: Now
    dice: Dice
    pid: Callable[[], int]
    memory: Memory
    reread: Reread
    files: Files = field(factory=DiskFiles)
    duty: Duty = Duty()


@frozen
class Intake:
    """The `Reception` port: durable first, then queued, then told."""

    spool: Spool
    scheduler: Scheduler

    def accept(self, submission: Submission) -> Deferred[None]:
        """Fires once every message is durable and in its queue."""
        return self.spool.store(submission).addCallback(self._enqueue)

    def _enqueue(self, entries: Sequence[Entry]) -> None:
        """What is durable is accepted: a fault here must not be answered 451."""
        try:
            self.scheduler.enqueue(
                [(entry.message.key, entry) for entry in entries if entry.message]
            )
        except McmtPushError:
            log.failure("not queued; the next start will find it in the spool")


class Gateway(Service):
    """The whole program: built at start, drained at stop."""

    def __init__(self, configuration: Configuration, world: World) -> None:
        self.configuration = Current(configuration, world.duty.part)
        self.world = world
        self.counters = Counters()
        self._recovering = self._cleaning = True
        self._hurried = False
        self._waiting: Deferred[None] | None = None

    # -- built -------------------------------------------------------------------

    def build(self) -> None:
        """Every part and every arrow.  Opens the spool; raises McmtPushError."""
        world, counters, duty = self.world, self.counters, self.world.duty
        clock, now = world.reactor, world.now
        process = self.configuration.process()
        self.ids = MessageIds(world.pid(), world.dice.randrange(0x10000))
        self.simulator = EmbeddedSimulator.of(process, clock, now)
        # All workers write the same files.
        writing: AbstractContextManager[object] = LOG_ALONE
        if duty.part != ALONE:
            writing = FileLock(self._shared("records.lock"))
        self.tokens = TokenEvents(
            process.token_events, process.token_events_mode, writing
        )
        self.records = RecordLogs(
            process.loggers,
            tokens=self.tokens,
            clock=clock,
            now=now,
            counters=counters,
            lock=writing,
            heartbeats=duty.part.first,
        )
        self.spool = SpoolWriter(
            open_spool(
                process.spoolbase,
                mode=process.spool_mode,
                force_fsync=process.force_fsync,
                pid=world.pid(),
                lock=duty.lock,
            ),
            worker=WriterThread(),
            to_reactor=clock.callFromThread,
            clock=clock,
            counters=counters,
        )
        self.policy = Policy()
        self.ledger = self._ledger()
        self.lanes = Lanes(
            reactor=clock,
            configuration=self.configuration,
            mails=self.spool,
            now=now,
            dice=world.dice,
            counters=counters,
            resolver=createResolver,
            policy=self.policy,
            ledger=self.ledger,
        )
        self.pollers = Pollers(
            clock=clock,
            dice=world.dice,
            counters=counters,
            tokens=self.tokens,
            connector=self.lanes.connector,
        )
        self.scheduler = Scheduler(
            clock=clock,
            now=now,
            spool=self.spool,
            settings_for=self.configuration.queue,
            open_lane=self.lanes.open,
            expire=self._expire,
            counters=counters,
            scan_interval_seconds=process.delayed_queue_scan_interval_seconds,
            max_resident_messages=process.max_resident_messages,
        )
        self.pressure = Pressure(
            goal=process.memory_goal_percent,
            high_water=process.memory_hwm_percent,
            memory=world.memory,
            seconds=clock.seconds,
            save=self.scheduler.save_memory,
            tell=_say_memory,
        )
        intake, sessions = Intake(self.spool, self.scheduler), self._sessions()
        contexts = ServerContexts()
        notices = Notifier(
            mails=self.spool,
            reception=intake,
            route=self.configuration.routing_key,
            settings_for=self.configuration.queue,
            ids=self.ids,
            hostname=process.hostname,
            now=now,
            counters=counters,
        )
        self.settler = Settler(
            records=self.records,
            spool=self.spool,
            notices=notices,
            queues=self.scheduler,
            settings_for=self.configuration.queue,
            now=now,
            clock=clock,
            counters=counters,
        )
        self.lanes.disposition = self.policy.disposition = self.settler
        orders = duty.orders or Orders(process.spoolbase)
        self.obedience = Obedience(orders, self.scheduler, clock)
        self.listener = Listener(
            clock,
            [
                (listen, self._esmtp(listen, intake, sessions, contexts))
                for listen in process.listens
            ],
            duty.sockets,
            sessions,
        )
        self.reloading = Reload(
            current=self.configuration,
            reread=world.reread,
            contexts=contexts,
            lanes=self.lanes,
            scheduler=self.scheduler,
            pollers=self.pollers,
            pressure=self.pressure,
            notices=notices,
            policy=self.policy,
            load_policy=self._load_policy,
            # Reading empties Apple's list: only for who keeps what is read.
            polls=process.token_events is not None and duty.part.first,
        )

    def _shared(self, name: str) -> str:
        """The path of a file that is the same for all workers."""
        folder = self.configuration.started.process().spoolbase
        return posixpath.join(folder, name)

    def _ledger(self) -> Ledger | None:
        part = self.world.duty.part
        if part == ALONE:
            return None
        path, seconds = self._shared(LEDGER), self.world.reactor.seconds
        return Ledger(path, worker=part.number, seconds=seconds)

    def _sessions(self) -> Sessions:
        board = self.world.duty.board
        if board is None:
            return Sessions()
        return Sessions(board, FileLock(self._shared("sessions.lock")))

    def _take(self, *, taking: bool) -> None:
        """Tell other workers whether this one takes connections."""
        if self.world.duty.board is not None:
            self.world.duty.board.open(taking=taking)

    def _load_policy(self, scripts: Sequence[ScriptSettings]) -> Chain | None:
        """Raises ConfigErrors."""

        def make(providers: Sequence[Provider]) -> Chain:
            return Chain(providers, self.counters, log, self.world.reactor.seconds)

        def warn(text: str) -> None:
            log.warn("{text}", text=text)

        return load_policy(scripts, self.world.files, warn, make)

    def _expire(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        self.settler.settle(key, attempts)

    def _esmtp(
        self,
        listen: ListenSettings,
        intake: Intake,
        sessions: Sessions,
        contexts: ServerContexts,
    ) -> EsmtpFactory:
        return EsmtpFactory(
            listen=listen.address,
            settings_for=lambda peer: self.configuration.reception(
                listen.address, peer
            ),
            route=self._route,
            reception=intake,
            ids=self.ids,
            clock=self.world.reactor,
            now=self.world.now,
            counters=self.counters,
            sessions=sessions,
            is_full=self.pressure.is_full,
            no_delay=listen.disable_nagle_algorithm,
            contexts=contexts,
        )

    def _route(self, domain: str) -> Destination:
        key = self.configuration.routing_key(domain)
        settings = self.configuration.queue(key)
        return Destination(
            key, settings.delivery_method, blackholed=settings.blackhole == "inline"
        )

    # -- started -----------------------------------------------------------------

    def startService(self) -> None:
        """Open everything or raise StartError; called by twistd once it has forked."""
        super().startService()
        try:
            self.build()
            self._open()
        except McmtPushError as error:
            log.critical("not started: {error}", error=str(error))
            raise StartError(str(error)) from error

    def _open(self) -> None:
        self.spool.start()
        at_once(self.simulator.start())
        reason = self.records.start()
        if reason is not None:
            raise StartError(reason)
        self.policy.adopt(self._load_policy(self.configuration.process().scripts))
        at_once(self.listener.start())
        self._take(taking=True)
        recovered = self.scheduler.start()
        _watched("recovery of the spool", recovered.addCallback(self._recovered))
        self._purge()
        if self.reloading.polls:
            self.pollers.follow(self.configuration.latest)

    def _recovered(self, _: None) -> None:
        self._recovering = False
        if self.running:
            self.obedience.start()

    def _purge(self) -> None:
        """Give up the dead letters whose time is over, every hour."""
        self._cleaning = True
        purged = self.spool.purge_dead(self.world.now())
        _watched("purge of dead letters", purged.addBoth(self._purged))
        self._purging = self.world.reactor.callLater(PURGE_SECONDS, self._purge)

    def _purged(self, outcome: Any) -> Any:
        self._cleaning = False
        return outcome

    # -- stopped -----------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more, settle what was written, leave the rest on the disk."""
        super().stopService()
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        """In the order of a message's way; every step is bounded."""
        log.info("draining")
        self._purging.cancel()
        self.pollers.stop()
        self.obedience.stop()
        self._take(taking=False)
        await self._unless_hurried(self.listener.drain(GOODBYE_SECONDS))
        await self._unless_hurried(self.scheduler.drain())
        await self._unless_hurried(Deferred.fromCoroutine(self._settled()))
        await self.spool.stop()
        if self.ledger is not None:
            self.ledger.close()
        self.policy.adopt(None)
        self.records.close()
        await self.simulator.stop()
        log.info("drained; {counts}", counts=readable(self.counters.snapshot()))

    def hurry(self) -> None:
        """A second signal: wait for nothing more but the spool's last commit."""
        log.warn("in a hurry: what is not settled stays on the disk")
        self._hurried = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def _unless_hurried(self, step: Deferred[Any]) -> None:
        if not self._hurried:
            self._waiting = Deferred()
            await DeferredList([step, self._waiting], fireOnOneCallback=True)
            self._waiting = None

    async def _settled(self) -> None:
        reactor = self.world.reactor
        end = reactor.seconds() + SETTLED_SECONDS
        self.settler.flush()
        while not (self.settler.idle or self._hurried) and reactor.seconds() < end:
            await deferLater(reactor, 0.02)
            self.settler.flush()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to do, and all that was done is noted."""
        left = self._recovering or self._cleaning or self.scheduler.queued
        return not left and self.settler.idle

    def resume(self) -> None:
        """An operator's order, by SIGUSR2: go on with what was suspended or held."""
        lanes, messages = self.lanes.resume(), self.scheduler.release(None)
        log.info(
            "resumed {lanes} suspended lanes, released {messages} held messages",
            lanes=lanes,
            messages=messages,
        )

    def reload(self) -> bool:
        """By SIGHUP: logs may have been rotated, the configuration changed.

        False when the configuration cannot be followed.
        """
        log.info("reopening the record logs, reading the configuration again")
        self.reopen()
        return not self.running or self.reloading.run()

    def reopen(self) -> None:
        """Logs may have been rotated."""
        self.records.reopen()


def at_once(opening: Deferred[Any]) -> None:
    """Sockets open within the call or not at all: raise what went wrong."""
    failures: list[Failure] = []
    opening.addErrback(failures.append)
    for failure in failures:
        failure.raiseException()


def _watched(what: str, deferred: Deferred[Any]) -> None:
    deferred.addErrback(
        lambda failure: log.failure("{what} failed", failure, what=what)
    )


def _say_memory(what: str, used: float, limit: float) -> None:
    log.warn(
        "{what}: {used:.0f} % are used, the limit is {limit} %",
        what=what,
        used=used,
        limit=limit,
    )


def readable(counts: Mapping[str, int]) -> str:
    """Counters in one line."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())
